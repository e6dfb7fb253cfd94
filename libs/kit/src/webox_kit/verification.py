"""Comparing a read model with its source while both go on changing."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

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


def differences(
    kind: str,
    source: Mapping[Hashable, Hashable],
    model: Mapping[Hashable, Hashable],
    say: Callable[[Hashable, Hashable], tuple[str, str]] | None = None,
) -> list[Difference]:
    """The keys whose values differ, or that only one of the two has.

    `say` puts two values that differ into words, where they themselves hold a user's text.
    """
    different = [key for key in source.keys() | model.keys() if source.get(key) != model.get(key)]
    return [
        Difference(kind, _words(key), *_both(source.get(key), model.get(key), say))
        for key in different
    ]


def _both(
    source: Hashable,
    model: Hashable,
    say: Callable[[Hashable, Hashable], tuple[str, str]] | None,
) -> tuple[str, str]:
    if source is None or model is None or say is None:
        return _one(source, hidden=say is not None), _one(model, hidden=say is not None)
    return say(source, model)


def _one(value: Hashable, *, hidden: bool) -> str:
    if value is None:
        return MISSING
    return "there" if hidden else _words(value)


def _words(value: Hashable) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
