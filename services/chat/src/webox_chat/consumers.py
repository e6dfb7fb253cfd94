"""The event door, and the duties of chat's `events` process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from webox_chat.conversations.service import ConversationService
from webox_chat.replies.reconciler import Reconciler
from webox_chat.replies.schemas import Lease
from webox_chat.settings import ChatSettings
from webox_chat.user_settings.repository import UserSettingRepository
from webox_contracts.events import Event, EventData, UserDeleted
from webox_kit.consumer import EventHandler, by_type
from webox_kit.database import Session
from webox_kit.duties import Duty
from webox_kit.runtime import Runtime
from webox_kit.tasks import TaskQueue, create_celery

STREAMS = ["gateway"]


@asynccontextmanager
async def duties(runtime: Runtime[ChatSettings]) -> AsyncIterator[Mapping[str, Duty]]:
    settings = runtime.settings
    conversations = ConversationService(runtime.database, runtime.redis)
    tasks = TaskQueue(create_celery("chat", settings.broker_url))

    async def user_deleted(session: Session, data: UserDeleted, _envelope: Event) -> None:
        await conversations.delete_all_of(data.user_id)
        await UserSettingRepository(session).delete(data.user_id)

    handlers: dict[type[EventData], EventHandler] = {UserDeleted: user_deleted}
    reconciler = Reconciler(
        runtime.database,
        runtime.redis,
        tasks,
        lease=Lease(settings.lease, settings.max_attempts),
        every_seconds=settings.reconcile_seconds,
        enqueue_again=settings.enqueue_again,
    )
    try:
        yield {
            "relay": runtime.relay().run,
            "consumer": runtime.consumer(STREAMS, by_type(handlers), types=handlers).run,
            "reconciler": reconciler.run,
        }
    finally:
        await tasks.close()
