"""After kill -9 of everything at once: how long until Webox serves again, and all is answered.

While messages to four slow providers are being answered every process is killed, PostgreSQL, Redis
and the supervisor too. The times count from the command that starts it again, with the leases that
users have (30 s): to `/readyz`, to the first answered request of a user, and to the last reply.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.running import (
    PASSWORD,
    DoubleProgram,
    Stack,
    User,
    eventually,
    registered,
    running_double_program,
    running_stack,
    signed_in,
    write_registry,
)

MOST_SECONDS_TO_SERVE = 10
MOST_SECONDS_TO_FINAL = 60
_MESSAGES = 50
_PROVIDERS = ("GPT-4", "Claude", "Mistral", "DeepSeek")
_SLOW = "delay:3000+restart"


def main() -> None:
    asyncio.run(_measure())


async def _measure() -> None:
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        with running_double_program(folder) as double:
            environment = write_registry(folder, double.url) | {"WEBOX_LOGIN_TRIES": "1000"}
            with running_stack(folder, environment) as stack:
                async with registered(stack.url) as user:
                    await _leave_unanswered(user, double)
                    stack.kill_everything()
            killed = time.monotonic()
            with running_stack(folder, environment) as stack:
                await _report(stack, user, lambda: time.monotonic() - killed)


async def _leave_unanswered(user: User, double: DoubleProgram) -> None:
    sends = (
        user.send(
            f"Question {number}",
            expect=202,
            selected_providers=list(_PROVIDERS),
            selected_models=dict.fromkeys(_PROVIDERS, _SLOW),
            wait={"seconds": 0},
        )
        for number in range(_MESSAGES // len(_PROVIDERS))
    )
    await asyncio.gather(*sends)

    async def under_way() -> None:
        assert any(call["outcome"] == "running" for call in double.calls(_SLOW))

    await eventually(under_way)


async def _report(stack: Stack, user: User, seconds: Callable[[], float]) -> None:
    print(f"ready: {seconds():.1f} s")
    async with signed_in(stack.url, user.email, PASSWORD) as again:
        await again.get("/api/chat/conversations")
        print(f"a user's first answer: {seconds():.1f} s (at most {MOST_SECONDS_TO_SERVE})")
        paths = [f"/api/chat/messages/{each}" for each in user.witness.acknowledged]
        attempts = [attempt for path in paths for attempt in await _attempts(again, path)]
    print(
        f"all {len(attempts)} replies final: {seconds():.1f} s (at most {MOST_SECONDS_TO_FINAL}), "
        f"{sum(attempt > 1 for attempt in attempts)} of them after another attempt"
    )


async def _attempts(user: User, path: str) -> list[int]:
    """How many each reply of a message took, once all are final."""
    while True:
        replies = (await user.get(path))["replies"].values()
        if all(each["status"] == "done" for each in replies):
            return [each["attempt"] for each in replies]
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
