"""The error tree. Each error knows its HTTP status; its message is the `detail` a user reads."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ConfigurationError(Exception):
    """The configuration cannot work. The message is one sentence that says what to do."""


class WeboxError(Exception):
    """Base of everything a caller of the API can cause or meet.

    `errors` holds `{"pointer": "#/field", "detail": "…"}` per bad field; `members` are further
    members of the problem object; `retry_after` is in seconds.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    type: ClassVar[str] = "about:blank"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        members: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.members = dict(members or {})
        self.retry_after = retry_after


class BadRequestError(WeboxError):
    status = 400
    title = "Invalid request"


class NotAuthenticatedError(WeboxError):
    status = 401
    title = "Not authenticated"


class ForbiddenError(WeboxError):
    status = 403
    title = "Not allowed"


class NotFoundError(WeboxError):
    status = 404
    title = "Not found"


class ConflictError(WeboxError):
    status = 409
    title = "Conflict"


class GoneError(WeboxError):
    status = 410
    title = "Gone"


class TooLargeError(WeboxError):
    status = 413
    title = "Too large"


class UnsupportedMediaTypeError(WeboxError):
    status = 415
    title = "Unsupported media type"


class TooManyRequestsError(WeboxError):
    status = 429
    title = "Too many requests"


class UpstreamError(WeboxError):
    status = 502
    title = "Upstream failed"


class UnavailableError(WeboxError):
    """Something we need is down for the moment; callers may try again after `retry_after`."""

    status = 503
    title = "Unavailable for the moment"

    def __init__(self, detail: str, *, retry_after: int = 2, **details: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **details)
