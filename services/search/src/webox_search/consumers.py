"""The event door: which events change what is searched, and the duty that follows them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from webox_contracts.events import (
    ConversationDeleted,
    ConversationStarted,
    ConversationUpdated,
    EventData,
    MessageSent,
    ReplyFinished,
    ReplySuperseded,
    SettingsChanged,
    UserDeleted,
)
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import BatchHandler, Consumer, ReceivedEvent
from webox_kit.database import Session
from webox_kit.duties import Duty
from webox_kit.preferences import follow_preferences
from webox_kit.runtime import Runtime
from webox_search.index.engines import open_index
from webox_search.indexer import Changes, Indexer
from webox_search.repository import request_rebuild
from webox_search.settings import SearchSettings
from webox_search.source import ChatSource

STREAMS = ["chat", "gateway"]

# A commit of the index costs 10 ms and more: those who write much share them.
GATHER_SECONDS = 0.2

CHANGES: Mapping[type[EventData], Callable[[Changes, Any], None]] = {
    ConversationStarted: lambda changes, event: changes.conversations.add(event.conversation_id),
    ConversationUpdated: lambda changes, event: changes.conversations.add(event.conversation_id),
    ConversationDeleted: lambda changes, event: changes.deleted_conversations.add(
        event.conversation_id
    ),
    MessageSent: lambda changes, event: changes.messages.add(event.message_id),
    ReplyFinished: lambda changes, event: changes.messages.add(event.reply_id),
    ReplySuperseded: lambda changes, event: changes.messages.add(event.reply_id),
    UserDeleted: lambda changes, event: changes.deleted_users.add(event.user_id),
}


@asynccontextmanager
async def duties(runtime: Runtime[SearchSettings]) -> AsyncIterator[Mapping[str, Duty]]:
    """One duty: consuming and rebuilding write to the same index, so one process does both."""
    index = open_index(runtime.settings)
    source = ChatSource(runtime.client("chat"))
    indexer = Indexer(runtime.database, index, source)
    consumer = runtime.consumer(
        STREAMS,
        following(indexer),
        types={*CHANGES, SettingsChanged},
        gather_seconds=GATHER_SECONDS,
        ask_for_rebuild=request_rebuild,
    )

    async def write_index() -> None:
        try:
            await _consume_and_keep_built(consumer, indexer)
        finally:
            # Let go of the writer: whoever takes the duty over needs it.
            await index.close()

    try:
        yield {"index": write_index}
    finally:
        await source.close()


def following(indexer: Indexer) -> BatchHandler:
    """Applies a batch of events at once: to the index, and to what users chose."""

    async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
        await follow_preferences(session, events)
        await indexer.apply(session, changes_of(events))

    return handle


def changes_of(events: Sequence[ReceivedEvent]) -> Changes:
    changes = Changes()
    for event in events:
        note = CHANGES.get(type(event.data))
        if note is not None:
            note(changes, event.data)
            changes.happened_at.append(event.envelope.time)
    return changes


async def _consume_and_keep_built(consumer: Consumer, indexer: Indexer) -> None:
    keeping = asyncio.create_task(indexer.keep_built())
    try:
        await consumer.run()
    finally:
        await cancel_and_wait(keeping)
