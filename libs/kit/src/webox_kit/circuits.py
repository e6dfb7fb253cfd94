"""Circuit breakers whose state all processes share through Redis.

A circuit opens after so many failures in a row and then refuses; when its time is over it lets one
probe through, whose success closes it and whose failure opens it again for twice as long. The
state is a small record, changed by comparing and swapping, and looked at once a second at most: a
call that succeeds while nothing has failed costs nothing, and waits for nothing. All moments are
by Redis's clock, which is everybody's. While Redis is away, each process has its own circuits.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from webox_kit import clock
from webox_kit.brief_redis import BriefRedis, RedisAwayError

LONGEST_OPEN_SECONDS = 300.0
_KEPT_SECONDS = 3600
_LOOK_AGAIN_SECONDS = 1.0
_TRIES_TO_SWAP = 20

_SWAP = """
local current = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
if (current or '') ~= ARGV[1] then return {0, current or '', time} end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return {1, ARGV[2], time}
"""


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """How many failures in a row open a circuit, and for how long; durations in seconds.

    A probe that says nothing for `probe_seconds` counts as lost, and another is let through.
    """

    failures: int = 5
    open_seconds: float = 30.0
    probe_seconds: float = 120.0


DEFAULT_POLICY = CircuitPolicy()


@dataclass(frozen=True, slots=True)
class _State:
    """Moments are seconds since 1970; 0 is never. Open means `opened_at`."""

    failures: int = 0
    opened_at: float = 0.0
    openings: int = 0
    refuses_until: float = 0.0
    probed_until: float = 0.0

    @classmethod
    def of(cls, record: bytes) -> "_State":
        return cls(*json.loads(record)) if record else _CLOSED

    def record(self) -> bytes:
        return b"" if self == _CLOSED else json.dumps(astuple(self)).encode()


_CLOSED = _State()


class CircuitOpenError(Exception):
    """Not now: the circuit is open."""

    def __init__(self, opened_at: datetime, retry_after: float) -> None:
        super().__init__(f"open since {opened_at:%H:%M:%S}")
        self.opened_at = opened_at
        self.retry_after = retry_after


class SharedCircuits:
    """The circuits of any number of names."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = BriefRedis(redis)
        self._clock = _RedisClock()
        self._circuits: dict[str, Circuit] = {}

    def circuit(self, name: str, policy: CircuitPolicy) -> "Circuit":
        circuit = self._circuits.get(name)
        if circuit is None or circuit.policy != policy:
            circuit = self._circuits[name] = Circuit(self._redis, self._clock, name, policy)
        return circuit


class _RedisClock:
    """Redis's clock: each of its answers tells the time, from which this process's own goes on."""

    def __init__(self) -> None:
        self._ahead = clock.timestamp() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970; by this process's clock until Redis has told its own."""
        return time.monotonic() + self._ahead

    def set(self, seconds: int, microseconds: int) -> None:
        """As Redis's TIME answers."""
        self._ahead = seconds + microseconds / 1e6 - time.monotonic()


class Circuit:
    """One circuit as this process knows it."""

    def __init__(
        self, redis: BriefRedis, clock: _RedisClock, name: str, policy: CircuitPolicy
    ) -> None:
        self.policy = policy
        self._redis = redis
        self._clock = clock
        self._key = f"webox:circuit:{name}"
        self._state = _CLOSED
        self._record = b""
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        await self._look_again()
        return self._state.opened_at > 0

    async def check(self) -> None:
        """Raises CircuitOpenError if `enter` would; takes no part in anything."""
        await self._look_again()
        self._refuse_if_open(self._state, self._clock.now())

    async def enter(self) -> "Passage":
        """Lets a call through; tell the passage how it went.

        Raises:
            CircuitOpenError: not now.
        """
        await self._look_again()
        if not self._state.opened_at:
            return Passage(self, probe=False)
        before, after = await self._change(self._with_a_probe)
        return Passage(self, probe=after.probed_until > before.probed_until)

    async def failed(self, *, probe: bool) -> datetime | None:
        """When the circuit opened, if this failure opened it or kept it open."""
        before, after = await self._change(lambda state: self._with_a_failure(state, probe=probe))
        return _moment(after.opened_at) if after.openings > before.openings else None

    async def succeeded(self, *, probe: bool) -> None:
        """Ends a row of failures; a probe closes the circuit."""
        if self._state != _CLOSED:
            await self._change(
                lambda state: _CLOSED if probe or not state.opened_at else state,
            )

    async def left(self) -> None:
        """A probe that ended without telling anything makes room for another."""
        await self._change(lambda state: replace(state, probed_until=0.0))

    def _refuse_if_open(self, state: _State, now: float) -> None:
        until = max(state.refuses_until, state.probed_until)
        if state.opened_at and now < until:
            after = state.refuses_until - now
            raise CircuitOpenError(_moment(state.opened_at), max(after, _LOOK_AGAIN_SECONDS))

    def _with_a_probe(self, state: _State) -> _State:
        now = self._clock.now()
        self._refuse_if_open(state, now)
        if not state.opened_at:
            return state
        return replace(state, probed_until=now + self.policy.probe_seconds)

    def _with_a_failure(self, state: _State, *, probe: bool) -> _State:
        now = self._clock.now()
        if state.opened_at and not probe:
            return state
        if not state.opened_at and state.failures + 1 < self.policy.failures:
            return replace(state, failures=state.failures + 1)
        seconds = min(self.policy.open_seconds * 2**state.openings, LONGEST_OPEN_SECONDS)
        return _State(
            opened_at=state.opened_at or now,
            openings=state.openings + 1,
            refuses_until=now + max(seconds, self.policy.open_seconds),
        )

    async def _change(self, step: Callable[[_State], _State]) -> tuple[_State, _State]:
        """The states before and after `step`, which is tried until nobody came between."""
        async with self._changing:
            for _ in range(_TRIES_TO_SWAP):
                before = self._state
                after = step(before)
                if after == before or await self._swapped(after):
                    break
            return before, after

    async def _swapped(self, state: _State) -> bool:
        """Whether `state` is now everybody's; if not, `self._state` is what somebody else made."""

        async def evaluate(redis: Redis) -> tuple[int, bytes, list[bytes]]:
            arguments = (self._record, state.record(), _KEPT_SECONDS)
            return await redis.register_script(_SWAP)([self._key], arguments)  # type: ignore[no-any-return] # redis-py's answers are untyped

        try:
            swapped, record, moment = await self._redis.run(evaluate)
        except RedisAwayError:
            swapped, record = 1, state.record()
        else:
            self._clock.set(*map(int, moment))
        self._remember(record)
        return bool(swapped)

    async def _look_again(self) -> None:
        """What is known to be well is believed while it is looked at again."""
        if time.monotonic() - self._read_at < _LOOK_AGAIN_SECONDS or self._redis.away:
            return
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._forget_reading)
        if self._state != _CLOSED or self._read_at < 0:
            await asyncio.shield(self._reading)

    def _forget_reading(self, _: object) -> None:
        self._reading = None

    async def _read(self) -> None:
        async def look(redis: Redis) -> list[Any]:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.get(self._key)
                pipeline.time()
                return list(await pipeline.execute())

        try:
            record, moment = await self._redis.run(look)
        except RedisAwayError:
            return
        self._clock.set(*moment)
        self._remember(record if isinstance(record, bytes) else b"")

    def _remember(self, record: bytes) -> None:
        self._record, self._state = record, _State.of(record)
        self._read_at = time.monotonic()


class Passage:
    """A call that a circuit has let through; it ends by one of its methods."""

    def __init__(self, circuit: Circuit, *, probe: bool) -> None:
        self._circuit = circuit
        self._probe = probe

    async def succeeded(self) -> None:
        """Costs nothing but when something had failed before."""
        probe, self._probe = self._probe, False
        await self._circuit.succeeded(probe=probe)

    async def failed(self) -> datetime | None:
        """When the circuit opened, if this failure opened it or kept it open."""
        probe, self._probe = self._probe, False
        return await self._circuit.failed(probe=probe)

    async def refused(self) -> None:
        """What was asked is well, but did not do it: counts for a probe only."""
        if self._probe:
            await self.succeeded()

    async def left(self) -> None:
        """If the call ended without telling anything, makes room for another probe."""
        if self._probe:
            self._probe = False
            await self._circuit.left()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
