"""Reading a request's body: at most so many bytes, in at most so many seconds."""

import asyncio
from contextlib import suppress

from starlette.types import Receive

from webox_gateway.errors import SlowRequestError
from webox_kit.errors import BadRequestError, TooLargeError

MOST_BODY_BYTES = 1024 * 1024
_LINGER_BYTES = 256 * 1024 * 1024
_LINGER_SECONDS = 5.0
_LINGER_IDLE_SECONDS = 0.5


class ClientGoneError(Exception):
    """The client left before its request was complete; nobody is there to answer."""


async def read_body(receive: Receive, declared: str | None, seconds: float) -> bytes:
    """The whole body.

    Args:
        receive: of the ASGI call.
        declared: the Content-Length, None for a chunked body.
        seconds: how long it may take.

    Raises:
        TooLargeError: it is, or says it is, over 1 MiB; no more than that was read.
        SlowRequestError: it took too long.
        ClientGoneError: the client left.
    """
    if declared is not None and _length(declared) > MOST_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive)
    except TimeoutError:
        raise SlowRequestError(f"The body took over {seconds:g} seconds.") from None


async def discard(receive: Receive) -> None:
    """Read on for a moment and drop it, so that a client still sending sees our answer.

    Closing a connection with unread data resets it, and the answer may be lost with it.
    """
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while dropped < _LINGER_BYTES:
                async with asyncio.timeout(_LINGER_IDLE_SECONDS):
                    message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _length(declared: str) -> int:
    try:
        return int(declared)
    except ValueError:
        raise BadRequestError("Content-Length is not a number.") from None


def _too_large() -> TooLargeError:
    return TooLargeError("The body is over 1 MiB (1,048,576 bytes).")
