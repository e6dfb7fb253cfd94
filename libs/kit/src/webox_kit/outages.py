"""Telling "something we depend on is away" from "this input cannot be handled"."""

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from webox_kit.errors import UnavailableError

_OVER_A_LIMIT = "54"


def is_outage(error: Exception) -> bool:
    """Whether trying the same again later can succeed, the input being innocent."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (
            isinstance(error, OperationalError | InterfaceError) and not is_over_a_limit(error)
        )
    return isinstance(error, RedisError | PoolTimeoutError | OSError | UnavailableError)


def is_over_a_limit(error: DBAPIError) -> bool:
    """PostgreSQL's error class 54, e.g. a value too large to be indexed: the input's fault."""
    return str(getattr(error.orig, "sqlstate", "")).startswith(_OVER_A_LIMIT)
