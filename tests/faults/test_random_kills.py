"""F03: one process after another is killed, whichever, and users go on.

`make soak` kills five hundred times instead of twenty-five, at the pace of FAULTS.md.
"""

import os
import random
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import DoubleProgram, Stack, User
from webox_stack.killing import KillLoop, Pace

USERS = 4
SHORT = 25
KILLS = int(os.environ.get("WEBOX_TEST_KILLS", SHORT))
PACE = Pace(kill=(0.5, 2.0) if KILLS <= SHORT else (1.5, 3.0))
LONGEST_SECONDS = 300 + 5 * KILLS

pytestmark = [pytest.mark.fault("F03"), pytest.mark.timeout(LONGEST_SECONDS)]


async def test_nothing_is_lost_and_nothing_doubled(
    webox: Stack,
    double: DoubleProgram,
    make_user: Callable[[], Awaitable[User]],
    healthy: Callable[[], Awaitable[None]],
) -> None:
    users = [await make_user() for _ in range(USERS)]
    loop = KillLoop(webox, double, users, pace=PACE, seed=random.SystemRandom().randrange(10**6))
    try:
        await loop.run(KILLS)
    finally:
        print(f"\n{loop.summary}")  # noqa: T201 - what `make soak` is run for
    summary = loop.summary
    assert (summary.doubled, summary.lost) == (0, 0)
    assert summary.acknowledged == summary.stored
    assert summary.statuses.keys() == {"done"}
    assert summary.exports.keys() <= {"done", "cancelled", "expired"}
    await healthy()
    verified = await webox.command("verify")
    print(verified.stdout)  # noqa: T201 - likewise
    assert verified.returncode == 0, verified.stdout + verified.stderr
