"""What only the embedded engine has: one writer, readers in other processes, folders."""

import gc
from pathlib import Path

import pytest
import tantivy
from search_support.library import Library

from webox_kit.testing import eventually
from webox_search.errors import IndexLostError, IndexUnavailableError
from webox_search.index.base import SearchQuery
from webox_search.index.embedded import EmbeddedIndex
from webox_search.index.embedded_schema import SCHEMA
from webox_search.index.embedded_writer import GenerationWriter


async def built(folder: Path) -> Library:
    index = EmbeddedIndex(folder)
    rebuild = await index.begin_rebuild()
    await rebuild.finish()
    return Library(index)


class TestWriter:
    async def test_there_is_one(self, tmp_path: Path) -> None:
        library = await built(tmp_path)
        second = EmbeddedIndex(tmp_path)

        with pytest.raises(IndexUnavailableError):
            await second.ensure()

        await library.index.close()
        assert await second.ensure()

    async def test_what_was_not_committed_is_not_there(self, tmp_path: Path) -> None:
        library = await built(tmp_path)
        kept = await library.conversation("marketing")
        await library.index.delete_conversation(kept)
        await library.index.close()

        assert await Library(EmbeddedIndex(tmp_path)).found("marketing") == [kept]

    async def test_without_an_index_nothing_is_taken(self, tmp_path: Path) -> None:
        index = EmbeddedIndex(tmp_path / "none")

        assert not await index.ensure()
        with pytest.raises(IndexLostError):
            await index.delete_user(1)

    async def test_a_broken_index_is_an_outage(self, tmp_path: Path) -> None:
        await (await built(tmp_path)).index.close()
        break_index(tmp_path)

        with pytest.raises(IndexUnavailableError):
            await EmbeddedIndex(tmp_path).ensure()
        with pytest.raises(IndexUnavailableError):
            await EmbeddedIndex(tmp_path).search(SearchQuery(1, "x"))

    async def test_a_panic_of_the_engine_is_an_outage(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        library = await built(tmp_path)
        kept = await library.conversation("marketing")

        with monkeypatch.context() as patched:
            patched.setattr(GenerationWriter, "commit", panic)
            with pytest.raises(IndexUnavailableError):
                await library.index.commit()

        async def works_again() -> bool:
            # The failed writer's lock goes when the collector comes to what holds it.
            gc.collect()
            try:
                await library.index.commit()
            except IndexUnavailableError:
                return False
            return True

        await eventually(works_again, seconds=10)
        assert await library.found("marketing") == [kept]


class TestReader:
    async def test_it_follows_commits_and_rebuilds(self, tmp_path: Path) -> None:
        reader = Library(EmbeddedIndex(tmp_path))
        assert await reader.found("marketing") == []
        library = await built(tmp_path)
        old = await library.conversation("marketing")
        assert await reader.found("marketing") == [old]

        rebuild = await library.index.begin_rebuild()
        await rebuild.finish()
        assert await reader.found("marketing") == []
        new = await library.conversation("marketing")
        assert await reader.found("marketing") == [new]


def break_index(folder: Path) -> None:
    for meta in folder.glob("*/meta.json"):
        meta.write_text("{")


def panic(_writer: GenerationWriter) -> None:
    """The engine's own panic: its phrases have two words or more."""
    tantivy.Query.phrase_query(SCHEMA, "words", ["one"])
