"""Search's operations page."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
from search_support.chat import ChatDouble
from search_support.reader import Reader

from webox_kit.testing import Keys


async def page(client: httpx.AsyncClient, keys: Keys) -> str:
    headers = keys.user_headers("search", role="admin")
    response = await client.get("/ops", headers=headers)
    assert response.status_code == 200
    return response.text


class TestPage:
    async def test_before_the_first_build(self, client: httpx.AsyncClient, keys: Keys) -> None:
        assert "There is no index yet" in await page(client, keys)

    async def test_documents_size_and_freshness(
        self,
        client: httpx.AsyncClient,
        keys: Keys,
        chat: ChatDouble,
        reader: Reader,
        events: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        async with events():
            conversation = await chat.start("Le titre", "La question")
            await reader.finds("question", conversation)

        text = " ".join((await page(client, keys)).split())

        assert "serving" in text
        for label in ("Titles and messages", "Size", "Last change indexed", "chat: not yet read"):
            assert label in text
        assert "There is no index yet" not in text

    async def test_not_for_users(self, client: httpx.AsyncClient, keys: Keys) -> None:
        response = await client.get("/ops", headers=keys.user_headers("search"))

        assert response.status_code == 403
