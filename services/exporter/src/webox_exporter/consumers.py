"""The event door, and the other duties of the `events` process."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from webox_contracts.events import (
    ConversationDeleted,
    Event,
    EventData,
    SettingsChanged,
    UserDeleted,
)
from webox_exporter.files import FileStore
from webox_exporter.settings import ExporterSettings
from webox_exporter.upkeep import CleanUp, Forgetting, Reconciler
from webox_kit.consumer import BatchHandler, ReceivedEvent, by_type
from webox_kit.database import Session
from webox_kit.duties import Duty
from webox_kit.preferences import follow_preferences
from webox_kit.runtime import Runtime
from webox_kit.tasks import TaskQueue, create_celery

STREAMS = ["chat", "gateway"]
TYPES: set[type[EventData]] = {ConversationDeleted, UserDeleted, SettingsChanged}

# What it waits for, deletions, may take ten seconds; most of what it reads is for others.
_GATHER_SECONDS = 0.5


@asynccontextmanager
async def duties(runtime: Runtime[ExporterSettings]) -> AsyncIterator[Mapping[str, Duty]]:
    settings = runtime.settings
    tasks = TaskQueue(create_celery("exporter", settings.broker_url))
    clean_up = CleanUp(
        runtime.database,
        FileStore(settings.files_url),
        every_seconds=settings.export_cleanup_seconds,
    )
    reconciler = Reconciler(
        runtime.database,
        runtime.redis,
        tasks,
        max_attempts=settings.export_max_attempts,
        running_per_user=settings.export_running_per_user,
        every_seconds=settings.export_reconcile_seconds,
        enqueue_again=settings.enqueue_again,
    )

    consumer = runtime.consumer(
        STREAMS,
        following(Forgetting(runtime.redis)),
        types=TYPES,
        gather_seconds=_GATHER_SECONDS,
    )
    try:
        yield {
            "relay": runtime.relay().run,
            "consumer": consumer.run,
            "reconciler": reconciler.run,
            "clean-up": clean_up.run,
        }
    finally:
        await tasks.close()


def following(forgetting: Forgetting) -> BatchHandler:
    """Applies a batch of events: to what users chose, and to the exports of what was deleted."""

    async def conversation_deleted(
        session: Session, data: ConversationDeleted, _envelope: Event
    ) -> None:
        await forgetting.conversation_deleted(session, data)

    async def user_deleted(session: Session, data: UserDeleted, _envelope: Event) -> None:
        await forgetting.user_deleted(session, data)

    forget = by_type({ConversationDeleted: conversation_deleted, UserDeleted: user_deleted})

    async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
        await follow_preferences(session, events)
        await forget(session, events)

    return handle
