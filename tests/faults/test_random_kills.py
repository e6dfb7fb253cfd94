"""F03: one process after another is killed, whichever, and users go on."""

import random
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import DoubleProgram, Stack, User
from webox_stack.killing import KillLoop, Pace

pytestmark = [pytest.mark.fault("F03"), pytest.mark.timeout(300)]

USERS = 4
KILLS = 25


async def test_nothing_is_lost_and_nothing_doubled(
    webox: Stack,
    double: DoubleProgram,
    make_user: Callable[[], Awaitable[User]],
    healthy: Callable[[], Awaitable[None]],
) -> None:
    users = [await make_user() for _ in range(USERS)]
    seed = random.SystemRandom().randrange(1_000_000)
    loop = KillLoop(webox, double, users, pace=Pace(kill=(0.5, 2.0)), seed=seed)
    print(f"seed {seed}")  # noqa: T201 - for whoever sees it fail
    summary = await loop.run(KILLS)
    print(summary)  # noqa: T201 - likewise
    assert (summary.doubled, summary.lost) == (0, 0), summary
    assert summary.acknowledged == summary.stored, summary
    assert summary.statuses.keys() <= {"done"}, summary
    await healthy()
