"""The HTTP server's end of a connection: uvicorn's, with the limits that it lacks.

A request's head must come within ten seconds and 64 KiB, or the connection is closed; what is
no HTTP is told so as a problem. Bodies have their limits in `bodies`, since by then the request
can be answered.
"""

import asyncio
from typing import Any

import orjson
from uuid_utils import uuid7
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from webox_gateway.door.corked import CorkedTransport

_HEAD_SECONDS = 10.0
_MOST_HEAD_BYTES = 64 * 1024
_MOST_CONNECTIONS = 4096
_LINGER_SECONDS = 1.0
_BAD_REQUEST = 400
_HEAD_TOO_LARGE = 431


class DoorProtocol(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(CorkedTransport(transport, self.loop))
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._refused or not self._in_head or self.transport.is_closing():
            return
        self._await_head()
        self._head_bytes += len(data)
        if self._head_bytes > _MOST_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE, "Request header fields too large", "The head is too big.")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_complete()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are for its log
        self._refuse(_BAD_REQUEST, "Invalid request", "This is not a valid HTTP/1.1 request.")

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _head_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Answer before there is a request that an app could see, and close.

        Not at once: what the client still sends would reset the connection, and the answer
        might be lost with it.
        """
        self._refused = True
        self._head_complete()
        request_id = str(uuid7())
        problem = orjson.dumps(
            {
                "type": "about:blank",
                "title": title,
                "status": status,
                "detail": detail,
                "instance": "/",
                "request_id": request_id,
            }
        )
        head = (
            f"content-type: application/problem+json\r\ncontent-length: {len(problem)}\r\n"
            f"x-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + problem)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
