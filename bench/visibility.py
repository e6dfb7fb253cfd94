"""How long after a send's answer it is counted by the dashboard and found by search."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from bench.running import User, registered, running_webox

MESSAGES = 50
MOST_MEDIAN_MS = 1000.0
_POLL_SECONDS = 0.01


async def measure(url: str) -> tuple[list[float], list[float]]:
    """Milliseconds until the dashboard, and until search, of each message."""
    dashboard, search = [], []
    async with registered(url) as user:
        for number in range(1, MESSAGES + 1):
            await user.send(f"mot{number:04}", selected_providers=["GPT-4"])
            answered = time.perf_counter()
            times = await asyncio.gather(
                _until(answered, lambda number=number: _counted(user, number)),
                _until(answered, lambda number=number: _found(user, f"mot{number:04}")),
            )
            dashboard.append(times[0])
            search.append(times[1])
    return dashboard, search


async def _until(since: float, holds: Callable[[], Awaitable[bool]]) -> float:
    while not await holds():  # noqa: ASYNC110 - another process makes it so
        await asyncio.sleep(_POLL_SECONDS)
    return (time.perf_counter() - since) * 1000


async def _counted(user: User, number: int) -> bool:
    stats = await user.get("/api/dashboard/stats")
    return bool(stats["conversations"] == number and stats["generations"] == number)


async def _found(user: User, word: str) -> bool:
    found = await user.get("/api/chat/search", params={"q": word})
    return any(word in each["title"] for each in found["results"])


def main() -> None:
    with running_webox() as (stack, _double):
        dashboard, search = asyncio.run(measure(stack.url))
    for name, times in (("dashboard", dashboard), ("search", search)):
        worst = max(times)
        print(
            f"visible in {name}: {statistics.median(times):.0f} ms median "
            f"(at most {MOST_MEDIAN_MS:.0f}), {worst:.0f} ms at worst, of {len(times)}"
        )


if __name__ == "__main__":
    main()
