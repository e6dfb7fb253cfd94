"""`webox-search rebuild`, and what goes on meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from search_support.asking import Events
from search_support.chat import ChatDouble
from search_support.reader import Reader
from search_support.waiting import until

from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.internal_http import InternalClient
from webox_kit.runtime import Runtime
from webox_kit.streams import GAP_FIELD, stream_key
from webox_kit.testing import RunCli
from webox_search import rebuilding
from webox_search.cli import main
from webox_search.index.base import Document
from webox_search.index.embedded import EmbeddedIndex
from webox_search.indexer import Changes, Indexer
from webox_search.settings import SearchSettings
from webox_search.source import ChatSource


class TestRequest:
    async def test_the_index_is_made_equal_to_chat(
        self,
        events: Events,
        chat: ChatDouble,
        reader: Reader,
        settings: SearchSettings,
        index_dir: Path,
        run_cli: RunCli,
    ) -> None:
        async with events():
            kept = await chat.start("canari", "canari")
            lost = await chat.start("canari", "canari")
            await reader.finds("canari", kept, lost)
            before = pointer(index_dir)
            # Nobody says so: only a rebuild can notice.
            del chat.conversations[lost]
            del chat.documents[max(chat.documents)]

            assert (await run_cli(main, settings, "rebuild")).exit_code == 0

            assert await reader.found("canari") == [kept]
        assert pointer(index_dir) != before
        assert generations(index_dir) == [pointer(index_dir)]

    @pytest.mark.fault("F12")
    async def test_events_that_nobody_has_any_more_are_made_up_for(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            kept = await chat.start("canari", "canari")
            lost = await chat.start("canari", "canari")
            await reader.finds("canari", kept, lost)
            del chat.conversations[lost]
            del chat.documents[max(chat.documents)]
            # As chat's relay says it.
            await chat.redis.xadd(stream_key("chat"), {GAP_FIELD: "dashboard"})
            await chat.redis.xadd(stream_key("chat"), {GAP_FIELD: "search"})
            await reader.finds("canari", kept)

    async def test_searches_are_answered_all_the_while(
        self, events: Events, chat: ChatDouble, reader: Reader, settings: SearchSettings
    ) -> None:
        async with events():
            made = [await chat.start(f"canari {number}") for number in range(5)]
            await reader.finds("canari", *made)
            request = rebuilding.request(Runtime.create("search", settings), wait=True)
            rebuilt = asyncio.create_task(request)

            answers = [await reader.found("canari")]
            while not rebuilt.done():
                answers.append(await reader.found("canari"))
            await rebuilt

        assert {frozenset(answer) for answer in answers} == {frozenset(made)}

    async def test_it_is_followed_with_progress_and_an_estimate(
        self,
        events: Events,
        chat: ChatDouble,
        reader: Reader,
        settings: SearchSettings,
        run_cli: RunCli,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_search.source.DOCUMENTS_A_PAGE", 1)
        monkeypatch.setattr("webox_kit.progress._LINE_SECONDS", 0)
        monkeypatch.setattr("webox_search.rebuilding._LOOK_SECONDS", 0.01)
        async with events():
            for _ in range(20):
                await chat.start("canari", "canari", "canari")
            await until(reader.documents, lambda count: count == 60)
            result = await run_cli(main, settings, "rebuild")
        *told, last = result.stderr.splitlines()
        assert any(" of 60 texts, " in line and " left" in line for line in told), told
        assert last.startswith("Search: ")
        assert result.stdout.endswith("The index is rebuilt.\n")

    async def test_without_the_process_that_writes_it_says_so(
        self, settings: SearchSettings, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webox_search.rebuilding._PATIENCE_SECONDS", 0)
        result = await run_cli(main, settings, "rebuild")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: Nobody has begun yet: is `webox-search events` up?")


class SlowSource(ChatSource):
    """Stops between reading a page of messages from chat and handing it on."""

    def __init__(self, client: InternalClient) -> None:
        super().__init__(client)
        self.has_read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def messages_after(self, message_id: int) -> list[Document]:
        page = await super().messages_after(message_id)
        self.has_read.set()
        await self.may_go_on.wait()
        return page


class TestMeanwhile:
    @pytest.fixture
    async def database(self, settings: SearchSettings) -> AsyncIterator[Database]:
        database = Database(settings.database_url)
        yield database
        await database.close()

    @pytest.fixture
    async def source(self, settings: SearchSettings) -> AsyncIterator[SlowSource]:
        source = SlowSource(Runtime.create("search", settings).client("chat"))
        yield source
        await source.close()

    async def test_what_is_deleted_while_a_page_is_on_its_way_stays_deleted(
        self,
        chat: ChatDouble,
        database: Database,
        source: SlowSource,
        index_dir: Path,
        reader: Reader,
    ) -> None:
        gone = await chat.start("Sans titre", "canari")
        kept = await chat.start("Sans titre", "canari")
        indexer = Indexer(database, EmbeddedIndex(index_dir), source)
        rebuilding = asyncio.create_task(indexer.rebuild())
        await source.has_read.wait()

        await chat.delete(gone)
        deleting = asyncio.create_task(
            apply(database, indexer, Changes(deleted_conversations={gone}))
        )
        source.may_go_on.set()
        await asyncio.gather(rebuilding, deleting)

        assert await reader.found("canari") == [kept]

    async def test_what_is_replaced_while_a_page_is_on_its_way_stays_replaced(
        self,
        chat: ChatDouble,
        database: Database,
        source: SlowSource,
        index_dir: Path,
    ) -> None:
        await chat.start("Sans titre", "canari", "canari")
        old = max(chat.documents)
        index = EmbeddedIndex(index_dir)
        indexer = Indexer(database, index, source)
        rebuilding = asyncio.create_task(indexer.rebuild())
        await source.has_read.wait()

        # As a reply that was asked for again: nothing is left that says it was there.
        del chat.documents[old]
        await apply(database, indexer, Changes(messages={old}))
        source.may_go_on.set()
        await rebuilding

        assert await index.ids("message") == set(chat.documents)

    async def test_an_interrupted_one_leaves_nothing_behind(
        self,
        chat: ChatDouble,
        database: Database,
        source: SlowSource,
        index_dir: Path,
        reader: Reader,
    ) -> None:
        await chat.start("Sans titre", "canari")
        indexer = Indexer(database, EmbeddedIndex(index_dir), source)
        rebuilding = asyncio.create_task(indexer.rebuild())
        await source.has_read.wait()
        assert len(generations(index_dir)) == 1

        await cancel_and_wait(rebuilding)

        async def left() -> list[str]:
            return await asyncio.to_thread(generations, index_dir)

        await until(left, lambda names: names == [])
        assert await reader.found("canari") == []


async def apply(database: Database, indexer: Indexer, changes: Changes) -> None:
    async with database.transaction() as session:
        await indexer.apply(session, changes)


def pointer(folder: Path) -> str:
    return (folder / "current").read_text()


def generations(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if each.is_dir()]
