"""Requests with an Idempotency-Key: what is repeated within 24 h has its effect once."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from webox_chat.limits import IDEMPOTENCY_KEY_CHARACTERS
from webox_chat.messages.stored import MadeBefore, Once
from webox_kit.errors import BadRequestError, ConflictError


def once_of(key: str, asked: Mapping[str, Any]) -> Once:
    """The request that `asked` for this, and is to have its effect once.

    Raises:
        BadRequestError: the key is none.
    """
    if not (0 < len(key) <= IDEMPOTENCY_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise BadRequestError(
            f"An Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARACTERS} printable ASCII characters."
        )
    return Once(key, hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest())


def made_by(request: Once, before: MadeBefore) -> int:
    """The id of what the request made when it came first.

    Raises:
        ConflictError: that was another request.
    """
    if before.fingerprint != request.fingerprint:
        raise ConflictError("This Idempotency-Key was used for another request.")
    return before.entry_id
