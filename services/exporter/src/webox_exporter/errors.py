"""What can go wrong with exports: as callers see it, and as a job ends with it."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from webox_exporter.documents.formats import FORMATS
from webox_exporter.schemas import MOST_IDS
from webox_kit.errors import BadRequestError, GoneError, NotFoundError, WeboxError


class UnknownFormatError(BadRequestError):
    def __init__(self, asked: str) -> None:
        known = ", ".join(FORMATS)
        super().__init__(
            f"There is no format '{asked[:40]}'; the formats are {known}.",
            errors=[{"pointer": "#/format", "detail": f"must be one of {known}"}],
        )


class NoConversationError(NotFoundError):
    def __init__(self, ids: Iterable[int]) -> None:
        named = ", ".join(map(str, sorted(ids)[:10]))
        super().__init__(f"There is no conversation {named}.")


class NothingToExportError(NotFoundError):
    def __init__(self) -> None:
        super().__init__("No conversation matches.")


class TooManyMatchesError(BadRequestError):
    def __init__(self) -> None:
        super().__init__(
            f"The search finds more than {MOST_IDS:,} conversations; narrow it.",
            errors=[
                {"pointer": "#/filter/q", "detail": f"must find at most {MOST_IDS:,} conversations"}
            ],
        )


class NoExportError(NotFoundError):
    def __init__(self, export_id: UUID) -> None:
        super().__init__(f"There is no export {export_id}.")


class NoFileError(NotFoundError):
    def __init__(self, status: str) -> None:
        super().__init__(f"This export has no file: it is {status}.")


class ExpiredError(GoneError):
    def __init__(self) -> None:
        super().__init__("The file of this export has expired; ask for the export again.")


class JobError(Exception):
    """Ends a job. `code` is what programs go by, the message what people read."""

    code: ClassVar[str]
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The export failed"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.__doc__ or "")

    def problem(self) -> dict[str, Any]:
        """The job's `error`, a problem object."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": str(self),
            "code": self.code,
        }


class DiskFullError(JobError):
    """There is no room left for the file."""

    code = "disk_full"
    status = 507


class IncompleteError(JobError):
    """The document would not hold every message, so it was not kept."""

    code = "incomplete"


class RenderError(JobError):
    """The document could not be made."""

    code = "render_failed"


class WornOutError(JobError):
    """Making the document was interrupted too many times."""

    code = "interrupted"


class UnreachableError(JobError):
    """A part of Webox that the export needs was away for too long."""

    code = "unavailable"
    status = 503


class ConversationDeletedError(JobError):
    """A conversation of this export was deleted."""

    code = "conversation_deleted"
    status = 404
    title = "Not found"


class LostJobError(Exception):
    """The job was cancelled, or is somebody else's by now: stop, and leave no trace."""


class ExportFailedError(WeboxError):
    """What the caller who waited for a file gets when its job failed."""

    status = 503
    title = "The export failed"
