"""Asking a provider by its name, within what all workers share: its slots and its circuit."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Self

import aiohttp
from redis.asyncio import Redis

from webox_chat.providers.base import (
    Asked,
    ErrorCode,
    Finished,
    ProviderError,
    ProviderRequest,
    StreamItem,
    TextDelta,
)
from webox_chat.providers.provider import Provider
from webox_chat.providers.registry import Registry
from webox_kit.circuits import Circuit, CircuitOpenError, Passage, SharedCircuits
from webox_kit.shared_slots import SharedSlots, SlotPool

_REFUSALS_THAT_ANOTHER_MENDS: tuple[ErrorCode, ...] = (
    "rate_limited",
    "unauthorized",
    "circuit_open",
)


class Providers:
    """The registry's providers, to be asked; made once per process, in its running loop.

    Open it with `async with`: leaving frees the slots that this process holds.
    """

    def __init__(
        self, registry: Registry, session: aiohttp.ClientSession, redis: Redis | None = None
    ) -> None:
        """`session` is one of `Registry.session()`.

        Without `redis` each process has its own limits and circuits, as while Redis is away.
        """
        self._registry = registry
        self._session = session
        self._slots = SharedSlots(redis)
        self._circuits = SharedCircuits(redis)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._slots.__aexit__(*exception)

    async def ask(self, name: str, request: ProviderRequest) -> AsyncGenerator[StreamItem]:
        """Asked, then TextDeltas and ReasoningDeltas, then one Finished.

        A second Asked says that the fallback takes over: only while no text has come, and only
        for what another provider may do better. Close it, so that leaving early ends the call.

        Raises:
            ProviderError: of who was asked last; what was yielded before it stays.
        """
        await self._registry.refresh()
        provider = self._available(name)
        if provider is None:
            raise ProviderError("unavailable", f"{name} is not available any more.", ill=False)
        failure: ProviderError | None = None
        while True:
            shown, fitted = False, provider.fitted(request)
            cut = len(fitted.turns) < len(request.turns)
            yield Asked(provider.name, fitted.model, cut, failure)
            try:
                async with (
                    self._admitted(provider) as passage,
                    aclosing(provider.ask_as_is(self._session, fitted)) as items,
                ):
                    async for item in items:
                        if isinstance(item, TextDelta):
                            shown = True
                        elif isinstance(item, Finished):
                            await passage.succeeded()
                        yield item
            except ProviderError as error:
                fallback = None if shown or failure else self._fallback(provider, error)
                if fallback is None:
                    raise
                failure = error
            else:
                return
            provider, request = fallback, replace(request, model=fallback.default_model)

    def _available(self, name: str) -> Provider | None:
        provider = self._registry.find(name)
        return provider if provider is not None and provider.available else None

    def _fallback(self, provider: Provider, error: ProviderError) -> Provider | None:
        mendable = error.ill or error.code in _REFUSALS_THAT_ANOTHER_MENDS
        return self._available(provider.fallback) if mendable and provider.fallback else None

    @asynccontextmanager
    async def _admitted(self, provider: Provider) -> AsyncIterator[Passage]:
        """With one of the provider's places and past its circuit, which learns of failures."""
        circuit = self._circuits.circuit(provider.name, provider.circuit)
        pool = self._slots.pool(provider.name, provider.concurrency)
        await _let_through(provider, circuit)
        await _take_slot(provider, pool)
        try:
            passage = await _entered(provider, circuit)
            try:
                yield passage
            except ProviderError as error:
                await _tell_failure(passage, error)
                raise
            finally:
                await passage.left()
        finally:
            pool.give_back()


async def _tell_failure(passage: Passage, error: ProviderError) -> None:
    if error.ill:
        error.circuit_opened_at = await passage.failed()
    else:
        await passage.refused()


async def _take_slot(provider: Provider, pool: SlotPool) -> None:
    if pool.take_now():
        return
    total = provider.endpoint.limits.total
    try:
        async with asyncio.timeout(total):
            await pool.take()
    except TimeoutError:
        raise ProviderError(
            "rate_limited",
            f"All of the {provider.concurrency} places at {provider.name} stayed taken for "
            f"{total:g} s",
            retryable=True,
        ) from None


async def _let_through(provider: Provider, circuit: Circuit) -> None:
    """Refuses before a slot is waited for."""
    try:
        await circuit.check()
    except CircuitOpenError as refusal:
        raise _refused(provider, refusal) from None


async def _entered(provider: Provider, circuit: Circuit) -> Passage:
    try:
        return await circuit.enter()
    except CircuitOpenError as refusal:
        raise _refused(provider, refusal) from None


def _refused(provider: Provider, refusal: CircuitOpenError) -> ProviderError:
    seconds = math.ceil(refusal.retry_after)
    return ProviderError(
        "circuit_open",
        f"{provider.name} failed {provider.circuit.failures} times in a row and is not asked for "
        f"now; it is tried again in {seconds} s",
        retry_after=refusal.retry_after,
        retryable=True,
        circuit_opened_at=refusal.opened_at,
    )
