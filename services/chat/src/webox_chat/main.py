"""Composes chat's HTTP app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from webox_chat import ops
from webox_chat.budgets.endpoints import router as budgets_router
from webox_chat.budgets.service import BudgetService
from webox_chat.conversations.endpoints import router as conversations_router
from webox_chat.conversations.service import ConversationService
from webox_chat.internal.endpoints import router as internal_router
from webox_chat.internal.service import InternalService
from webox_chat.labels.endpoints import router as labels_router
from webox_chat.labels.service import LabelService
from webox_chat.live.service import LiveMessages
from webox_chat.messages.choices import ProviderChooser
from webox_chat.messages.endpoints import router as messages_router
from webox_chat.messages.service import MessageService
from webox_chat.providers.endpoints import router as providers_router
from webox_chat.registry import load_registry
from webox_chat.replies.control import ReplyControl
from webox_chat.replies.endpoints import router as replies_router
from webox_chat.settings import ChatSettings
from webox_chat.streams.endpoints import router as streams_router
from webox_chat.streams.service import StreamService
from webox_chat.user_settings.endpoints import router as settings_router
from webox_chat.user_settings.service import UserSettingsService
from webox_kit.app import create_app as create_service_app
from webox_kit.cancellation import cancel_and_wait
from webox_kit.circuits import SharedCircuits
from webox_kit.runtime import Runtime
from webox_kit.signals import Signals
from webox_kit.tasks import TaskQueue, create_celery


def create_app(settings: ChatSettings) -> FastAPI:
    runtime = Runtime.create("chat", settings)
    registry = load_registry(settings)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        tasks = TaskQueue(create_celery("chat", settings.broker_url))
        async with Signals(runtime.blocking_redis) as signals:
            app.state.registry = registry
            app.state.circuits = SharedCircuits(runtime.redis)
            app.state.conversations = ConversationService(runtime.database, runtime.redis)
            app.state.labels = LabelService(runtime.database)
            app.state.user_settings = UserSettingsService(runtime.database, registry)
            app.state.internal = InternalService(runtime.database, app.state.conversations)
            chooser = ProviderChooser(runtime.database, registry, settings.default_provider_names)
            budgets = BudgetService(
                runtime.database, registry, settings.default_limits, own=settings.budgets
            )
            app.state.budgets = budgets
            app.state.replies = ReplyControl(
                runtime.database, runtime.redis, signals, tasks, chooser, budgets
            )
            app.state.messages = MessageService(
                runtime.database,
                chooser,
                tasks,
                signals,
                budgets,
                wait_seconds=settings.wait_seconds,
            )
            app.state.streams = StreamService(
                LiveMessages(runtime.database, runtime.redis, signals)
            )
            stopping = asyncio.create_task(_stop_waiting(app))
            yield
            await cancel_and_wait(stopping)
        await tasks.close()

    return create_service_app(
        runtime,
        title="Webox chat",
        # Tried in this order, so what is waited for most comes first.
        routers=[
            messages_router,
            conversations_router,
            replies_router,
            streams_router,
            budgets_router,
            providers_router,
            labels_router,
            settings_router,
            internal_router,
        ],
        resources=resources,
        ops=ops.sources(runtime),
    )


async def _stop_waiting(app: FastAPI) -> None:
    """Nobody keeps a process that is told to stop from ending."""
    await app.state.stopping.wait()
    app.state.streams.stop()
    app.state.messages.stop()
