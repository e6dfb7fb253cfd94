"""Finds replies that nobody works on, and has them worked on: Redis and Celery only hint."""

import asyncio
from datetime import timedelta

from redis.asyncio import Redis

from webox_chat.budgets.repository import BudgetRepository
from webox_chat.budgets.schemas import Limits
from webox_chat.messages.repository import MessageRepository
from webox_chat.replies.finals import write_finals
from webox_chat.replies.leases import LeaseRepository
from webox_chat.replies.schemas import FAN_OUT, Claim, Final, Lease
from webox_kit.database import Database
from webox_kit.logs import get_logger
from webox_kit.tasks import TaskQueue

log = get_logger(__name__)

_AT_ONCE = 1000


class Reconciler:
    def __init__(
        self,
        database: Database,
        redis: Redis,
        tasks: TaskQueue,
        *,
        lease: Lease,
        every_seconds: float,
        enqueue_again: timedelta,
    ) -> None:
        self._database = database
        self._leases = LeaseRepository(database)
        self._messages = MessageRepository(database)
        self._budgets = BudgetRepository(database, Limits())
        self._redis = redis
        self._tasks = tasks
        self._lease = lease
        self._every_seconds = every_seconds
        self._enqueue_again = enqueue_again

    async def run(self) -> None:
        """Until cancelled; a duty."""
        while True:
            await self.reconcile()
            await asyncio.sleep(self._every_seconds)

    async def reconcile(self) -> None:
        await self._messages.forget_requests()
        await self._budgets.mend()
        stranded = await self._leases.take_stranded(self._enqueue_again, _AT_ONCE)
        worn_out = [claim for claim in stranded if claim.attempt >= self._lease.max_attempts]
        if worn_out:
            await self._give_up(worn_out)
        for message_id, user_id in sorted(_messages(stranded) - _messages(worn_out)):
            log.info("task sent again", message=message_id)
            await self._tasks.send(FAN_OUT, message_id, user_id, True)

    async def _give_up(self, claims: list[Claim]) -> None:
        finals = [self._worn_out(claim) for claim in claims]
        await write_finals(self._database, self._redis, finals)

    def _worn_out(self, claim: Claim) -> Final:
        detail = f"Asking was interrupted {self._lease.max_attempts} times; retry it by hand."
        return Final(claim, "failed", error_code="unavailable", error_detail=detail)


def _messages(claims: list[Claim]) -> set[tuple[int, int]]:
    """Their ids and their users'."""
    return {(claim.message_id, claim.user_id) for claim in claims}
