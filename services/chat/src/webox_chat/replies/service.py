"""Asking the providers of one message: all at once, each reply written when it is final."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import aiohttp

from webox_chat.providers import (
    Asked,
    Finished,
    ProviderError,
    ProviderRequest,
    Providers,
    Registry,
    StreamItem,
    TextDelta,
)
from webox_chat.replies.finals import FinalWriter
from webox_chat.replies.repository import ReplyRepository
from webox_chat.replies.schemas import Claim, Final, FinalStatus, Lease, Question
from webox_kit.database import Database
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage

log = get_logger(__name__)


class FanOut:
    """Claims a message's replies and sees them to their end."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        http: aiohttp.ClientSession,
        finals: FinalWriter,
        *,
        lease: Lease,
        renew_seconds: float,
    ) -> None:
        self._replies = ReplyRepository(database)
        self._registry = registry
        self._providers = Providers(registry, http)
        self._finals = finals
        self._lease = lease
        self._renew_seconds = renew_seconds

    async def run(self, message_id: int) -> None:
        """Ask all providers that nobody else is asking for this message."""
        claimed = await self._replies.claim(message_id, self._lease)
        if claimed is None:
            return
        asking = {
            claim: asyncio.create_task(self._answer(claim, claimed.question))
            for claim in claimed.claims
        }
        renewing = asyncio.create_task(self._keep_leases(asking))
        try:
            await asyncio.gather(*asking.values(), return_exceptions=True)
        finally:
            renewing.cancel()
            for task in asking.values():
                task.cancel()

    async def _keep_leases(self, asking: dict[Claim, "asyncio.Task[None]"]) -> None:
        """Renew while providers answer; stop asking for what is no longer ours."""
        while True:
            await asyncio.sleep(self._renew_seconds)
            unfinished = [claim for claim, task in asking.items() if not task.done()]
            ours = await self._renewed(unfinished)
            for claim in unfinished:
                if ours is not None and claim.reply_id not in ours:
                    asking[claim].cancel()

    async def _renewed(self, claims: list[Claim]) -> set[int] | None:
        """The replies that are still ours; None when the database cannot tell."""
        try:
            return await self._replies.renew(claims, self._lease.duration)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("leases not renewed", error=type(error).__name__)
            return None

    async def _answer(self, claim: Claim, question: Question) -> None:
        with self._finals.expecting(claim):
            final = await self._asked(claim, question)
        if not await self._finals.write(final):
            log.warning("a reply belonged to somebody else by now", reply=claim.reply_id)

    async def _asked(self, claim: Claim, question: Question) -> Final:
        exchange = _Exchange(claim)
        request = ProviderRequest(
            model=claim.model,
            turns=question.threads[claim.provider],
            temperature=question.temperature,
            max_tokens=question.max_tokens,
        )
        try:
            async with aclosing(self._providers.ask(claim.provider, request)) as items:
                async for item in items:
                    exchange.take(item)
        except ProviderError as error:
            return replace(
                exchange.ended("failed"), error_code=error.code, error_detail=error.detail
            )
        except Exception:
            log.exception("asking failed", provider=claim.provider, reply=claim.reply_id)
            return replace(
                exchange.ended("failed"),
                error_code="bad_response",
                error_detail="The provider's answer could not be understood.",
            )
        return exchange.done(self._registry)


class _Exchange:
    """One question to one provider, and what came of it so far."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._started = time.monotonic()
        self._first_token: float | None = None
        self._texts: list[str] = []
        self._asked: Asked | None = None
        self._finished: Finished | None = None

    def take(self, item: StreamItem) -> None:
        if isinstance(item, Finished):
            self._finished = item
            return
        if isinstance(item, Asked):
            self._asked = item
            return
        if not isinstance(item, TextDelta):
            return
        if self._first_token is None:
            self._first_token = time.monotonic()
        self._texts.append(item.text)

    def ended(self, status: FinalStatus) -> Final:
        first = self._first_token
        return Final(
            self._claim,
            status,
            content="".join(self._texts),
            time_to_first_token_ms=None if first is None else _ms(first - self._started),
            total_ms=_ms(time.monotonic() - self._started),
        )

    def done(self, registry: Registry) -> Final:
        asked, finished = self._asked, self._finished
        if asked is None or finished is None:
            return replace(
                self.ended("failed"), error_code="cut", error_detail="The answer has no end."
            )
        return replace(
            self.ended("done"),
            finish_reason=finished.finish_reason,
            truncated=finished.truncated,
            input_tokens=finished.input_tokens,
            output_tokens=finished.output_tokens,
            cost=registry.cost(
                asked.provider, asked.model, finished.input_tokens, finished.output_tokens
            ),
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
