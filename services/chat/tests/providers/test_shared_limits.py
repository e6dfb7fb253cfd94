"""Circuits and places of a provider, shared by two workers on one Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from webox_chat.providers import ChatTurn, ProviderRequest, Providers, Registry
from webox_double import Double
from webox_kit.streams import connect
from webox_kit.testing import eventually

ENTRIES = """
extends_default = false
[providers.Ill]
protocol = "openai"
base_url = "{url}/v1"
circuit = {{ failures = 5, open_seconds = 0.5 }}
{limits}
[providers.Narrow]
protocol = "openai"
base_url = "{url}/v1"
concurrency = 1
{limits}
[providers.Well]
protocol = "anthropic"
base_url = "{url}/v1"
{limits}
"""


OpenWorker = Callable[..., Awaitable[Providers]]


@pytest.fixture
async def open_worker(
    double: Double, registry_file: Callable[[str], Path], limits: str, redis_url: str
) -> AsyncIterator[OpenWorker]:
    async with AsyncExitStack() as stack:

        async def opened(limits: str = limits) -> Providers:
            file = registry_file(ENTRIES.format(url=double.url, limits=limits))
            registry = Registry.load(file, {"TEST_KEY": "sk-1"})
            session = await stack.enter_async_context(registry.session())
            redis = connect(redis_url)
            stack.push_async_callback(redis.aclose)
            return await stack.enter_async_context(Providers(registry, session, redis))

        yield opened


@pytest.fixture
async def workers(open_worker: OpenWorker) -> list[Providers]:
    return [await open_worker() for _ in range(2)]


@pytest.fixture
def ask(ask_all: Any) -> Any:
    async def start(worker: Providers, name: str, model: str, question: str = "?") -> Any:
        request = ProviderRequest(model, (ChatTurn("user", question),))
        return await ask_all(worker.ask(name, request))

    return start


class TestTheCircuit:
    async def test_opens_after_five_failures_for_all_workers(
        self, workers: list[Providers], ask: Any, double: Double
    ) -> None:
        failures = [(await ask(workers[0], "Ill", "badjson")).error for _ in range(5)]
        assert [error.circuit_opened_at is not None for error in failures] == [False] * 4 + [True]
        assert datetime.now(UTC) - failures[4].circuit_opened_at < timedelta(seconds=5)
        for worker in workers:
            refused = await ask(worker, "Ill", "ok")
            assert refused.error.code == "circuit_open"
            assert refused.error.circuit_opened_at == failures[4].circuit_opened_at
            assert refused.error.detail == (
                "Ill failed 5 times in a row and is not asked for now; it is tried again in 1 s"
            )
        assert len(double.calls) == 5

    async def test_closes_by_a_probe(
        self, workers: list[Providers], ask: Any, double: Double
    ) -> None:
        for _ in range(5):
            await ask(workers[0], "Ill", "badjson")
        double.clear()

        async def answered() -> bool:
            return (await ask(workers[1], "Ill", "ok")).finished is not None

        began = time.monotonic()
        await eventually(answered)
        assert time.monotonic() - began > 0.3
        assert len(double.calls) == 1
        assert (await ask(workers[0], "Ill", "ok")).finished is not None
        assert (await ask(workers[0], "Ill", "badjson")).error.circuit_opened_at is None

    @pytest.mark.parametrize("model", ["401", "429:99:0"])
    async def test_is_not_for_keys_and_rates(
        self, workers: list[Providers], ask: Any, model: str
    ) -> None:
        codes = {(await ask(workers[0], "Ill", model)).error.code for _ in range(6)}
        assert codes <= {"unauthorized", "rate_limited"}

    async def test_counts_calls_and_not_tries(
        self, workers: list[Providers], ask: Any, double: Double
    ) -> None:
        errors = [(await ask(workers[0], "Ill", "500")).error for _ in range(4)]
        assert [error.code for error in errors] == ["unavailable"] * 4
        assert len(double.calls) == 12

    async def test_a_success_ends_the_row(self, workers: list[Providers], ask: Any) -> None:
        for _ in range(2):
            for _ in range(4):
                await ask(workers[0], "Ill", "badjson")
            assert (await ask(workers[0], "Ill", "ok")).finished is not None


async def test_an_unreachable_redis_stops_nobody(
    registry: Registry, session: aiohttp.ClientSession, ask: Any, tmp_path: Path
) -> None:
    redis = connect(f"unix://{tmp_path}/nobody.sock")
    async with Providers(registry, session, redis) as providers:
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(providers, "openai", "ok", str(n)) for n in range(9)))
        assert time.monotonic() - began < 2
        failures = [(await ask(providers, "anthropic", "badjson")).error for _ in range(6)]
    assert all(answer.finished for answer in answers)
    assert [error.code for error in failures] == ["bad_response"] * 5 + ["circuit_open"]
    await redis.aclose()


class TestPlaces:
    async def test_are_as_many_as_the_entry_says(
        self, workers: list[Providers], ask: Any, double: Double
    ) -> None:
        calls = [ask(worker, "Narrow", "delay:30") for worker in workers * 3]
        asking = asyncio.gather(*calls)
        most = 0

        def none_at_once(calls: list[Any]) -> bool:
            nonlocal most
            most = max(most, sum(call.outcome == "running" for call in calls))
            return asking.done()

        waiting = asyncio.create_task(double.until(none_at_once, 20))
        answers = await asking
        waiting.cancel()
        assert [answer.error for answer in answers] == [None] * 6
        assert most == 1

    async def test_are_not_waited_for_without_end(
        self,
        workers: list[Providers],
        open_worker: OpenWorker,
        limits: str,
        ask: Any,
        double: Double,
    ) -> None:
        # Else its call might end, for having taken too long, a moment before the waiting does.
        patient = await open_worker(limits.replace("total = 3", "total = 30"))
        holding = asyncio.create_task(ask(patient, "Narrow", "stream:100:100"))
        await double.until(lambda calls: len(calls) == 1)
        late = await ask(workers[1], "Narrow", "ok")
        assert (late.error.code, late.error.detail) == (
            "rate_limited",
            "All of the 1 places at Narrow stayed taken for 3 s",
        )
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)

    async def test_come_back_when_the_call_is_left(
        self, workers: list[Providers], ask: Any
    ) -> None:
        request = ProviderRequest("hang_mid", (ChatTurn("user", "?"),))
        async with aclosing(workers[0].ask("Narrow", request)) as items:
            await anext(items)
            await anext(items)
        assert (await ask(workers[1], "Narrow", "ok")).finished is not None

    async def test_of_a_slow_provider_hold_up_nobody_else(
        self, workers: list[Providers], ask: Any, double: Double
    ) -> None:
        slow = [
            asyncio.create_task(ask(workers[0], "Narrow", "hang_headers", str(number)))
            for number in range(20)
        ]
        await double.until(lambda calls: len(calls) == 1)
        began = time.monotonic()
        assert (await ask(workers[0], "Well", "ok")).finished is not None
        assert time.monotonic() - began < 1
        for call in slow:
            call.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
