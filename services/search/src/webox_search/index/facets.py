"""Counting conversations by what they are filtered by."""

from collections import defaultdict
from collections.abc import Iterable

VALUES_AT_MOST = 100
"""So many values of a facet are told, the most frequent ones."""
NO, YES = "false", "true"

Holding = tuple[str, int]
"""A value as written, and a conversation that has it."""


def count(holdings: Iterable[Holding]) -> list[tuple[str, int]]:
    """How many conversations have each value, the most frequent first.

    Values that differ in case only are one, as they are for filters: in its most frequent spelling.
    """
    conversations: dict[str, set[int]] = defaultdict(set)
    spellings: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for value, conversation_id in holdings:
        folded = value.casefold()
        conversations[folded].add(conversation_id)
        spellings[folded][value] += 1
    counted = [
        (max(spellings[folded], key=lambda value: (spellings[folded][value], value)), len(having))
        for folded, having in conversations.items()
    ]
    return sorted(counted, key=lambda each: (-each[1], each[0]))[:VALUES_AT_MOST]


def flag(value: object) -> str:
    return YES if value else NO
