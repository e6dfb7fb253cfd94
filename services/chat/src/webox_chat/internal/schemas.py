"""What other services of Webox read from chat, on `/internal/*`."""

from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from webox_chat.conversations.schemas import ConversationSummary
from webox_kit.times import Moment


class Document(BaseModel):
    """A message or readable reply as search indexes it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    conversation_id: int
    user_id: int
    role: str
    provider: str | None
    content: str
    title: str
    created_at: Moment
    version: int


class DocumentList(BaseModel):
    documents: list[Document]


class OwnedConversation(BaseModel):
    """A conversation's own fields as search indexes them."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: int
    title: str
    folder: str
    tags: list[str]
    is_favorite: bool
    archived: bool
    created_at: Moment
    updated_at: Moment
    version: int


class OwnedConversationList(BaseModel):
    conversations: list[OwnedConversation]


class Generation(BaseModel):
    """A reply that was done, from the ledger, which outlives the conversation."""

    model_config = ConfigDict(from_attributes=True)

    reply_id: int
    user_id: int


class GenerationList(BaseModel):
    generations: list[Generation]


class PreciseConversation(ConversationSummary):
    """A conversation as its owner sees it, but with moments to the microsecond."""

    created_at: AwareDatetime
    updated_at: AwareDatetime


class UserConversationList(BaseModel):
    conversations: list[PreciseConversation]
    next_cursor: str | None


class WholeEntry(BaseModel):
    """A message or a reply with all that a user may have of it; moments are to the microsecond.

    Of a message, `parent_id` is the reply or message that it follows; of a reply, what it answers.
    """

    id: int
    role: Literal["user", "assistant"]
    parent_id: int | None
    content: str
    created_at: AwareDatetime
    status: str
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    provider: str | None = None
    model: str | None = None
    position: int | None = None
    demo: bool = False
    attempt: int | None = None
    superseded_by: int | None = None
    reasoning: str | None = None
    error: dict[str, Any] | None = None
    finish_reason: str | None = None
    truncated: bool = False
    context_cut: bool = False
    fallback: dict[str, str] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    time_to_first_token_ms: int | None = None
    total_ms: int | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None


class EntryList(BaseModel):
    """Messages and replies of one conversation, turn by turn, the oldest first."""

    messages: list[WholeEntry]
    next_cursor: str | None
