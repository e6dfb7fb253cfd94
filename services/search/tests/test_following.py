"""What happens in chat is found, renamed and forgotten in search."""

import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from search_support.asking import Events
from search_support.chat import ALICE, BOB, ChatDouble
from search_support.folders import delete_at_once
from search_support.reader import Reader
from search_support.waiting import until
from sqlalchemy import select

from webox_contracts.events import ConversationStarted
from webox_kit.database import Database
from webox_kit.event_tables import dead_letter, inbox
from webox_kit.streams import stream_key


async def all_events_done(database: Database, chat: ChatDouble) -> None:
    async def seen() -> set[str]:
        async with database.transaction() as session:
            return set(await session.scalars(select(inbox.c.event_id)))

    await until(seen, lambda ids: {event.id for event in chat.published} <= ids)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


class TestBecomesVisible:
    async def test_titles_messages_and_replies(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            conversation = await chat.start("Le titre", "La question", "La réponse")

            for text in ("titre", "question", "réponse"):
                await reader.finds(text, conversation)

    async def test_within_a_second_median(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        lags = []
        async with events():
            for number in range(15):
                started = time.monotonic()
                conversation = await chat.start("Sans titre", f"canari{number}")
                await reader.finds(f"canari{number}", conversation)
                lags.append(time.monotonic() - started)

        assert statistics.median(lags) < 1

    async def test_what_was_said_while_nobody_listened(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            pass
        conversation = await chat.start("Le titre", "La question")

        async with events():
            await reader.finds("question", conversation)

    async def test_what_was_said_before_the_first_start(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        conversation = await chat.start("Le titre", "La question")
        await chat.redis.flushdb()

        async with events():
            await reader.finds("question", conversation)

    async def test_the_same_events_twice(
        self, events: Events, chat: ChatDouble, reader: Reader, database: Database
    ) -> None:
        async with events():
            await chat.start("Le titre", "La question")
            await all_events_done(database, chat)
            for event in reversed(list(chat.published)):
                await chat.publish_again(event)
            marker = await chat.start("marqueur")
            await reader.finds("marqueur", marker)

        assert await reader.documents() == 3


class TestFollowsChanges:
    async def test_a_new_title(self, events: Events, chat: ChatDouble, reader: Reader) -> None:
        async with events():
            conversation = await chat.start("Ancien")
            await reader.finds("ancien", conversation)

            await chat.change(conversation, title="Nouveau")

            await reader.finds("nouveau", conversation)
            assert await reader.found("ancien") == []

    async def test_a_message_that_chat_no_longer_tells(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            conversation = await chat.start("Le titre", "La question", "La réponse")
            await reader.finds("réponse", conversation)

            reply = chat.published[-1]
            del chat.documents[max(chat.documents)]
            again = reply.model_copy(update={"id": "another-event"})
            await chat.publish_again(again)

            await reader.finds("réponse")
            assert await reader.found("question") == [conversation]


class TestForgets:
    async def test_a_deleted_conversation(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            gone = await chat.start("canari", "canari", "canari")
            kept = await chat.start("canari")
            await reader.finds("canari", gone, kept)

            await chat.delete(gone)

            await reader.finds("canari", kept)
        assert await reader.documents() == 1

    async def test_an_older_event_does_not_bring_it_back(
        self, events: Events, chat: ChatDouble, reader: Reader
    ) -> None:
        async with events():
            gone = await chat.start("canari", "canari")
            await reader.finds("canari", gone)
            remembered = dict(chat.conversations), dict(chat.documents)
            await chat.delete(gone)
            await reader.finds("canari")

            # Even a chat that would still tell of it.
            chat.conversations, chat.documents = remembered
            for event in chat.published[:2]:
                await chat.publish_again(event.model_copy(update={"id": f"late-{event.id}"}))
            marker = await chat.start("marqueur")

            await reader.finds("marqueur", marker)
            assert await reader.found("canari") == []

    async def test_a_rebuild_does_not_bring_it_back(
        self, events: Events, chat: ChatDouble, reader: Reader, index_dir: Path
    ) -> None:
        async with events():
            gone = await chat.start("canari", "canari")
            kept = await chat.start("canari", "canari")
            await reader.finds("canari", gone, kept)
            remembered = dict(chat.conversations), dict(chat.documents)
            await chat.delete(gone)
            await reader.finds("canari", kept)
        chat.conversations, chat.documents = remembered
        delete_at_once(index_dir)

        async with events():
            await reader.finds("canari", kept)

    async def test_a_deleted_user(self, events: Events, chat: ChatDouble, reader: Reader) -> None:
        async with events():
            theirs = await chat.start("canari", "canari", user_id=BOB)
            mine = await chat.start("canari", "canari", user_id=ALICE)
            await reader.finds("canari", theirs, user_id=BOB)

            await chat.delete_user(BOB)

            await reader.finds("canari", user_id=BOB)
            await reader.finds("canari", mine, user_id=ALICE)


class TestFaults:
    async def test_chat_is_away_for_a_while(
        self, events: Events, chat: ChatDouble, reader: Reader, database: Database
    ) -> None:
        async with events():
            chat.is_away = True
            conversation = await chat.start("Le titre", "La question")
            await until(lambda: pending(chat), lambda count: count > 0)

            chat.is_away = False

            await reader.finds("question", conversation)
            await all_events_done(database, chat)
        async with database.transaction() as session:
            assert (await session.execute(select(dead_letter))).all() == []

    async def test_the_index_is_deleted_while_it_is_used(
        self, events: Events, chat: ChatDouble, reader: Reader, index_dir: Path
    ) -> None:
        async with events():
            before = await chat.start("canari", "canari")
            await reader.finds("canari", before)

            delete_at_once(index_dir)
            after = await chat.start("canari", "canari")

            await reader.finds("canari", before, after)

    async def test_an_index_of_another_schema_is_built_anew(
        self, events: Events, chat: ChatDouble, reader: Reader, index_dir: Path
    ) -> None:
        conversation = await chat.start("canari")
        make_old_index(index_dir)

        assert await reader.found("canari") == [-1]
        async with events():
            await reader.finds("canari", conversation)
        assert not (index_dir / "0-old").exists()

    async def test_poison_does_not_hold_up_the_others(
        self, events: Events, chat: ChatDouble, reader: Reader, database: Database
    ) -> None:
        async with events():
            started = await chat.start("canari")
            await reader.finds("canari", started)
            poison = chat.published[0].model_copy(update={"id": "poison", "data": {"user_id": 1}})
            await chat.publish_again(poison)

            after = await chat.start("canari")

            await reader.finds("canari", started, after)
        async with database.transaction() as session:
            types = list(await session.scalars(select(dead_letter.c.event_type)))
        assert types == [ConversationStarted.type]


async def pending(chat: ChatDouble) -> int:
    """Events that search has read and not acknowledged."""
    groups = await chat.redis.xinfo_groups(stream_key("chat"))
    return sum(group["pending"] for group in groups)


def make_old_index(folder: Path) -> None:
    """What an earlier release would have left."""
    (folder / "0-old").mkdir(parents=True)
    (folder / "current").write_text("0-old")
