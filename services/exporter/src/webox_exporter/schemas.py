"""What goes in and out of the exporter: over HTTP, and between its own parts."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from webox_exporter.documents.words import Language
from webox_kit.text import Cleaned, CleanText
from webox_kit.times import Moment

MOST_IDS = 1_000
_LARGEST_ID = 2**63 - 1
_QUERY_CHARACTERS = 512

Status = Literal["queued", "running", "done", "failed", "cancelled", "expired"]
ConversationId = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255), Cleaned]


class ExportFilter(BaseModel):
    """Conversations by what they have in common; those that meet all of it are taken."""

    model_config = ConfigDict(strict=True, extra="forbid")

    folder: Annotated[str, StringConstraints(max_length=100), Cleaned] | None = None
    tag: Annotated[str, StringConstraints(max_length=50), Cleaned] | None = None
    favorite: bool | None = None
    q: (
        Annotated[
            str,
            StringConstraints(max_length=_QUERY_CHARACTERS, pattern=r"\S"),
            Cleaned,
        ]
        | None
    ) = Field(default=None, description="What a search must find, as `GET /api/chat/search` does.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("give folder, tag, favorite or q")
        return self

    def as_query(self) -> dict[str, str]:
        """The same as parameters of a query string."""
        given = self.model_dump(exclude_none=True)
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in given.items()
        }


class Selection(BaseModel):
    """Which conversations: exactly one of the three."""

    model_config = ConfigDict(strict=True)

    conversation_ids: Annotated[
        list[ConversationId] | None, Field(min_length=1, max_length=MOST_IDS)
    ] = None
    filter: ExportFilter | None = None
    all: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.conversation_ids is not None, self.filter is not None, self.all]
        if sum(given) != 1:
            raise ValueError("give exactly one of conversation_ids, filter and all")
        if self.conversation_ids:
            self.conversation_ids = list(dict.fromkeys(self.conversation_ids))
        return self

    @property
    def searched(self) -> ExportFilter | None:
        """The filter, if it has something to search for."""
        return self.filter if self.filter is not None and self.filter.q is not None else None

    @property
    def single_id(self) -> int | None:
        """The conversation's id if there is just one, which makes a document and no ZIP."""
        ids = self.conversation_ids or []
        return ids[0] if len(ids) == 1 else None


class ExportRequest(Selection):
    """The body of `POST /api/exports`."""

    format: CleanText = Field(description="pdf, md, txt, json, html or docx.")

    def selection(self) -> Selection:
        return Selection.model_validate(self.model_dump(exclude={"format"}))


class NewExport(BaseModel):
    """A job to be queued."""

    id: UUID
    user_id: int
    format: str
    language: Language
    request: dict[str, Any]
    fingerprint: str
    idempotency_key: str | None
    conversation_ids: list[int]
    filename: str


class Export(BaseModel):
    """A job as SQL has it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: int
    status: Status
    format: str
    language: Language
    request: dict[str, Any]
    fingerprint: str
    filename: str
    messages_total: int | None
    messages_done: int
    attempt: int
    object_key: str | None
    size_bytes: int | None
    sha256: str | None
    error: dict[str, Any] | None
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def is_final(self) -> bool:
        return self.status not in {"queued", "running"}

    @property
    def selection(self) -> Selection:
        return Selection.model_validate(self.request)

    @property
    def progress(self) -> float:
        """Between 0 and 1. It is 1 once the job is done, and not before."""
        if self.status in {"done", "expired"}:
            return 1.0
        if not self.messages_total:
            return 0.0
        return round(min(self.messages_done / self.messages_total, 0.99), 3)


class StoredFile(BaseModel):
    """A finished file, under its final name."""

    key: str
    size_bytes: int
    sha256: str


class ExportJob(BaseModel):
    """A job as the API answers it. `download_url` is null unless it is done."""

    id: str
    status: Status
    progress: float
    format: str
    filename: str
    size_bytes: int | None
    sha256: str | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    expires_at: Moment | None
    error: dict[str, Any] | None
    download_url: str | None

    @classmethod
    def of(cls, export: Export) -> Self:
        url = f"/api/exports/{export.id}/download" if export.status == "done" else None
        shared = export.model_dump(include=set(cls.model_fields) - {"id"})
        return cls(id=str(export.id), progress=export.progress, download_url=url, **shared)


class ExportList(BaseModel):
    exports: list[ExportJob]
    next_cursor: str | None


class StoredExport(BaseModel):
    """An export whose file is there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: int
    size_bytes: int
    finished_at: Moment


class StoredExportList(BaseModel):
    exports: list[StoredExport]
