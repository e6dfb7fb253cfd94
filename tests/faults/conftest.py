"""Things that break under a Webox that goes on: the session's own, left healthy by every test."""

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count

import httpx
import pytest
from webox_stack import Checker, Stack, User, opened
from webox_stack.checker import unread
from webox_stack.waiting import eventually

from webox_kit.streams import stream_key

_numbers = count(1)


@pytest.fixture
def healthy(webox: Stack, users: list[User]) -> Callable[[], Awaitable[None]]:
    """Waits until every program is up, anew if it was killed, and everything can be served.

    Then, once quiet, all that was promised to this test's users has to hold.
    """
    checker = Checker(webox)

    async def wait() -> None:
        async def all_ready() -> None:
            pids = webox.pids()
            assert pids.keys() == PROGRAMS
            assert webox.killed.isdisjoint(pids.values())
            assert set((await readiness(webox)).values()) == {"ok"}

        await eventually(all_ready, seconds=60)
        await checker.check(users)

    return wait


@pytest.fixture
def all_read(webox: Stack) -> Callable[[], Awaitable[None]]:
    """Waits until everybody who reads chat's events has done with all of them."""

    async def wait() -> None:
        with webox.redis() as redis:
            assert unread(redis, stream_key("chat")) == []

    return partial(eventually, wait)


async def readiness(webox: Stack) -> dict[str, str]:
    async with opened(webox.url) as client:
        try:
            checks: dict[str, str] = (await client.get("/readyz")).json()["checks"]
        except httpx.TransportError as error:
            return {"gateway": repr(error)}
        return checks


PROGRAMS = {
    "postgres", "redis", "gateway-api", "gateway-events", "chat-api", "chat-events", "chat-worker",
    "search-api", "search-events", "exporter-api", "exporter-events", "exporter-worker",
    "dashboard-api", "dashboard-events", "provider-double",
}  # fmt: skip


@pytest.fixture
def slow_model() -> str:
    """A model that takes 1.5 s, under a name of this test's own, by which its calls are counted."""
    return f"delay:1500+call-{next(_numbers)}"
