"""What other services ask of search."""

import httpx
from search_support.asking import Events
from search_support.chat import ALICE, BOB, ChatDouble
from search_support.reader import Reader

from webox_kit.testing import Keys


async def test_all_conversations_that_match_in_pages(
    events: Events, client: httpx.AsyncClient, chat: ChatDouble, reader: Reader, keys: Keys
) -> None:
    headers = keys.service_headers("search", "exporter")
    path = f"/internal/users/{ALICE}/matches"
    async with events():
        mine = [await chat.start(f"canari {number}", "bonjour") for number in range(5)]
        await chat.start("autre chose", "bonjour")
        await chat.start("canari d'autrui", "bonjour", user_id=BOB)
        await reader.finds("canari", *mine)

        found: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await client.get(
                path, params={"q": "canari", "limit": 2, **cursor}, headers=headers
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert page["total"] == 5
            found += page["conversation_ids"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert sorted(found) == sorted(mine)

    for wrong in ({}, {"q": ""}, {"q": "x", "colour": "red"}):
        assert (await client.get(path, params=wrong, headers=headers)).status_code == 400
    for nobody in ({}, keys.user_headers("search", ALICE)):
        assert (await client.get(path, params={"q": "x"}, headers=nobody)).status_code == 401
