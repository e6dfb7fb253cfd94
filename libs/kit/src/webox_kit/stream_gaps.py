"""Which consumer groups lost what they had not read, because it was trimmed from their stream.

Redis does not tell: a group reads on at what is left, and its lag is right. But what trims at the
slowest group's position leaves the entry there, so a group whose own entry is gone was robbed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

_NOTHING = b"0-0"


@dataclass(frozen=True)
class Group:
    """`delivered` is the last entry it was given.

    `needed` is the oldest that it was given and has not acknowledged or, without any, `delivered`.
    """

    name: str
    delivered: bytes
    needed: bytes


@dataclass(frozen=True)
class StreamState:
    """A stream and its groups. Of an empty one, `first` is its last entry, whether it had any."""

    first: bytes
    last: bytes
    is_empty: bool
    groups: Collection[Group]

    @property
    def oldest_needed(self) -> bytes:
        return min((each.needed for each in self.groups), key=entry_order)

    @property
    def behind_the_first(self) -> Collection[Group]:
        """What these need is gone, if anything was ever trimmed."""
        return [each for each in self.groups if entry_order(each.needed) < entry_order(self.first)]

    @property
    def robbed(self) -> Collection[Group]:
        """Those for whom it is certain. Who never read anything has no entry that could be gone."""
        return [each for each in self.behind_the_first if each.needed != _NOTHING]

    def is_behind(self, entry_id: bytes) -> bool:
        """Whether this stream never got as far."""
        return entry_order(self.last) < entry_order(entry_id)


@dataclass(frozen=True)
class Gap:
    """What came after `since` and was trimmed, when the stream ended with `until`: entry ids."""

    since: str
    until: str

    @property
    def since_seconds(self) -> float:
        """Since the epoch, by the clock of Redis."""
        return entry_order(self.since.encode())[0] / 1000


@dataclass(frozen=True)
class Gaps:
    """The gap of each group that has one."""

    groups: Mapping[str, Gap] = field(default_factory=dict)

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> "Gaps":
        return cls({name: Gap(**gap) for name, gap in (stored or {}).items()})

    def dump(self) -> dict[str, dict[str, str]]:
        return {name: {"since": gap.since, "until": gap.until} for name, gap in self.groups.items()}

    def with_those_of(self, state: StreamState, groups: Collection[Group]) -> "Gaps":
        """These, and those of `groups` as of now. Who has one already began to lose then."""
        until = state.last.decode()
        new = {group.name: Gap(self._since(group), until) for group in groups}
        return Gaps({**self.groups, **new})

    def _since(self, group: Group) -> str:
        known = self.groups.get(group.name)
        return known.since if known else group.needed.decode()

    def without_passed(self, state: StreamState) -> tuple["Gaps", dict[str, Gap]]:
        """Those that are left, and those of groups that have read all there was to be read."""
        still = {group.name for group in state.behind_the_first}
        delivered = {group.name: group.delivered for group in state.groups}
        passed = {
            name: gap
            for name, gap in self.groups.items()
            if state.is_empty or (name not in still and _has_passed(gap, delivered.get(name)))
        }
        left = {name: gap for name, gap in self.groups.items() if name not in passed}
        return Gaps(left), passed


def _has_passed(gap: Gap, delivered: bytes | None) -> bool:
    return entry_order(delivered or _NOTHING) >= entry_order(gap.until.encode())


async def look_at(redis: Redis, stream: str) -> StreamState:
    """The stream as it is; one that does not exist is empty."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.xinfo_stream(stream)
    pipeline.xinfo_groups(stream)
    info, found = await pipeline.execute(raise_on_error=False)
    for answer in (info, found):
        if isinstance(answer, ResponseError):
            return StreamState(_NOTHING, _NOTHING, True, [])
        if isinstance(answer, Exception):
            raise answer
    groups = [await _group(redis, stream, each) for each in found]
    last, first = bytes(info["last-generated-id"]), info["first-entry"]
    return StreamState(bytes(first[0]) if first else last, last, first is None, groups)


async def _group(redis: Redis, stream: str, info: Mapping[str, Any]) -> Group:
    needed = delivered = bytes(info["last-delivered-id"])
    if info["pending"]:
        pending = await redis.xpending(stream, info["name"])
        # Acknowledged since the group was looked at, there may be none.
        if pending["min"]:
            needed = bytes(pending["min"])
    return Group(info["name"].decode(), delivered, needed)


def entry_order(entry_id: bytes) -> tuple[int, int]:
    """What entry ids are ordered by: milliseconds since the epoch, and a number within them."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence or 0)
