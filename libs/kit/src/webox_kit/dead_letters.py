"""What is kept and logged of an event that failed: why, and of what shape, without its values."""

from pathlib import PurePath
from traceback import extract_tb

import orjson
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from webox_contracts.events import UnknownEventError
from webox_kit.text import clean

_LONGEST_NAME = 40
_LONGEST_TYPE = 100
_LONGEST_REASON = 500
_LONGEST_SHAPE = 2000
_DEEPEST = 5


def reason_of(error: Exception) -> str:
    """The error's name and where it was raised.

    Its own text may quote the event, so it is left out, except for errors that cannot.
    """
    return clean(f"{type(error).__name__}: {_explanation(error)}")[:_LONGEST_REASON]


def _explanation(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return ", ".join(
            f"{'.'.join(str(part)[:_LONGEST_NAME] for part in each['loc'])} {each['type']}".strip()
            for each in error.errors(include_input=False, include_context=False)
        )
    if isinstance(error, UnknownEventError):
        return str(error)
    if isinstance(error, DBAPIError) and error.orig is not None:
        sqlstate = getattr(error.orig, "sqlstate", None)
        return f"{type(error.orig).__name__} ({sqlstate}) at {_place(error)}"
    return f"at {_place(error)}"


def _place(error: Exception) -> str:
    """The innermost line of our own code in the traceback."""
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "webox_" in frame.filename] or frames
    if not ours:
        return "an unknown place"
    return f"{PurePath(ours[-1].filename).name}:{ours[-1].lineno}"


def type_of(payload: bytes) -> str | None:
    """The event's type, if it says one."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    kind = document.get("type") if isinstance(document, dict) else None
    return clean(kind[:_LONGEST_TYPE]) if isinstance(kind, str) else None


def shape_of(payload: bytes) -> str:
    """Names and types of a payload's members, and its size: no values."""
    try:
        shape = _shape(orjson.loads(payload), depth=0)
    except orjson.JSONDecodeError:
        shape = "not JSON"
    return f"{clean(shape)[:_LONGEST_SHAPE]}, {len(payload)} bytes"


def _shape(value: object, depth: int) -> str:
    if not isinstance(value, dict) or depth == _DEEPEST:
        return type(value).__name__
    members = (f"{name[:_LONGEST_NAME]}: {_shape(item, depth + 1)}" for name, item in value.items())
    return "{" + ", ".join(members) + "}"
