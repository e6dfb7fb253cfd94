"""Comparing a read model with its source while both go on changing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)

MISSING = "-"


@dataclass(frozen=True, order=True)
class Difference:
    """What `source` says of a thing and what `model` does, in few words: never a text of a user."""

    kind: str
    id: str
    source: str
    model: str


Look = Callable[[], Awaitable[Iterable[Difference]]]
"""Compares once, from the beginning."""


async def lasting_differences(look: Look, *, pause_seconds: float) -> list[Difference]:
    """Those that are still the same at a second look: not those of events under way."""
    first = set(await look())
    if not first:
        return []
    await asyncio.sleep(pause_seconds)
    return sorted(first & set(await look()))


def differences(kind: str, source: Mapping[K, V], model: Mapping[K, V]) -> list[Difference]:
    """The keys whose values differ, or that only one of the two has."""
    different = [key for key in source.keys() | model.keys() if source.get(key) != model.get(key)]
    return [
        Difference(kind, _words(key), _words(source.get(key)), _words(model.get(key)))
        for key in different
    ]


def digest(text: str) -> str:
    """Stands for a user's text where it is compared, and listed: eight characters."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _words(value: Hashable) -> str:
    if value is None:
        return MISSING
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
