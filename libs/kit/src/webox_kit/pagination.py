"""Lists in pages: `limit`, and an opaque `cursor` bound to its endpoint and filters."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import Query

from webox_kit.errors import BadRequestError

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_SKIP = 1_000_000

Limit = Annotated[
    int, Query(ge=1, le=MAX_LIMIT, description=f"At most this many (1 to {MAX_LIMIT}).")
]
Cursor = Annotated[
    str | None, Query(max_length=1024, description="`next_cursor` of the page before.")
]
Skip = Annotated[
    int | None, Query(ge=0, le=MAX_SKIP, description="A plain offset, instead of `cursor`.")
]


def encode_cursor(scope: str, filters: Mapping[str, Any], key: Sequence[Any]) -> str:
    """A cursor that continues after `key` (JSON types) in the list `scope` with `filters`."""
    document = orjson.dumps([_binding(scope, filters), *key])
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def decode_cursor(scope: str, filters: Mapping[str, Any], cursor: str, size: int) -> list[Any]:
    """The `key` of a cursor, `size` items.

    Raises:
        BadRequestError: it is no cursor, or that of another list or other filters.
    """
    try:
        document = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        binding, *key = document
    except (ValueError, TypeError):
        raise _bad_cursor("is not one that this list gave out") from None
    if binding != _binding(scope, filters) or len(key) != size:
        raise _bad_cursor("belongs to another list or to other filters")
    if any(isinstance(part, dict | list) for part in key):
        raise _bad_cursor("is not one that this list gave out")
    return list(key)


def reject_both(cursor: str | None, skip: int | None) -> None:
    if cursor is not None and skip is not None:
        raise BadRequestError(
            "Give `cursor` or `skip`, not both.",
            errors=[{"pointer": "#/skip", "detail": "cannot stand beside cursor"}],
        )


def _binding(scope: str, filters: Mapping[str, Any]) -> str:
    document = orjson.dumps([scope, dict(filters)], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(document).hexdigest()[:16]


def _bad_cursor(what: str) -> BadRequestError:
    return BadRequestError(f"The cursor {what}.", errors=[{"pointer": "#/cursor", "detail": what}])
