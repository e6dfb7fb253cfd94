"""Searches that are odd, and that are none."""

import httpx
import pytest
from search_support.asking import PATH, Ask, results
from search_support.chat import BOB, ChatDouble

from webox_kit.testing import Keys

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
