"""Which way text runs: the levels of the Unicode Bidirectional Algorithm (UAX 9), from python-bidi.

Explicit controls never get here: they are printed as boxes (scripts.NEVER_OBEYED).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from unicodedata import bidirectional

from bidi.algorithm import (
    explicit_embed_and_overrides,
    get_base_level,
    get_embedding_levels,
    get_empty_storage,
    resolve_implicit_levels,
    resolve_neutral_types,
    resolve_weak_types,
)

from webox_exporter.documents.typeset.scripts import RIGHT_TO_LEFT

Item = TypeVar("Item")
_NEUTRAL = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for characters that Unicode has not assigned, which the algorithm does not know."""


def has_right_to_left(text: str) -> bool:
    """Whether the text needs the algorithm at all."""
    return RIGHT_TO_LEFT.search(text) is not None


def runs_right_to_left(text: str) -> bool:
    """Whether the paragraph as a whole does: its first strong character says so."""
    return bool(get_base_level(text))


def levels_of(text: str) -> list[int]:
    """The embedding level of each character; odd ones run from right to left."""
    text = "".join(char if bidirectional(char) else _NEUTRAL for char in text)
    base = get_base_level(text)
    storage: dict[str, Any] = get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, "LR"[base]
    get_embedding_levels(text, storage)
    chars = storage["chars"]
    for step in (
        explicit_embed_and_overrides,
        resolve_weak_types,
        resolve_neutral_types,
        resolve_implicit_levels,
    ):
        step(storage, False)
    return _spread(chars, storage["chars"], base)


def _spread(all_chars: list[Any], kept: list[Any], base: int) -> list[int]:
    """Levels for all characters: those that rule X9 removes get the level before them."""
    alive = {id(char) for char in kept}
    levels: list[int] = []
    for char in all_chars:
        levels.append(char["level"] if id(char) in alive else (levels or [base])[-1])
    return levels


def in_visual_order(items: Sequence[Item], level_of: Callable[[Item], int]) -> list[Item]:
    """Rule L2: from the highest level down to the lowest odd one, runs are turned round."""
    ordered = list(items)
    levels = [level_of(item) for item in ordered]
    for level in range(max(levels, default=0), 0, -1):
        start = None
        for at in range(len(ordered) + 1):
            inside = at < len(ordered) and levels[at] >= level
            if inside and start is None:
                start = at
            elif not inside and start is not None:
                ordered[start:at] = ordered[start:at][::-1]
                levels[start:at] = levels[start:at][::-1]
                start = None
    return ordered
