"""Which documents an index has, whoever they belong to."""

import pytest
from search_support.library import ALICE, BOB, Library


class TestIds:
    async def test_are_those_of_everybody_by_kind(self, library: Library) -> None:
        assert await library.index.ids("title") == set()
        mine = await library.conversation("un", "deux", user_id=ALICE)
        theirs = await library.conversation("trois", user_id=BOB)

        assert await library.index.ids("title") == {mine, theirs}
        assert await library.index.ids("message") == {mine + 1, mine + 2, theirs + 1}

    async def test_not_of_what_was_replaced_or_deleted(self, library: Library) -> None:
        kept = await library.conversation("un")
        gone = await library.conversation("deux", "trois")
        await library.index.delete_conversation(gone)
        await library.index.delete_documents([f"message-{kept + 1}"])
        await library.index.commit()

        assert await library.index.ids("title") == {kept}
        assert await library.index.ids("message") == set()

    async def test_more_than_one_page_of_them(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_search.index.embedded_reader._IDS_A_PAGE", 2)
        monkeypatch.setattr("webox_search.index.meilisearch_search._PAGE", 2)
        made = [await library.conversation("un", "deux") for _ in range(3)]

        assert await library.index.ids("title") == set(made)
        assert len(await library.index.ids("message")) == 6
