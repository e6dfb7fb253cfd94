import asyncio

import pytest

from webox_kit.cancellation import cancel_and_wait
from webox_kit.memory import give_back_memory, resident_bytes
from webox_kit.testing import eventually

MB = 1024 * 1024
# Below what glibc asks the system for by itself, which it would give back by itself as well.
BLOCK = b"x" * 100_000


def let_go_of_all_but_the_last(blocks: int) -> bytearray:
    """What is in use at the end keeps the rest from being given back; a circle keeps all of it."""
    held: list[object] = [bytearray(BLOCK) for _ in range(blocks)]
    last = held[-1]
    held.append(held)
    assert isinstance(last, bytearray)
    return last


async def test_what_is_freed_goes_back_to_the_system() -> None:
    giving = asyncio.create_task(give_back_memory(every_seconds=0.02, worth_bytes=16 * MB))
    await asyncio.sleep(0)  # it notes how large the process is now
    usual = resident_bytes()
    last = let_go_of_all_but_the_last(2000)

    async def given_back() -> bool:
        return resident_bytes() < usual + 16 * MB

    await eventually(given_back)
    assert last
    await cancel_and_wait(giving)


async def test_without_glibc_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webox_kit.memory._trim", lambda: None)
    async with asyncio.timeout(1):
        await give_back_memory()
