"""Several `SharedSlots` on one Redis stand for as many processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis
from webox_stack.proxy import Proxy

from webox_kit.cancellation import cancel_and_wait
from webox_kit.shared_slots import SharedSlots, SlotPool
from webox_kit.streams import connect

MakeSlots = Callable[..., Awaitable[SharedSlots]]


@pytest.fixture
async def process(redis: Redis) -> AsyncIterator[MakeSlots]:
    async with AsyncExitStack() as stack:

        async def make(lease_seconds: float = 30) -> SharedSlots:
            return await stack.enter_async_context(SharedSlots(redis, lease_seconds))

        yield make


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name


async def taken(pool: SlotPool, seconds: float = 0.4) -> bool:
    """Whether a slot can be had soon; it is then kept."""
    try:
        async with asyncio.timeout(seconds):
            await pool.take()
    except TimeoutError:
        return False
    return True


class TestOneProcess:
    async def test_has_no_more_than_the_limit(self, process: MakeSlots, name: str) -> None:
        pool = (await process()).pool(name, 2)
        assert [await taken(pool) for _ in range(3)] == [True, True, False]
        pool.give_back()
        assert await taken(pool)

    async def test_serves_in_order(self, process: MakeSlots, name: str) -> None:
        pool = (await process()).pool(name, 1)
        await pool.take()
        served: list[int] = []

        async def serve(number: int) -> None:
            async with pool.slot():
                served.append(number)

        waiting = [asyncio.create_task(serve(number)) for number in range(5)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        pool.give_back()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert served == [0, 2, 3, 4]

    async def test_asks_redis_seldom(self, process: MakeSlots, redis: Redis, name: str) -> None:
        pool = (await process()).pool(name, 64)
        async with pool.slot():
            before = await calls(redis)
            for _ in range(200):
                async with pool.slot():
                    await asyncio.sleep(0)
        assert await calls(redis) - before <= 2

    async def test_one_cancelled_as_its_turn_comes_gives_it_back(
        self, process: MakeSlots, name: str
    ) -> None:
        pool = (await process()).pool(name, 1)
        await pool.take()
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        pool.give_back()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await taken(pool)


class TestSeveralProcesses:
    async def test_share_the_limit(self, process: MakeSlots, name: str) -> None:
        first, second = (await process()).pool(name, 3), (await process()).pool(name, 3)
        assert [await taken(pool) for pool in (first, second, first)] == [True] * 3
        assert [await taken(pool) for pool in (first, second)] == [False, False]
        first.give_back()
        assert await taken(second)

    async def test_pass_on_what_they_do_not_use(self, process: MakeSlots, name: str) -> None:
        first, second = (await process()).pool(name, 8), (await process()).pool(name, 8)
        for _ in range(8):
            await first.take()
        for _ in range(8):
            first.give_back()
        async with asyncio.timeout(3):
            for _ in range(8):
                await second.take()

    @pytest.mark.parametrize("limit", [1, 2])
    async def test_none_starves_while_the_other_is_busy(
        self, process: MakeSlots, name: str, limit: int
    ) -> None:
        first, second = (await process()).pool(name, limit), (await process()).pool(name, limit)

        async def busy() -> None:
            while True:
                async with first.slot():
                    await asyncio.sleep(0.005)

        others = [asyncio.create_task(busy()) for _ in range(4)]
        try:
            async with asyncio.timeout(10):
                for _ in range(2):
                    async with second.slot():
                        await asyncio.sleep(0)
        finally:
            await cancel_and_wait(*others)

    async def test_never_use_more_at_once_than_allowed(self, process: MakeSlots, name: str) -> None:
        pools = [(await process()).pool(name, 5) for _ in range(3)]
        at_once, most = 0, 0

        async def work(pool: SlotPool) -> None:
            nonlocal at_once, most
            async with pool.slot():
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0.002)
                at_once -= 1

        async with asyncio.timeout(20):
            await asyncio.gather(*(work(pool) for pool in pools for _ in range(40)))
        assert most == 5

    async def test_a_killed_ones_slots_are_free_after_its_lease(
        self, process: MakeSlots, name: str
    ) -> None:
        killed, other = await process(lease_seconds=0.6), await process()
        pool = killed.pool(name, 1)
        await pool.take()
        await cancel_and_wait(pool._keeper)  # type: ignore[arg-type] # noqa: SLF001 - as a kill would
        assert not await taken(other.pool(name, 1), 0.1)
        assert await taken(other.pool(name, 1), 3)

    async def test_a_lease_is_renewed_while_it_is_held(self, process: MakeSlots, name: str) -> None:
        holder, other = await process(lease_seconds=1.1), await process()
        await holder.pool(name, 1).take()
        assert not await taken(other.pool(name, 1), 1.5)

    async def test_one_that_ends_frees_its_slots_at_once(self, redis: Redis, name: str) -> None:
        async with SharedSlots(redis) as ended:
            await ended.pool(name, 1).take()
        assert await redis.exists(f"webox:slots:{name}") == 0


class TestRedisAway:
    @pytest.mark.parametrize("fault", ["refuse", "blackhole"])
    async def test_the_limit_holds_in_the_process(
        self, proxied_redis_url: str, redis_proxy: Proxy, name: str, fault: str
    ) -> None:
        client = connect(proxied_redis_url)
        async with SharedSlots(client) as slots:
            pool = slots.pool(name, 2)
            getattr(redis_proxy, fault)()
            assert [await taken(pool, 2) for _ in range(3)] == [True, True, False]
        await client.aclose()

    async def test_without_redis_too(self, name: str) -> None:
        async with SharedSlots(None) as slots:
            pool = slots.pool(name, 1)
            assert [await taken(pool) for _ in range(2)] == [True, False]

    async def test_what_was_in_use_meanwhile_counts_afterwards(
        self, process: MakeSlots, redis: Redis, name: str
    ) -> None:
        first, second = (await process()).pool(name, 1), (await process()).pool(name, 1)
        await first.take()
        await redis.flushdb()
        assert first._keeper is not None  # noqa: SLF001 - it looks again after a second
        first._wake.set()  # noqa: SLF001
        await asyncio.sleep(0.1)
        assert not await taken(second)


async def calls(redis: Redis) -> int:
    statistics = await redis.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {}).get("calls", 0))
