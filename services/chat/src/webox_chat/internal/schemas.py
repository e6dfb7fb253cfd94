"""What other services of Webox read from chat, on `/internal/*`."""

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
