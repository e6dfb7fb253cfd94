"""Passing a request on to a service, and its answer back, as it comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pyreqwest.client import Client
from pyreqwest.exceptions import NetworkError, PyreqwestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response
from starlette.types import Receive, Scope, Send

from webox_contracts.identity import ASSERTION_HEADER
from webox_gateway.door.head import RequestHead
from webox_gateway.door.routes import Route
from webox_gateway.door.tickets import Ticket, Tickets
from webox_gateway.door.upstream import UNBUFFERED, open_client, raise_as_problem, too_late
from webox_gateway.door.watch import Ending, Watch
from webox_gateway.errors import BrokenAnswerError
from webox_kit.errors import UnavailableError

_WHOLE_BYTES = 256 * 1024
"""Answers up to this long are read whole: one step instead of three, and no half answers."""

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_CLIENT_LEFT = 499
"""What logs and metrics say, as nginx does, of an answer that nobody waited for."""

_NOT_ANSWERED = frozenset(
    {
        "connection",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-content-type-options",
        "x-request-id",
        ASSERTION_HEADER,
    }
)


@dataclass(frozen=True, slots=True)
class Errand:
    """One request on its way to a service."""

    route: Route
    scope: Scope
    head: RequestHead
    body: bytes
    ticket: Ticket


class Proxy:
    """Forwards to the services at `origins` (by name), with `tickets` saying who asks."""

    def __init__(self, origins: Mapping[str, str], tickets: Tickets) -> None:
        self._origins = {name: url.rstrip("/") for name, url in origins.items()}
        self._tickets = tickets
        self._clients: dict[float, Client] = {}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    async def forward(self, errand: Errand, receive: Receive, send: Send) -> int:
        """Ask the service, answer the client; the status that was answered.

        Raises:
            UnavailableError, UpstreamError, UpstreamTimeoutError: nothing was answered yet.
                A service that refuses the gateway's assertion has nothing against the client's
                token, and is as good as away.
            BrokenAnswerError: the answer broke off in the middle.
        """
        ticket = errand.ticket
        with Watch(receive, lambda: self._tickets.holds(ticket), errand.route.patience) as watch:
            try:
                return await self._exchange(errand, watch, send)
            except asyncio.CancelledError:
                return _ended(watch, errand)

    async def _exchange(self, errand: Errand, watch: Watch, send: Send) -> int:
        status = await self._ask(errand, watch, send) or await self._ask(errand, watch, send)
        if status is None:
            raise _refused(errand.route.service)
        return status

    async def _ask(self, errand: Errand, watch: Watch, send: Send) -> int | None:
        """None: nothing was answered, as another assertion may be accepted."""
        service = errand.route.service
        request = self._request(errand)
        try:
            try:
                response = await request.__aenter__()
            except NetworkError:
                if errand.scope["method"] not in _SAFE_METHODS:
                    raise
                request = self._request(errand)
                response = await request.__aenter__()
            if response.status == HTTPStatus.UNAUTHORIZED:
                refusal = bytes(await response.body_reader.bytes())
        except (PyreqwestError, ValueError) as error:
            raise_as_problem(error, service)
        try:
            if response.status == HTTPStatus.UNAUTHORIZED:
                if self._tickets.refused(errand.ticket, service, refusal):
                    return None
                raise _refused(service)
            return await _answer(response, errand, watch, send, self._origins[service])
        finally:
            await request.__aexit__(None, None, None)

    def _request(self, errand: Errand) -> StreamRequest:
        scope, head, route = errand.scope, errand.head, errand.route
        path = route.path or scope["raw_path"].decode("ascii")
        query = scope["query_string"]
        url = f"{self._origins[route.service]}{path}"
        if query:
            url = f"{url}?{query.decode('latin-1')}"
        method = scope["method"]
        builder = (
            self._client(route.patience)
            .request("GET" if method == "HEAD" else method, url)
            .headers(
                [
                    *head.forwarded,
                    ("x-request-id", head.request_id),
                    ("traceparent", head.traceparent),
                    (ASSERTION_HEADER, self._tickets.assertion(errand.ticket, route.service)),
                ]
            )
            .streamed_read_buffer_limit(UNBUFFERED)
        )
        if errand.body:
            builder = builder.body_bytes(errand.body)
        return builder.build_streamed()

    def _client(self, patience: float) -> Client:
        client = self._clients.get(patience)
        if client is None:
            client = self._clients[patience] = open_client(patience)
        return client


def _refused(service: str) -> UnavailableError:
    return UnavailableError(
        f"The {service} service does not accept the gateway's word for who asks; "
        "an operator has to look at its clock and keys."
    )


async def _answer(response: Response, errand: Errand, watch: Watch, send: Send, origin: str) -> int:
    service = errand.route.service
    status = response.status
    try:
        headers, length = _headers(response, errand.head.request_id, origin)
        whole = await _whole(response, errand, length)
    except (PyreqwestError, ValueError) as error:
        raise_as_problem(error, service)
    watch.answering()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if whole is None:
        await _pass_on(response, service, watch, send)
        whole = b""
    await send({"type": "http.response.body", "body": whole})
    return status


async def _whole(response: Response, errand: Errand, length: int | None) -> bytes | None:
    """The body if it can be sent in one piece; None: it has to be passed on in pieces."""
    if errand.scope["method"] == "HEAD" or response.status in _BODILESS:
        return b""
    if length is None or length > _WHOLE_BYTES:
        return None
    return bytes(await response.body_reader.bytes()) if length else b""


async def _pass_on(response: Response, service: str, watch: Watch, send: Send) -> None:
    reader = response.body_reader
    while True:
        try:
            chunk = await reader.read_chunk()
        except PyreqwestError as error:
            raise BrokenAnswerError(f"The {service} service broke off.") from error
        if chunk is None:
            return
        watch.writing()
        await send({"type": "http.response.body", "body": bytes(chunk), "more_body": True})
        watch.written()


def _headers(
    response: Response, request_id: str, origin: str
) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """The headers to answer, and the length of the body if it is known."""
    headers = [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    length: int | None = None
    for name, value in response.headers.items():
        if name in _NOT_ANSWERED:
            continue
        if name == "content-length":
            if response.status in _BODILESS:
                continue
            length = int(value)
        elif name == "location" and value.startswith(origin):
            value = value[len(origin) :]  # noqa: PLW2901 - our own address is no client's business
        headers.append((name.encode(), value.encode("latin-1")))
    return headers, length


def _ended(watch: Watch, errand: Errand) -> int:
    """What to make of a cancelled errand: why the watch did it, unless somebody else did."""
    task = asyncio.current_task()
    if watch.ending is None or task is None:
        raise asyncio.CancelledError
    task.uncancel()
    if watch.ending is Ending.CLIENT_LEFT:
        return _CLIENT_LEFT
    if watch.ending is Ending.TOO_LATE:
        raise too_late(errand.route.service)
    raise BrokenAnswerError(watch.ending.name)
