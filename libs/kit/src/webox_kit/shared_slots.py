"""A limit on how much is done at once, shared by all processes through Redis.

Each process holds a number of a name's slots under a lease, and hands them out itself: while it
holds enough, taking one costs no round trip. It holds what it used at most in the last second, and
no more than its share while another process waits. What a killed process held is free again when
its lease has run out. While Redis is away, the limit holds in each process.
"""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from redis.asyncio import Redis

from webox_kit.brief_redis import BriefRedis, RedisAwayError
from webox_kit.cancellation import cancel_and_wait

LEASE_SECONDS = 30.0
_KEEP_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = (0.1, 0.25)
_MOST_SPARE = 8

# Of each holder `expires held waits`. Never grants less than `had`, which is in use already.
_CLAIM = """
local me, limit, had, wanted = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local demand, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local others, waiting, holders = 0, 0, 1
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local expires, held, waits = string.match(all[at + 1], '(%S+) (%S+) (%S+)')
  if all[at] ~= me then
    if tonumber(expires) < now then
      redis.call('HDEL', KEYS[1], all[at])
    else
      others, waiting, holders = others + held, waiting + waits, holders + 1
    end
  end
end
local granted = math.min(wanted, limit - others)
if waiting > 0 then
  granted = math.min(granted, math.max(1, math.floor(limit / holders)))
end
granted = math.max(granted, had)
local waits = 0
if demand > granted then waits = 1 end
if granted == 0 and waits == 0 then
  redis.call('HDEL', KEYS[1], me)
else
  local entry = string.format('%.3f %d %d', now + lease, granted, waits)
  redis.call('HSET', KEYS[1], me, entry)
  redis.call('EXPIRE', KEYS[1], math.ceil(lease))
end
return {granted, waiting, holders, limit - others - granted}
"""


class SharedSlots:
    """This process's part in the limits of any number of names; close it to free its slots."""

    def __init__(self, redis: Redis | None, lease_seconds: float = LEASE_SECONDS) -> None:
        """Without Redis the limits hold in this process only."""
        self._redis = BriefRedis(redis)
        self._lease_seconds = lease_seconds
        self._holder = uuid.uuid4().hex
        self._pools: dict[tuple[str, int], SlotPool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def pool(self, name: str, limit: int) -> "SlotPool":
        """The slots of `name`, of which all processes together use at most `limit`."""
        pool = self._pools.get((name, limit))
        if pool is None:
            pool = SlotPool(self._redis, name, limit, self._holder, self._lease_seconds)
            self._pools[name, limit] = pool
        return pool


class SlotPool:
    """The slots of one name; whoever waits in this process is served in the order they came."""

    def __init__(
        self, redis: BriefRedis, name: str, limit: int, holder: str, lease_seconds: float
    ) -> None:
        self._redis = redis
        self._key = f"webox:slots:{name}"
        self._limit = limit
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._held = 0
        self._used = 0
        self._peak = 0
        self._alone = False
        self._full = False
        self._tight = False
        self._others_wait = False
        self._gave_back = False
        self._share = limit
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for a slot, and has it until the block ends."""
        await self.take()
        try:
            yield
        finally:
            self.give_back()

    def take_now(self) -> bool:
        """Takes a slot if this process holds one that nobody waits for; says whether."""
        if self._used < self._held and not self._waiting:
            self._use()
            return True
        return False

    async def take(self) -> None:
        """Waits for a slot; bound it with `asyncio.timeout`."""
        if self.take_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._look_after()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Ends what `take` began."""
        self._used -= 1
        if self._others_wait and self._held > self._share:
            self._held = max(self._used, self._share)
            self._gave_back = True
            self._wake.set()
        self._hand_out()

    async def close(self) -> None:
        """Free what this process holds."""
        if self._keeper is None:
            return
        await cancel_and_wait(self._keeper)
        with suppress(RedisAwayError):
            await self._claim(had=0, wanted=0, demand=0)

    def _use(self) -> None:
        self._used += 1
        self._peak = max(self._peak, self._used)

    def _hand_out(self) -> None:
        while self._waiting and self._used < self._held:
            turn = self._waiting.popleft()
            if not turn.done():
                self._use()
                turn.set_result(None)

    def _look_after(self) -> None:
        """Have the keeper ask for more; one that was refused asks again by itself."""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        elif not self._full:
            self._wake.set()

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            await self._settle()
            if not (self._held or self._used or self._waiting):
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()

    def _pause(self) -> float:
        return random.uniform(*_LOOK_AGAIN_SECONDS) if self._tight else _KEEP_SECONDS  # noqa: S311 - jitter

    async def _settle(self) -> None:
        """Tell Redis what is wanted, and hand out what it grants."""
        demand = self._used + len(self._waiting)
        wanted = self._wanted(demand)
        had = self._used
        if not self._alone:
            # From here on only that may be used which Redis will know of.
            self._held = min(self._held, wanted)
            had = max(had, self._held)
        asked = had if self._gave_back else wanted
        self._peak, self._gave_back = self._used, False
        try:
            self._held, waiting, holders, free = await self._claim(had, asked, demand)
        except RedisAwayError:
            self._alone, self._held = True, self._limit
            self._others_wait = self._tight = False
        else:
            self._alone, self._others_wait = False, waiting > 0
            self._share, self._tight = self._limit // holders, waiting > 0 or free <= 0
        self._full = self._held < max(wanted, demand)
        self._hand_out()

    def _wanted(self, demand: int) -> int:
        if self._others_wait:
            return min(self._limit, demand)
        spare = min(_MOST_SPARE, self._limit // _MOST_SPARE) if self._waiting else 0
        return min(self._limit, max(demand + spare, self._peak))

    async def _claim(self, had: int, wanted: int, demand: int) -> list[int]:
        """Slots granted, processes that wait beside this one, processes in all, slots left."""

        async def evaluate(redis: Redis) -> list[int]:
            arguments = (self._holder, self._limit, had, wanted, demand, self._lease_seconds)
            return await redis.register_script(_CLAIM)([self._key], arguments)  # type: ignore[no-any-return] # redis-py's answers are untyped

        return await self._redis.run(evaluate)
