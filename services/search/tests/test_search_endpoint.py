"""`GET /api/chat/search`, as its users meet it."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from search_support.asking import PATH, Ask, results
from search_support.chat import ALICE, BOB, ChatDouble
from search_support.folders import delete_at_once
from search_support.waiting import until

from webox_kit.pagination import encode_cursor
from webox_kit.testing import Keys


def shows(body: Any, message_id: int) -> bool:
    return bool(body["results"][0]["message_id"] == message_id)


class TestAnswer:
    async def test_the_contract_row(self, ask: Ask, chat: ChatDouble) -> None:
        text = f"{'Alors voilà. ' * 20}Comment améliorer ma stratégie marketing digital et plus ?"
        conversation = await chat.start("Discussion marketing")
        message = await chat.say(conversation, text, created_at="2025-11-24T14:30:00Z")

        body = await until(lambda: results(ask, "marketing"), lambda body: shows(body, message))

        (result,) = body["results"]
        snippet = result.pop("snippet")
        highlights = result.pop("highlights")
        assert result == {
            "conversation_id": conversation,
            "title": "Discussion marketing",
            "date": "24/11/2025 14:30",
            "message_id": message,
            "more_matches": 0,
            "created_at": "2025-11-24T14:30:00Z",
        }
        assert snippet.startswith("...")
        assert "améliorer ma stratégie marketing digital" in snippet
        assert highlights["title"] == [[11, 20]]
        ((start, end),) = highlights["snippet"]
        assert snippet[start:end] == "marketing"
        assert body["total"] == 1
        assert isinstance(body["took_ms"], int)
        assert body["next_cursor"] is None

    async def test_nothing_found(self, ask: Ask) -> None:
        body = (await ask("marketing")).json()

        assert (body["results"], body["total"], body["next_cursor"]) == ([], 0, None)

    async def test_another_users_conversations_are_not_found(
        self, ask: Ask, chat: ChatDouble
    ) -> None:
        await chat.start("marketing", "canari de Bob", user_id=BOB)
        await results(ask, "canari", who=BOB)

        body = (await ask("canari", who=ALICE)).json()

        assert (body["results"], body["total"]) == ([], 0)


class TestPages:
    async def test_every_conversation_once(self, ask: Ask, chat: ChatDouble) -> None:
        made = {await chat.start("Sans titre", f"marketing {number}") for number in range(12)}
        await results(ask, "marketing", at_least=12, limit=50)

        first = (await ask("marketing")).json()
        second = (await ask("marketing", cursor=first["next_cursor"])).json()

        assert (len(first["results"]), len(second["results"])) == (10, 2)
        assert {each["conversation_id"] for each in first["results"] + second["results"]} == made
        assert (first["total"], second["total"]) == (12, 12)
        assert second["next_cursor"] is None

    async def test_skip_is_a_plain_offset(self, ask: Ask, chat: ChatDouble) -> None:
        for number in range(3):
            await chat.start("Sans titre", f"marketing {number}")
        body = await results(ask, "marketing", at_least=3)

        skipped = (await ask("marketing", skip=2)).json()

        assert skipped["results"] == body["results"][2:]

    async def test_a_cursor_of_another_search(self, ask: Ask, chat: ChatDouble) -> None:
        for number in range(2):
            await chat.start("Sans titre", f"marketing {number}")
        await results(ask, "marketing", at_least=2)
        cursor = (await ask("marketing", limit=1)).json()["next_cursor"]

        assert (await ask("marketing", cursor=cursor)).status_code == 200
        assert (await ask("digital", cursor=cursor)).status_code == 400
        assert (await ask("marketing", role="user", cursor=cursor)).status_code == 400

    async def test_a_cursor_of_another_user_or_list(self, ask: Ask, chat: ChatDouble) -> None:
        for who in (ALICE, BOB):
            for number in range(2):
                await chat.start("Sans titre", f"marketing {number}", user_id=who)
            await results(ask, "marketing", at_least=2, who=who)
        cursor = (await ask("marketing", who=BOB, limit=1)).json()["next_cursor"]
        of_a_list = encode_cursor("conversations", {}, ["2025-11-24T14:30:00Z", 1])

        assert (await ask("marketing", who=BOB, cursor=cursor)).status_code == 200
        for foreign in (cursor, of_a_list):
            refused = await ask("marketing", cursor=foreign)
            assert refused.status_code == 400
            assert refused.json()["errors"][0]["pointer"] == "#/cursor"

    @pytest.mark.parametrize("cursor", ["", "x", "e30", "bnVsbA", "W10", "%00", "é" * 10])
    async def test_no_cursor(self, ask: Ask, cursor: str) -> None:
        assert (await ask("marketing", cursor=cursor)).status_code == 400

    async def test_cursor_and_skip(self, ask: Ask) -> None:
        assert (await ask("marketing", cursor="x", skip=1)).status_code == 400


class TestFacets:
    async def test_those_asked_for(self, ask: Ask, chat: ChatDouble) -> None:
        work = await chat.start("Le marketing", "marketing ?", "Le marketing.", "Du marketing !")
        await chat.start("Sans titre", "marketing", folder="Travail")
        await chat.start("Sans titre", "autre chose")
        await chat.change(work, tags=["Stratégie"], is_favorite=True)

        async def facets() -> Any:
            names = "favorite,tag,folder,provider,role,archived"
            return (await ask("marketing", facets=names)).json()["facets"]

        assert await until(facets, lambda found: len(found["role"]) == 2 and found["tag"]) == {
            "folder": [{"value": "Général", "count": 1}, {"value": "Travail", "count": 1}],
            "tag": [{"value": "Stratégie", "count": 1}],
            "provider": [{"value": "GPT-4", "count": 1}],
            "role": [{"value": "user", "count": 2}, {"value": "assistant", "count": 1}],
            "favorite": [{"value": "false", "count": 1}, {"value": "true", "count": 1}],
            "archived": [{"value": "false", "count": 2}],
        }
        assert set((await ask("marketing", facets="tag,tag")).json()["facets"]) == {"tag"}

    async def test_none_asked_for_and_nothing_found(self, ask: Ask) -> None:
        assert (await ask("marketing")).json()["facets"] == {}
        assert (await ask("marketing", facets="tag")).json()["facets"] == {"tag": []}


class TestWithoutTheGateway:
    async def test_nobody_is_let_in(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(PATH, params={"q": "x"})).status_code == 401

    async def test_an_assertion_for_another_service(
        self, client: httpx.AsyncClient, keys: Keys
    ) -> None:
        headers = keys.user_headers("chat")

        assert (await client.get(PATH, params={"q": "x"}, headers=headers)).status_code == 401


class TestWithoutAnIndex:
    async def test_before_the_first_build_nothing_is_found(
        self, client: httpx.AsyncClient, keys: Keys
    ) -> None:
        headers = keys.user_headers("search")
        response = await client.get(PATH, params={"q": "marketing"}, headers=headers)

        assert (response.status_code, response.json()["total"]) == (200, 0)

    async def test_an_index_that_went_away_is_503(
        self, client: httpx.AsyncClient, keys: Keys, chat: ChatDouble, events: Any, index_dir: Path
    ) -> None:
        headers = keys.user_headers("search")

        async def ask(q: str) -> httpx.Response:
            return await client.get(PATH, params={"q": q}, headers=headers)

        async with events():
            await chat.start("Discussion marketing")
            await results(ask, "marketing")
        delete_at_once(index_dir)

        response = await ask("marketing")
        ready = await client.get("/readyz")

        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert response.headers["content-type"] == "application/problem+json"
        assert (ready.status_code, ready.json()["checks"]["index"]) == (503, "away")


class TestOpenApi:
    async def test_it_names_every_parameter(self, client: httpx.AsyncClient) -> None:
        document = (await client.get("/openapi.json")).json()

        operation = document["paths"][PATH]["get"]
        assert {each["name"] for each in operation["parameters"]} == {
            "q", "folder", "tag", "provider", "role", "favorite", "archived",
            "from", "to", "facets", "limit", "cursor", "skip",
        }  # fmt: skip
        assert "422" not in operation["responses"]
        assert re.search("SearchAnswer", str(operation["responses"]["200"]))
