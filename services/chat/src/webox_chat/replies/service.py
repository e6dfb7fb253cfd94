"""Asking the providers of one message: all at once, each reply written when it is final."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from enum import Enum, auto

from webox_chat.live.publisher import TextPublisher
from webox_chat.providers import ProviderError, ProviderRequest, Providers
from webox_chat.replies.exchange import Cost, Exchange
from webox_chat.replies.finals import FinalWriter
from webox_chat.replies.leases import LeaseRepository
from webox_chat.replies.schemas import Claim, Claimed, Final, Lease, Question
from webox_kit.cancellation import cancel_and_wait
from webox_kit.database import Database
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage

log = get_logger(__name__)


class Stop(Enum):
    """Why a provider is not listened to any more."""

    CANCELLED = auto()
    """Its user wants no more of it: what there is, is the reply."""

    LOST = auto()
    """The reply is somebody else's now."""

    HANDED_BACK = auto()
    """This worker ends; another is to begin again."""


class Asking:
    """One reply's provider being asked, until it ended or was stopped."""

    def __init__(self, exchange: Exchange, task: "asyncio.Task[Final]") -> None:
        self.exchange = exchange
        self.stopped: Stop | None = None
        self._task = task

    @property
    def claim(self) -> Claim:
        return self.exchange.claim

    @property
    def ended(self) -> bool:
        return self._task.done()

    def stop(self, why: Stop) -> None:
        """The provider's connection is closed; the first reason counts."""
        if not self._task.done() and self.stopped is None:
            self.stopped = why
            self._task.cancel()

    async def final(self) -> Final | None:
        """How it ended; None when it is not for this worker to end it."""
        try:
            return await self._task
        except asyncio.CancelledError:
            if self.stopped is None:
                await cancel_and_wait(self._task)
                raise
            return self.exchange.ended("cancelled") if self.stopped is Stop.CANCELLED else None


class FanOut:
    """Claims messages' replies and sees them to their end."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        cost: Cost,
        texts: TextPublisher,
        finals: FinalWriter,
        *,
        lease: Lease,
        renew_seconds: float,
    ) -> None:
        self._leases = LeaseRepository(database)
        self._providers = providers
        self._cost = cost
        self._texts = texts
        self._finals = finals
        self._lease = lease
        self._renew_seconds = renew_seconds
        self._asking: dict[int, Asking] = {}

    async def run(self, message_id: int, user_id: int, *, watched: bool) -> None:
        """Ask all providers that nobody else is asking for this message of the user's.

        `watched`: their text is to be passed on before anybody asks for it.
        """
        claimed = await self._leases.claim(message_id, user_id, self._lease)
        if claimed is not None:
            ended = await asyncio.gather(*self._begin(claimed, watched), return_exceptions=True)
            for error in ended:
                if error is not None:
                    raise error

    def show(self, message_id: int) -> None:
        """Somebody watches this message now."""
        self._texts.show(message_id)

    def cancel(self, reply_ids: tuple[int, ...]) -> None:
        """Stop asking for those replies of these that are asked for here."""
        for reply_id in reply_ids:
            if asking := self._asking.get(reply_id):
                asking.stop(Stop.CANCELLED)

    async def keep_leases(self) -> None:
        """Until cancelled: renew while providers answer; stop asking for what is not ours."""
        while True:
            await asyncio.sleep(self._renew_seconds)
            unfinished = [each for each in self._asking.values() if not each.ended]
            ours = await self._renewed([each.claim for each in unfinished])
            if ours is not None:
                for each in unfinished:
                    _look_after(each, ours)

    async def hand_back(self, older_than: timedelta) -> None:
        """Stop asking at all; what is unfinished is for other workers, at once."""
        unfinished = [each for each in self._asking.values() if not each.ended]
        for each in unfinished:
            each.stop(Stop.HANDED_BACK)
        if unfinished:
            log.info("replies handed back", replies=len(unfinished))
            await self._leases.hand_back([each.claim for each in unfinished], older_than)

    def _begin(self, claimed: Claimed, watched: bool) -> list["asyncio.Task[None]"]:
        return [
            asyncio.create_task(self._see_to_its_end(claim, claimed.question, watched))
            for claim in claimed.claims
        ]

    async def _see_to_its_end(self, claim: Claim, question: Question, watched: bool) -> None:
        exchange = Exchange(claim, question.characters(claim.provider), self._cost)
        if claim.cancel_requested:
            await self._finals.write(exchange.ended("cancelled"))
            return
        with self._finals.expecting(claim), self._texts.publishing(exchange, watched=watched):
            asking = Asking(exchange, asyncio.create_task(self._asked(exchange, question)))
            if earlier := self._asking.get(claim.reply_id):
                # Its lease ran out while it could not be renewed, and it came back to us.
                earlier.stop(Stop.LOST)
            self._asking[claim.reply_id] = asking
            try:
                final = await asking.final()
            finally:
                if self._asking.get(claim.reply_id) is asking:
                    del self._asking[claim.reply_id]
        if final is not None and not await self._finals.write(final):
            log.warning("a reply belonged to somebody else by now", reply=claim.reply_id)

    async def _renewed(self, claims: list[Claim]) -> dict[int, bool] | None:
        """The replies that are still ours; None when the database cannot tell."""
        if not claims:
            return {}
        try:
            return await self._leases.renew(claims, self._lease.duration)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("leases not renewed", error=type(error).__name__)
            return None

    async def _asked(self, exchange: Exchange, question: Question) -> Final:
        claim = exchange.claim
        request = ProviderRequest(
            model=claim.model,
            turns=question.threads[claim.provider],
            system=question.system,
            temperature=question.temperature,
            max_tokens=question.max_tokens,
            stop=question.stop,
        )
        try:
            async with aclosing(self._providers.ask(claim.provider, request)) as items:
                async for item in items:
                    if exchange.take(item):
                        self._texts.grew(exchange)
        except ProviderError as error:
            return exchange.failed_by(error)
        except Exception:
            log.exception("asking failed", provider=claim.provider, reply=claim.reply_id)
            return exchange.failed("bad_response", "The provider's answer could not be understood.")
        return exchange.done()


def _look_after(asking: Asking, ours: dict[int, bool]) -> None:
    cancel = ours.get(asking.claim.reply_id)
    if cancel is None:
        asking.stop(Stop.LOST)
    elif cancel:
        asking.stop(Stop.CANCELLED)
