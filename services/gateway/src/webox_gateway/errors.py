"""Errors that only the public door has; the rest are kit's."""

from webox_kit.errors import WeboxError


class MethodNotAllowedError(WeboxError):
    status = 405
    title = "Method not allowed"


class SlowRequestError(WeboxError):
    """The client took too long to send its request."""

    status = 408
    title = "Request timeout"


class HeadTooLargeError(WeboxError):
    status = 431
    title = "Request header fields too large"


class UpstreamTimeoutError(WeboxError):
    """A service accepted the request and did not answer in time."""

    status = 504
    title = "Upstream timed out"


class BrokenAnswerError(Exception):
    """An answer broke off after its head was sent: only closing the connection says so."""
