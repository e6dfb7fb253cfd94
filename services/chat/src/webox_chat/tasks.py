"""The Celery door: tasks run on one asyncio loop beside Celery's threads."""

import asyncio
from collections.abc import Awaitable, Callable

from celery import Celery

from webox_chat.messages.service import FAN_OUT


def register_tasks(
    app: Celery,
    loop: Callable[[], asyncio.AbstractEventLoop],
    fan_out: Callable[[int], Awaitable[None]],
) -> None:
    """Register the provider worker's tasks on `app`; they run on `loop`."""

    @app.task(name=FAN_OUT)  # type: ignore[untyped-decorator] # Celery has no types
    def run_fan_out(message_id: int) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(fan_out(message_id)), loop()).result()


async def _awaited(work: Awaitable[None]) -> None:
    await work
