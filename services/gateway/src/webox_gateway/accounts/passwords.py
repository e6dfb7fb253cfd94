"""Hashing passwords with Argon2id, off the event loop and a few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webox_kit.errors import UnavailableError

Result = TypeVar("Result")

# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 2
_MOST_WAITING = 64
_UNKNOWN = (
    "$argon2id$v=19$m=19456,t=2,p=1$d2Vib3gtdW5rbm93bi11c2Vy"
    "$0000000000000000000000000000000000000000000"
)
"""Checked for accounts that do not exist, so that they take as long as those that do."""


class Passwords:
    """Two threads hash; who comes when 64 wait is asked to try again."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        return await self._run(_HASHER.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one that was `stored`; None takes as long and is False."""
        return await self._run(_matches, stored or _UNKNOWN, password) and stored is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., Result], *args: str) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise UnavailableError("Too many people sign in at this moment; try again shortly.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
