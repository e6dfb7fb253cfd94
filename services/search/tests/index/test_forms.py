"""Words found by another form of theirs: stems, and parts of identifiers."""

from pathlib import Path

import pytest
from search_support.library import Library

from webox_search.index.embedded import EmbeddedIndex

ALIKE = [
    ("étudier", "étudient"),
    ("étudiées", "étudier"),
    ("améliorer", "amélioration"),
    ("parler", "parlent"),
    ("cheval", "chevaux"),
    ("run", "running"),
    ("searches", "searched"),
    ("dog", "dogs"),
]


class TestStems:
    @pytest.mark.parametrize(("asked", "written"), [*ALIKE, *((b, a) for a, b in ALIKE)])
    async def test_both_ways_and_marked(self, embedded: Library, asked: str, written: str) -> None:
        wanted = await embedded.conversation(f"Voilà : {written.upper()}, dit-il")

        (row,) = await embedded.rows(f"{asked} dit", tolerant=False)

        assert row.conversation_id == wanted
        marked = [row.snippet[start:end] for start, end in row.snippet_highlights]
        assert marked == [written.upper(), "dit"]

    async def test_words_as_typed_come_first(self, embedded: Library) -> None:
        by_stem = await embedded.conversation("run run run", title="Run")
        by_title = await embedded.conversation("Bonjour", title="Running")
        by_word = await embedded.conversation("Une page sur autre chose, et running")
        other = await embedded.conversation("they run")

        assert await embedded.found("running") == [by_title, by_word, by_stem, other]

    async def test_the_message_as_typed_is_shown(self, embedded: Library) -> None:
        await embedded.conversation("run, run, run", "They were running for an hour, or two.")

        (row,) = await embedded.rows("running hour")

        assert row.snippet.startswith("They")

    async def test_not_in_quotes_and_not_for_minus_words(self, embedded: Library) -> None:
        kept = await embedded.conversation("Il parlent toujours")

        assert await embedded.found('"parler"') == []
        assert await embedded.found("toujours -parler") == [kept]

    async def test_other_words_of_the_same_beginning_are_not_meant(self, embedded: Library) -> None:
        await embedded.conversation("parloir, runt, dogma")

        for asked in ("parler", "running", "dogs"):
            assert await embedded.found(asked, tolerant=False) == []


class TestIdentifiers:
    @pytest.mark.parametrize("asked", ["parse", "http", "response", "parseHttpResponse"])
    async def test_parts_of_camel_case(self, embedded: Library, asked: str) -> None:
        wanted = await embedded.conversation("call parseHTTPResponse() twice")

        (row,) = await embedded.rows(f"{asked} twice")

        assert row.conversation_id == wanted
        start, end = row.snippet_highlights[0]
        assert row.snippet[start:end] == "parseHTTPResponse"


class TestOlderIndexes:
    async def test_one_serves_and_follows_until_the_new_one_is_built(self, tmp_path: Path) -> None:
        old = Library(EmbeddedIndex(tmp_path, version=1))
        await (await old.index.begin_rebuild()).finish()
        lost, kept = [await old.conversation("il étudient") for _ in range(2)]
        await old.index.close()
        library = Library(EmbeddedIndex(tmp_path), old.ids)

        assert not await library.index.ensure()
        rebuild = await library.index.begin_rebuild()
        await library.index.delete_conversation(lost)
        later = await library.conversation("ils étudient")
        assert await library.found("étudient") == [later, kept]
        assert await library.found("parler") == []
        await rebuild.finish()

        assert await library.index.ensure()
        assert await library.found("étudier") == [later]
