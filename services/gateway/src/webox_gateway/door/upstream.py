"""Asking a service: one HTTP client for all of them, and what its failures mean."""

from datetime import timedelta
from typing import NoReturn

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    DecodeError,
    NetworkError,
    PyreqwestError,
    RequestTimeoutError,
)

from webox_gateway.errors import UpstreamTimeoutError
from webox_kit.errors import UnavailableError, UpstreamError

_CONNECT_SECONDS = 3.0
# Under the keep-alive of the services' servers (5 s), so that no request meets a closing socket.
_IDLE_SECONDS = 3.0
_GRACE_SECONDS = 5.0

UNBUFFERED = 0
"""For `streamed_read_buffer_limit`: else a stream's first events wait for the last ones."""


def open_client(patience: float) -> Client:
    """A client that changes nothing: no redirects, no decoding, no cookies, no proxy.

    A service may be silent for `patience` seconds and a little more, so that the watch over
    the request comes first. It is also how long a service works on for a client that left
    before its answer began: pyreqwest gives such a request up without closing its connection.
    """
    return (
        ClientBuilder()
        .user_agent("webox-gateway")
        .no_proxy()
        .referer(enable=False)
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .connect_timeout(timedelta(seconds=_CONNECT_SECONDS))
        .read_timeout(timedelta(seconds=patience + _GRACE_SECONDS))
        .pool_idle_timeout(timedelta(seconds=_IDLE_SECONDS))
        .build()
    )


def raise_as_problem(error: PyreqwestError | ValueError, service: str) -> NoReturn:
    """What the failure of a request to `service` is to our client, before anything was answered.

    A service that ends while it works on a request is as good as away: 503, as a refused
    connection is.
    """
    if isinstance(error, RequestTimeoutError):
        raise too_late(service) from error
    if isinstance(error, NetworkError):
        raise UnavailableError(f"The {service} service is away; try again shortly.") from error
    if isinstance(error, DecodeError | ValueError):
        raise UpstreamError(f"The {service} service answered with something unreadable.") from error
    raise UnavailableError(f"The {service} service broke off; try again shortly.") from error


def too_late(service: str) -> UpstreamTimeoutError:
    return UpstreamTimeoutError(f"The {service} service did not answer in time.")
