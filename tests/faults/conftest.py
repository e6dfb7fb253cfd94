"""Things that break under a Webox that goes on: the session's own, left healthy by every test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest
from webox_stack import Checker, Stack, User, opened, registered
from webox_stack.canary import plant
from webox_stack.databases import Databases
from webox_stack.resources import Resources
from webox_stack.waiting import eventually
from webox_stack.witness import CANARY

from webox_kit.streams import stream_key

_numbers = count(1)


@pytest.fixture(scope="session")
async def somebody_else(webox: Stack) -> AsyncIterator[User]:
    """Whose text nobody in any test may get to see."""
    async with registered(webox.url) as user:
        yield user


@pytest.fixture(scope="session")
async def at_rest(webox: Stack, somebody_else: User) -> Resources:
    """What the programs hold when each has done its work once."""
    conversation = await plant(somebody_else, finished=True)
    order = {"format": "pdf", "conversation_ids": [conversation]}
    job = await somebody_else.post("/api/exports", order, expect=202)

    async def all_have() -> None:
        assert (await somebody_else.get(f"/api/exports/{job['id']}"))["status"] == "done"
        assert (await somebody_else.get(f"/api/chat/search?q={CANARY}"))["results"]
        assert (await somebody_else.get("/api/dashboard/stats"))["storage_used_bytes"]

    await eventually(all_have, seconds=60)
    with Databases(webox) as databases:
        return Resources.of(webox, databases)


@pytest.fixture
def death(request: pytest.FixtureRequest, failpoint_file: Path) -> Iterator[None]:
    """The next process that comes by the failpoint dies there; to be given by its name."""
    failpoint_file.write_text(request.param)
    yield
    failpoint_file.unlink(missing_ok=True)


@pytest.fixture
async def healthy(
    webox: Stack,
    users: list[User],
    somebody_else: User,
    at_rest: Resources,
    failpoint_file: Path,
) -> Callable[[], Awaitable[None]]:
    """Waits until every program is up, anew if it was killed, and everything can be served.

    Then, once quiet, all that was promised to this test's users has to hold.
    """
    checker = Checker(webox, at_rest)
    if not failpoint_file.exists():  # noqa: ASYNC240 - a look, in a test
        await plant(somebody_else, finished=False)

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
        assert stream_key("chat") not in dict(webox.unread())

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
