"""Counts of conversations beside the rows, and how exact a total is."""

from typing import Any

import pytest
from search_support.library import BOB, START, Library

from webox_search.index.base import Document, Facet, Filters

EVERY: tuple[Facet, ...] = ("folder", "tag", "provider", "role", "favorite", "archived")


class TestCounts:
    async def test_each_conversation_counts_once(self, library: Library) -> None:
        await library.conversation("plan", "plan", "plan", folder="Travail", tags=("Été", "b"))
        await library.conversation("Non", title="Un plan", folder="Travail", is_favorite=True)
        await library.conversation("plan", folder="Général", tags=("b",), archived=True)
        await library.conversation("autre", "autre", folder="Vide")
        await library.conversation("plan", "plan", folder="De Bob", user_id=BOB)

        page = await library.page("plan", facets=EVERY)

        assert page.total == 3
        assert {facet: list(counts) for facet, counts in page.facets.items()} == {
            "folder": [("Travail", 2), ("Général", 1)],
            "tag": [("b", 2), ("Été", 1)],
            # The title's conversation has no matching message: it has neither of these.
            "provider": [("GPT-4", 1)],
            "role": [("user", 2), ("assistant", 1)],
            "favorite": [("false", 2), ("true", 1)],
            "archived": [("false", 2), ("true", 1)],
        }

    async def test_on_every_page_all_are_counted(self, library: Library) -> None:
        for _ in range(5):
            await library.conversation("plan", folder="A")

        pages = [
            await library.page("plan", offset=at, limit=2, facets=("folder",)) for at in (0, 4)
        ]

        assert [page.facets["folder"] for page in pages] == [[("A", 5)]] * 2

    async def test_within_filters(self, library: Library) -> None:
        await library.conversation("plan", "plan", folder="A", tags=("x",))
        await library.conversation("plan", folder="B", tags=("y",))

        filters = Filters(folder="a", role="assistant")
        page = await library.page("plan", filters=filters, facets=("tag", "role"))

        assert page.facets == {"tag": [("x", 1)], "role": [("assistant", 1)]}

    async def test_spellings_that_a_filter_takes_for_one(self, library: Library) -> None:
        for folder in ("travail", "Travail", "Travail"):
            await library.conversation("plan", folder=folder)

        page = await library.page("plan", facets=("folder",))

        assert page.facets["folder"] == [("Travail", 3)]

    async def test_with_typos(self, library: Library) -> None:
        await library.conversation("une stratégie", folder="A")
        await library.conversation("une strategia", folder="B")

        page = await library.page("stratégie", facets=("folder",))

        assert page.facets["folder"] == [("A", 1), ("B", 1)]

    @pytest.mark.parametrize("asked", ["rien", "-plan", "!"])
    async def test_of_nothing(self, library: Library, asked: str) -> None:
        await library.conversation("plan")

        assert (await library.page(asked, facets=("tag",))).facets == {"tag": []}

    async def test_a_hundred_values_at_most(self, library: Library) -> None:
        await library.conversation("plan", tags=tuple(f"t{number:03}" for number in range(101)))

        page = await library.page("plan", facets=("tag",))

        assert [value for value, _ in page.facets["tag"]] == [f"t{each:03}" for each in range(100)]


class TestTotal:
    @pytest.mark.parametrize(("count", "is_exact"), [(1_000, True), (1_001, False)])
    async def test_exact_up_to_1_000(
        self, embedded: Library, monkeypatch: pytest.MonkeyPatch, count: int, is_exact: bool
    ) -> None:
        # Each conversation matches twice, and only half of what matches is looked at.
        monkeypatch.setattr("webox_search.index.embedded_reader.CANDIDATES_AT_MOST", count)
        await embedded.index.upsert(
            [document(number, **kind) for number in range(1, count + 1) for kind in KINDS]
        )
        await embedded.index.commit()

        page = await embedded.page("plan", facets=("archived",))

        assert page.total_is_exact is is_exact
        assert page.total == count if is_exact else page.total > 1_000
        assert page.facets["archived"] == [("false", page.total)]


KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "title"},
    {"kind": "message", "role": "user"},
)


def document(number: int, kind: Any, **attributes: Any) -> Document:
    return Document(
        kind=kind,
        user_id=1,
        conversation_id=number,
        created_at=START,
        text="plan",
        version=1,
        message_id=number if kind == "message" else None,
        **attributes,
    )
