"""What answers look like where their exact values cannot be known."""

import re
from collections.abc import Callable, Mapping
from typing import Any


class Shape:
    """Equal to every value that fits; shown by its name when a comparison fails."""

    def __init__(self, name: str, fits: Callable[[Any], bool]) -> None:
        self._name = name
        self._fits = fits

    def __eq__(self, other: object) -> bool:
        return self._fits(other)

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"<{self._name}>"


def _is_id(value: Any) -> bool:
    return type(value) is int and value > 0


AN_ID = Shape("an id: a positive integer", _is_id)
A_COUNT = Shape("an integer from 0", lambda value: type(value) is int and value >= 0)
A_UUID7 = Shape(
    "a UUIDv7",
    lambda value: (
        isinstance(value, str)
        and re.fullmatch(
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", value
        )
        is not None
    ),
)
A_MOMENT = Shape(
    "a date like 2025-11-24T14:30:00Z",
    lambda value: (
        isinstance(value, str)
        and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None
    ),
)
A_SHA256 = Shape(
    "a SHA-256 in hex",
    lambda value: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None,
)
SOME_TEXT = Shape("a text that is not empty", lambda value: isinstance(value, str) and value != "")


def picked(answer: Any, expected: Any) -> Any:
    """`answer` with only those members that `expected` names, in depth.

    Answers may have more fields than the contract names. What is missing stays missing, so that
    `picked(answer, expected) == expected` says whether the contract is kept.
    """
    if isinstance(expected, Mapping) and isinstance(answer, Mapping):
        return {
            name: picked(answer[name], value) for name, value in expected.items() if name in answer
        }
    if isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
        return [picked(*pair) for pair in zip(answer, expected, strict=True)]
    return answer
