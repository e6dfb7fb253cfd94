"""Several `SharedCircuits` on one Redis stand for as many processes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from webox_stack.proxy import Proxy

from webox_kit.circuits import Circuit, CircuitOpenError, CircuitPolicy, SharedCircuits
from webox_kit.streams import connect
from webox_kit.testing import ClockOff, eventually

POLICY = CircuitPolicy(failures=3, open_seconds=0.3, probe_seconds=0.5)


@pytest.fixture
def process(redis: Redis, request: pytest.FixtureRequest) -> Callable[..., Circuit]:
    """The same circuit in a process of its own."""

    def make(policy: CircuitPolicy = POLICY) -> Circuit:
        return SharedCircuits(redis).circuit(request.node.name, policy)

    return make


async def fail(circuit: Circuit, times: int = POLICY.failures) -> list[bool]:
    """Of each failed call, whether it opened the circuit."""
    return [await (await circuit.enter()).failed() is not None for _ in range(times)]


async def refused(circuit: Circuit) -> bool:
    try:
        await circuit.check()
    except CircuitOpenError:
        return True
    return False


async def probe(circuit: Circuit) -> None:
    """Wait until the circuit lets a call through."""

    async def let_through() -> bool:
        return not await refused(circuit)

    await eventually(let_through)


class TestACircuit:
    async def test_opens_after_so_many_failures_in_a_row(
        self, process: Callable[..., Circuit]
    ) -> None:
        circuit = process()
        assert await fail(circuit, 2) == [False, False]
        await (await circuit.enter()).succeeded()
        assert await fail(circuit) == [False, False, True]
        with pytest.raises(CircuitOpenError) as refusal:
            await circuit.enter()
        assert refusal.value.retry_after > 0
        assert await circuit.is_open()

    async def test_failures_at_once_all_count(self, process: Callable[..., Circuit]) -> None:
        first, second = process(), process()
        passages = [await each.enter() for each in (first, second) * 2]
        opened = await asyncio.gather(*(passage.failed() for passage in passages))
        assert sum(moment is not None for moment in opened) == 1
        await eventually(first.is_open, 1.5)

    async def test_lets_one_probe_through_which_closes_it(
        self, process: Callable[..., Circuit]
    ) -> None:
        first, second = process(), process()
        await fail(first)
        await probe(second)
        passage = await second.enter()
        with pytest.raises(CircuitOpenError):
            await first.enter()
        await passage.succeeded()

        async def closed() -> bool:
            return not await first.is_open()

        await eventually(closed, 1.5)
        assert await fail(first) == [False, False, True], "it counts anew"

    async def test_stays_open_longer_when_the_probe_fails(
        self, process: Callable[..., Circuit]
    ) -> None:
        circuit = process()
        await fail(circuit)
        with pytest.raises(CircuitOpenError) as first:
            await circuit.check()
        await probe(circuit)
        assert await (await circuit.enter()).failed() == first.value.opened_at
        with pytest.raises(CircuitOpenError) as second:
            await circuit.check()
        assert second.value.opened_at == first.value.opened_at
        assert circuit._state.refuses_until - circuit._state.opened_at > 0.6  # noqa: SLF001

    async def test_a_probe_that_tells_nothing_makes_room(
        self, process: Callable[..., Circuit]
    ) -> None:
        circuit = process()
        await fail(circuit)
        await probe(circuit)
        await (await circuit.enter()).left()
        await circuit.enter()

    async def test_a_probe_that_is_never_heard_of_again_makes_room(
        self, process: Callable[..., Circuit]
    ) -> None:
        circuit = process()
        await fail(circuit)
        await probe(circuit)
        await circuit.enter()
        assert await refused(circuit)
        await probe(circuit)

    async def test_what_began_before_it_opened_changes_nothing(
        self, process: Callable[..., Circuit]
    ) -> None:
        circuit = process()
        early, late = await circuit.enter(), await circuit.enter()
        await fail(circuit)
        await early.succeeded()
        assert await late.failed() is None
        assert await refused(circuit)


class TestSharing:
    async def test_another_process_refuses_within_a_second(
        self, process: Callable[..., Circuit]
    ) -> None:
        first, second = process(), process()
        await (await second.enter()).succeeded()
        await fail(first)
        longer = CircuitPolicy(failures=3, open_seconds=30)
        assert await refused(process(longer)), "one that has just started"

        await eventually(second.is_open, 1.5)

    @pytest.mark.parametrize("seconds", [-600, 600])
    async def test_a_wrong_clock_holds_nobody_up(
        self, process: Callable[..., Circuit], clock_off: ClockOff, seconds: float
    ) -> None:
        """F27: a process whose clock is off opens it, refuses and probes as all the others do."""
        with clock_off(seconds):
            off = process()
            await fail(off)
            assert await refused(off)
        assert await refused(process())
        await probe(process())
        with clock_off(seconds):
            await probe(off)
            passage = await process().enter()
        with pytest.raises(CircuitOpenError) as refusal:
            await process().enter()
        assert abs((refusal.value.opened_at - datetime.now(UTC)).total_seconds()) < 10
        await passage.succeeded()

    async def test_success_costs_nothing(
        self, process: Callable[..., Circuit], redis: Redis
    ) -> None:
        circuit = process()
        await circuit.enter()
        before = (await redis.info("stats"))["total_commands_processed"]
        for _ in range(100):
            await circuit.check()
            await (await circuit.enter()).succeeded()
        after = (await redis.info("stats"))["total_commands_processed"]
        assert after - before < 50, "others use this server too"

    async def test_redis_away_leaves_a_circuit_of_ones_own(
        self, proxied_redis_url: str, redis_proxy: Proxy, request: pytest.FixtureRequest
    ) -> None:
        client = connect(proxied_redis_url)
        circuit = SharedCircuits(client).circuit(request.node.name, POLICY)
        redis_proxy.refuse()
        assert await fail(circuit) == [False, False, True]
        assert await refused(circuit)
        await probe(circuit)
        await (await circuit.enter()).succeeded()
        assert not await circuit.is_open()
        await client.aclose()
