"""Conversations as clients send and see them."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from webox_chat.bodies import Body
from webox_chat.limits import (
    FOLDER_CHARACTERS,
    MAX_ID,
    TAG_CHARACTERS,
    TITLE_CHARACTERS,
)
from webox_kit.text import Cleaned
from webox_kit.times import Moment

ConversationId = Annotated[int, Path(ge=1, le=MAX_ID, description="The conversation's id.")]

Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_CHARACTERS),
    Cleaned,
]


def _no_path_segment(name: str) -> str:
    # Clients resolve `…/tags/..` before they send it: removing the tag would delete more.
    if name in {".", ".."}:
        raise ValueError("`.` and `..` cannot be names")
    return name


Folder = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=FOLDER_CHARACTERS),
    Cleaned,
    AfterValidator(_no_path_segment),
]
Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TAG_CHARACTERS),
    Cleaned,
    AfterValidator(_no_path_segment),
]


class ConversationSummary(BaseModel):
    """A conversation as lists show it. `preview` is one line of at most 120 characters."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    folder: str
    is_favorite: bool
    archived: bool
    tags: list[str]
    preview: str
    message_count: int
    created_at: Moment
    updated_at: Moment


class ConversationList(BaseModel):
    conversations: list[ConversationSummary]
    next_cursor: str | None


class Entry(BaseModel):
    """A message of the user or a reply of a provider, as they stand in `messages[]`."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    role: Literal["user", "assistant"]
    content: str
    created_at: Moment
    parent_id: int | None
    status: str
    ai_provider: str | None = None
    model: str | None = None
    attempt: int | None = None
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    reasoning: str | None = None
    context_cut: bool = False
    fallback: dict[str, str] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    time_to_first_token_ms: int | None = None
    total_ms: int | None = None
    demo: bool = False

    @field_validator("cost", mode="before")
    @classmethod
    def _plain_decimal(cls, value: object) -> object:
        return value if value is None or isinstance(value, str) else f"{value.normalize():f}"  # type: ignore[attr-defined] # a Decimal from SQL


class ConversationDetail(ConversationSummary):
    messages: list[Entry]
    messages_next_cursor: str | None


FolderFilter = Annotated[
    Annotated[str, StringConstraints(max_length=FOLDER_CHARACTERS), Cleaned] | None,
    Query(description="Only those in this folder, by its exact name."),
]
TagFilter = Annotated[
    Annotated[str, StringConstraints(max_length=TAG_CHARACTERS), Cleaned] | None,
    Query(description="Only those with this tag; its case does not matter."),
]
FavoriteFilter = Annotated[
    bool | None, Query(description="Only favorites, or only the others; both without it.")
]
ArchivedFilter = Annotated[
    bool | None, Query(description="Only archived ones, or only the others; both without it.")
]


class ConversationFilters(BaseModel):
    """Which conversations a list shows; what is left out does not limit it."""

    model_config = ConfigDict(frozen=True)

    folder: FolderFilter = None
    tag: TagFilter = None
    favorite: FavoriteFilter = None
    archived: ArchivedFilter = None


class FavoriteBody(Body):
    is_favorite: bool


class FavoriteState(BaseModel):
    is_favorite: bool


class TagBody(Body):
    tag: Tag


class TagList(BaseModel):
    tags: list[str]


class ConversationChanges(Body):
    """What PATCH may change; a member that is left out stays."""

    title: Title | None = None
    folder: Folder | None = None
    archived: bool | None = None


class Deleted(BaseModel):
    message: Literal["Conversation deleted successfully"] = "Conversation deleted successfully"


MessagesLimit = Annotated[
    int, Query(ge=1, le=1000, description="At most this many messages (1 to 1,000).")
]
MessagesFrom = Annotated[
    Literal["start", "end"],
    Query(description="Whether the first page holds the oldest messages or the newest."),
]


class StoredConversation(ConversationSummary):
    """A conversation with what only services need of it."""

    user_id: int = Field(exclude=True)
    version: int = Field(exclude=True)
