"""The public door, around everything: checks a request, then passes it on or serves it itself."""

import time
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from webox_contracts.identity import ASSERTION_HEADER
from webox_gateway.door.admission import Admission
from webox_gateway.door.bodies import ClientGoneError, discard, read_body
from webox_gateway.door.head import RequestHead, read_head
from webox_gateway.door.measures import Measures
from webox_gateway.door.paths import is_public
from webox_gateway.door.proxy import Errand, Proxy
from webox_gateway.door.routes import OWN, Route, route_of
from webox_gateway.door.services import admitted
from webox_gateway.door.tickets import Tickets
from webox_gateway.errors import (
    BrokenAnswerError,
    HeadTooLargeError,
    MethodNotAllowedError,
    SlowRequestError,
)
from webox_kit.context import RequestContext, enter_request
from webox_kit.errors import NotAuthenticatedError, NotFoundError, TooLargeError, WeboxError
from webox_kit.identity import AssertionVerifier
from webox_kit.logs import get_logger
from webox_kit.problems import problem_response

log = get_logger(__name__)

_REFUSED_METHODS = frozenset({"TRACE", "CONNECT"})
_UNREAD = (TooLargeError, HeadTooLargeError, SlowRequestError)
"""After these the client may still be sending."""


@dataclass(frozen=True)
class DoorParts:
    """What the door stands between: our own app, and the services behind the proxy."""

    own: ASGIApp
    proxy: Proxy
    tickets: Tickets
    admission: Admission
    verifier: AssertionVerifier
    measures: Measures
    body_seconds: float


class Door:
    """The ASGI app that the server runs."""

    def __init__(self, parts: DoorParts) -> None:
        self.parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.parts.own(scope, receive, send)
            return
        head = RequestHead()
        try:
            own_scope = admitted(scope, self.parts.verifier)
            if own_scope is not None:
                await self.parts.own(own_scope, receive, send)
                return
            _check_request_line(scope)
            head = read_head(scope["headers"])
            await self._serve(scope, head, receive, send)
        except WeboxError as error:
            await _refuse(error, scope, head, receive, send)
        except BrokenAnswerError as error:
            # Without its cause, which has the address that was asked for, and so what was searched.
            # Returning before the answer is complete makes the server close the connection.
            log.warning("answer broken off", reason=str(error), request_id=head.request_id)
        except ClientGoneError:
            return
        except Exception:
            log.exception("unexpected error", request_id=head.request_id)
            problem = WeboxError("Something went wrong on our side.")
            await _refuse(problem, scope, head, receive, send)

    async def _serve(self, scope: Scope, head: RequestHead, receive: Receive, send: Send) -> None:
        route = route_of(scope["path"])
        if route is None:
            await self._serve_own(scope, head, receive, send)
        elif route.service == OWN:
            await self._serve_admin(route, scope, head, receive, send)
        else:
            await self._forward(route, scope, head, receive, send)

    async def _forward(
        self, route: Route, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        started = time.perf_counter()
        status = 500
        measures = self.parts.measures
        measures.begin()
        try:
            ticket = await self.parts.admission.admit(head, scope["method"], route.scope)
            body = await self._body(head, receive)
            errand = Errand(route, scope, head, body, ticket)
            status = await self.parts.proxy.forward(errand, receive, send)
        except WeboxError as error:
            status = error.status
            raise
        finally:
            measures.end(route.service, status, time.perf_counter() - started)

    async def _serve_admin(
        self, route: Route, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        """Pages of kit's that expect to stand behind a gateway: we are it."""
        ticket = await self.parts.admission.admit(head, scope["method"], route.scope)
        head.forwarded.append((ASSERTION_HEADER, self.parts.tickets.assertion(ticket, OWN)))
        await self._serve_own({**scope, "path": route.path}, head, receive, send)

    async def _serve_own(
        self, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        body = await self._body(head, receive)
        headers = [
            *head.forwarded,
            ("x-request-id", head.request_id),
            ("traceparent", head.traceparent),
            ("host", head.read.get("host", "")),
            *([("content-length", str(len(body)))] if body else []),
        ]
        own_scope = {
            **scope,
            "method": "GET" if scope["method"] == "HEAD" else scope["method"],
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "state": {**scope.get("state", {}), "head": head},
        }
        await self.parts.own(
            own_scope,
            _replay(body, receive),
            _without_body(send) if scope["method"] == "HEAD" else send,
        )

    async def _body(self, head: RequestHead, receive: Receive) -> bytes:
        if not head.has_body:
            return b""
        return await read_body(receive, head.read.get("content-length"), self.parts.body_seconds)


def _check_request_line(scope: Scope) -> None:
    if scope["method"] in _REFUSED_METHODS:
        raise MethodNotAllowedError("This method is not served here.")
    if not is_public(scope["raw_path"].decode("ascii")):
        raise NotFoundError("There is nothing at this path.")


async def _refuse(
    error: WeboxError, scope: Scope, head: RequestHead, receive: Receive, send: Send
) -> None:
    request_id = head.request_id or str(uuid7())
    enter_request(RequestContext(request_id, head.traceparent or None))
    response = _refusal(error, scope, head)
    response.headers["X-Request-ID"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not isinstance(error, _UNREAD):
        await response(scope, receive, send)
        return
    response.headers["Connection"] = "close"
    await send(
        {"type": "http.response.start", "status": error.status, "headers": response.raw_headers}
    )
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await discard(receive)
    await send({"type": "http.response.body", "body": b""})


def _refusal(error: WeboxError, scope: Scope, head: RequestHead) -> Response:
    wants_page = "text/html" in dict(head.forwarded).get("accept", "")
    if isinstance(error, NotAuthenticatedError) and wants_page and scope["method"] == "GET":
        return RedirectResponse(f"/login?next={quote(scope['path'])}", 303)
    return problem_response(error, scope["path"])


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _without_body(send: Send) -> Send:
    """A `send` for HEAD: the answer of a GET, without its body."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
