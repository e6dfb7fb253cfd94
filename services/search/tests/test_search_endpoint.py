"""`GET /api/chat/search`, as its users meet it."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from search_support.chat import ALICE, BOB, ChatDouble
from search_support.folders import delete_at_once
from search_support.waiting import until

from webox_contracts.events import SettingsChanged
from webox_kit.pagination import encode_cursor
from webox_kit.testing import Keys

PATH = "/api/chat/search"
Ask = Callable[..., Any]


@pytest.fixture
async def ask(
    client: httpx.AsyncClient, keys: Keys, events: Callable[[], AbstractAsyncContextManager[None]]
) -> AsyncIterator[Ask]:
    """`await ask("q", limit=3)`: the response to ALICE, while the index is followed."""

    async def asked(q: str, who: int = ALICE, **parameters: Any) -> httpx.Response:
        headers = keys.user_headers("search", who)
        return await client.get(PATH, params={"q": q, **parameters}, headers=headers)

    async with events():
        yield asked


async def results(ask: Ask, q: str, at_least: int = 1, **parameters: Any) -> Any:
    """The answer's JSON once it has so many results."""

    async def answer() -> Any:
        return (await ask(q, **parameters)).json()

    return await until(answer, lambda body: len(body["results"]) >= at_least)


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


class TestFilters:
    async def test_of_the_conversation_follow_its_changes(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre", "plan marketing")
        await chat.start("Sans titre", "autre plan marketing")
        await chat.change(conversation, folder="Travail", tags=["stratégie"], is_favorite=True)

        for parameters in ({"folder": "Travail"}, {"tag": "stratégie"}, {"favorite": "true"}):
            body = await results(ask, "marketing", **parameters)
            assert [each["conversation_id"] for each in body["results"]] == [conversation]
        assert (await results(ask, "marketing", 2, archived="false"))["total"] == 2

    async def test_of_the_message(self, ask: Ask, chat: ChatDouble) -> None:
        await chat.start("Sans titre", "marketing ?", "Voici le marketing.")

        by_role = await results(ask, "marketing", role="assistant")
        by_provider = await results(ask, "marketing", provider="GPT-4")
        other = (await ask("marketing", provider="Claude")).json()

        assert by_role["results"][0]["snippet"] == "Voici le marketing."
        assert by_provider["results"][0]["snippet"] == "Voici le marketing."
        assert other["results"] == []

    async def test_dates(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre")
        await chat.say(conversation, "marketing", created_at="2025-11-24T14:30:00Z")
        await results(ask, "marketing")

        async def total(**parameters: str) -> int:
            return (await ask("marketing", **parameters)).json()["total"]

        assert await total(**{"from": "2025-11-24", "to": "2025-11-24"}) == 1
        assert await total(**{"from": "2025-11-24T14:30:01Z"}) == 0
        assert await total(to="2025-11-24T15:29:59+01:00") == 0
        assert await total(to="2025-11-24T14:30:00") == 1


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


class TestTimeZone:
    @pytest.fixture
    async def total(self, ask: Ask, chat: ChatDouble) -> Ask:
        """`await total(…)`: how many are found, once ALICE's settings say Tokyo."""
        conversation = await chat.start("Sans titre")
        await chat.say(conversation, "marketing", created_at="2025-11-24T16:30:00Z")
        chosen = {"language": None, "time_zone": "Asia/Tokyo"}
        await chat.publish(SettingsChanged(user_id=ALICE, version=1, **chosen))

        async def date() -> Any:
            return [each["date"] for each in (await ask("marketing")).json()["results"]]

        await until(date, lambda dates: dates == ["25/11/2025 01:30"])

        async def found(**parameters: str) -> Any:
            return (await ask("marketing", **parameters)).json()["total"]

        return found

    async def test_days_are_the_users(self, total: Ask) -> None:
        assert await total(**{"from": "2025-11-25", "to": "2025-11-25"}) == 1
        assert await total(**{"from": "2025-11-24", "to": "2025-11-24"}) == 0
        assert await total(to="2025-11-25T01:29:59") == 0
        assert await total(to="2025-11-25T01:30:00") == 1
        assert await total(**{"from": "2025-11-24T16:30:00Z"}) == 1

    async def test_days_at_the_ends_of_time(self, total: Ask) -> None:
        assert await total(**{"from": "0001-01-01", "to": "9999-12-31"}) == 1

    async def test_days_against_moments(self, ask: Ask, total: Ask) -> None:
        assert await total(**{"from": "2025-11-25", "to": "2025-11-24T23:59:59Z"}) == 1
        reversed_ = {"from": "2025-11-25", "to": "2025-11-24T14:59:59Z"}
        assert (await ask("marketing", **reversed_)).status_code == 400

    @pytest.mark.usefixtures("total")
    async def test_others_are_in_utc(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre", user_id=BOB)
        await chat.say(conversation, "marketing", created_at="2025-11-24T16:30:00Z")
        body = await results(ask, "marketing", who=BOB)
        assert body["results"][0]["date"] == "24/11/2025 16:30"


ODD = [
    "x" * 512, "é" * 512, "the", "de la", "et", "and", "?", "...", "¿!…", "🚀", '"', '""', "« »",
    '"canari', 'canari"', "AND", "OR NOT", "*", "ca*", "user_id:1", "user_id = 2 OR 1", "~", "^2",
    "[1 TO 2]", "text:canari", "-", "+", "\\", "/.*/", "(", "\x00", "canari\x00", "\ufffd",
    "a " * 256, '"a" ' * 128, "学" * 512,
]  # fmt: skip


class TestBadRequests:
    @pytest.mark.parametrize("q", ["", " ", "\t\n", "x" * 513, "é" * 513])
    async def test_bad_queries(self, ask: Ask, q: str) -> None:
        response = await ask(q)

        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["errors"][0]["pointer"] == "#/q"

    async def test_no_query(self, client: httpx.AsyncClient, keys: Keys) -> None:
        response = await client.get(PATH, headers=keys.user_headers("search"))

        assert response.status_code == 400

    async def test_odd_queries_are_answered_with_nothing_of_others(
        self, ask: Ask, chat: ChatDouble
    ) -> None:
        secret = "canari AND user_id 1 2 the de la et x"
        await chat.start(secret, secret, user_id=BOB)
        await results(ask, "canari", who=BOB)

        for q in ODD:
            response = await ask(q, facets="folder,role")

            assert response.status_code == 200, q
            body = response.json()
            assert (body["results"], body["total"], body["next_cursor"]) == ([], 0, None), q
            assert body["facets"] == {"folder": [], "role": []}, q

    async def test_operators_and_stop_words_are_words(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre", "Tom and the cat, user_id:1 ~ *")
        await results(ask, "tom")

        for q in ("the", "AND", "tom AND cat", "user_id:1", "tom*", "~ tom", '"tom and', 'tom "'):
            body = (await ask(q)).json()
            assert [each["conversation_id"] for each in body["results"]] == [conversation], q

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("limit", "0"),
            ("limit", "51"),
            ("limit", "ten"),
            ("skip", "-1"),
            ("role", "system"),
            ("favorite", "perhaps"),
            ("from", "yesterday"),
            ("to", "2025-13-01"),
            ("to", "2025-11-24T25:00"),
            ("from", "2025-02-30"),
            ("from", ""),
            ("to", "\x00"),
            ("folder", "x" * 101),
            ("tag", "x" * 51),
            ("provider", "x" * 41),
            ("user_id", "2"),
            ("facets", ""),
            ("facets", "user_id"),
            ("facets", "folder,title"),
            ("facets", "folder,"),
            ("facets", "Folder"),
            ("Q", "x"),
        ],
    )
    async def test_bad_parameters(self, ask: Ask, name: str, value: str) -> None:
        response = await ask("marketing", **{name: value})

        assert response.status_code == 400
        assert f"#/{name}" in response.json()["errors"][0]["pointer"]

    async def test_reversed_dates(self, ask: Ask) -> None:
        response = await ask("marketing", **{"from": "2025-11-25", "to": "2025-11-24"})

        assert response.status_code == 400
        assert "from" in response.json()["detail"]

    async def test_limits_at_the_limit(self, ask: Ask) -> None:
        response = await ask(
            "x" * 512, limit=50, skip=0, folder="x" * 100, tag="x" * 50, provider="x" * 40
        )

        assert response.status_code == 200

    async def test_dates_at_the_ends_of_time(self, ask: Ask) -> None:
        ends = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}

        assert (await ask("marketing", **ends)).status_code == 200


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
