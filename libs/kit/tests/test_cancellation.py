import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress

import anyio
import pytest

from webox_kit.cancellation import cancel_and_wait


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webox_kit.cancellation._AGAIN_SECONDS", 0.02)


def losing(times: int) -> "asyncio.Task[None]":
    """A task that swallows its first `times` cancellations."""

    async def work() -> None:
        for _ in range(times):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    return asyncio.create_task(work())


async def test_one_that_loses_cancellations_ends_all_the_same() -> None:
    deaf, quick = losing(3), losing(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel_and_wait(deaf, quick)
    assert deaf.cancelled()
    assert quick.cancelled()


async def test_an_error_at_the_end_is_nobodys_concern() -> None:
    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError

    failing = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await cancel_and_wait(failing)
    assert isinstance(failing.exception(), RuntimeError)


async def test_being_cancelled_meanwhile_is_put_off_until_they_have_ended() -> None:
    deaf = losing(3)
    await asyncio.sleep(0)
    waiting = asyncio.create_task(cancel_and_wait(deaf))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert deaf.cancelled()


async def test_within_a_cancelled_scope_of_anyio_it_ends_as_well():
    """There every wait is cut off, again and again, until the scope is left."""
    ended = asyncio.Event()

    async def cleaning_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with anyio.CancelScope() as scope:
        task = asyncio.create_task(cleaning_up())
        await asyncio.sleep(0)
        scope.cancel()
        await cancel_and_wait(task)
    assert ended.is_set()
    assert task.cancelled()


class Holder:
    """What is of use to a task, and ends it."""

    def __init__(self) -> None:
        self.task = asyncio.create_task(self.work())

    async def work(self) -> None:
        await asyncio.Event().wait()

    async def end(self) -> None:
        await cancel_and_wait(self.task)


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
class TestWhatTheTaskHeld:
    """Is gone at once, and not when the collector comes by."""

    async def test_after_it_has_ended(self) -> None:
        holder = Holder()
        await asyncio.sleep(0)
        await holder.end()
        held = weakref.ref(holder)
        del holder
        assert held() is None

    async def test_when_being_cancelled_meanwhile(self) -> None:
        holder = Holder()
        await asyncio.sleep(0)
        ending = asyncio.create_task(holder.end())
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait([ending])
        assert ending.cancelled()
        held = weakref.ref(holder)
        del holder, ending
        assert held() is None
