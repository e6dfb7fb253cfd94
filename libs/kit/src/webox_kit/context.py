"""The request a piece of work belongs to, carried by events and tasks."""

from contextvars import ContextVar
from dataclasses import dataclass

import structlog


@dataclass(frozen=True)
class RequestContext:
    request_id: str
    traceparent: str | None = None


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current_request() -> RequestContext | None:
    return _current.get()


def enter_request(context: RequestContext) -> None:
    """Make `context` the current one, for what follows in this task and its logs."""
    _current.set(context)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=context.request_id)
