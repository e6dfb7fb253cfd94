"""What happens around every request of a service, as plain ASGI."""

import re
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from webox_kit.context import RequestContext, enter_request
from webox_kit.errors import UnsupportedMediaTypeError
from webox_kit.logs import get_logger
from webox_kit.metrics import REQUESTS
from webox_kit.problems import problem_response, unexpected_problem
from webox_kit.request_stats import RequestStats

log = get_logger("webox.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_JSON = re.compile(r"application/(json|[a-z0-9.-]+\+json)\s*(;.*)?", re.IGNORECASE)
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_UNSEEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_SERVER_ERROR = 500


def request_context(headers: Headers) -> RequestContext:
    """The request's id and trace, taken from its headers if well-formed, else made."""
    request_id = headers.get("x-request-id", "")
    traceparent = headers.get("traceparent", "")
    return RequestContext(
        request_id if _REQUEST_ID.fullmatch(request_id) else str(uuid7()),
        traceparent if _TRACEPARENT.fullmatch(traceparent) else None,
    )


class RequestMiddleware:
    """Takes or makes the request's id, answers it, times and logs the request.

    Bodies must be JSON, or one of `media_types`. An unexpected error becomes a problem here
    already: further out, where Starlette would do it, the request's id is not answered.
    """

    def __init__(self, app: ASGIApp, stats: RequestStats, media_types: Iterable[str] = ()) -> None:
        self._app = app
        self._stats = stats
        self._media_types = frozenset(media_types)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = request_context(headers)
        enter_request(context)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = context.request_id
            await send(message)

        self._stats.in_flight += 1
        try:
            await self._handler(scope, headers)(scope, receive, send_with_id)
        except Exception:
            log.exception("unexpected error", route=_route(scope))
            if status:
                raise
            await unexpected_problem(scope["path"])(scope, receive, send_with_id)
        finally:
            self._stats.in_flight -= 1
            self._record(scope, status or _SERVER_ERROR, time.perf_counter() - started)

    def _handler(self, scope: Scope, headers: Headers) -> ASGIApp:
        if self._acceptable(headers):
            return self._app
        refused = UnsupportedMediaTypeError("The body must be application/json.")
        return problem_response(refused, scope["path"])

    def _acceptable(self, headers: Headers) -> bool:
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        media_type = headers.get("content-type", "")
        return (
            not has_body
            or bool(_JSON.fullmatch(media_type))
            or media_type.partition(";")[0].strip().lower() in self._media_types
        )

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        REQUESTS.labels(method, route, status).observe(seconds)
        if scope["path"] in _UNSEEN_PATHS:
            return
        self._stats.record(status, seconds)
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _route(scope: Scope) -> str:
    """The route's template: paths themselves hold what users typed, and have no end."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
