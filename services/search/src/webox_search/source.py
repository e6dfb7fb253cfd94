"""The texts to index, from chat's internal API."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel

from webox_kit.internal_http import InternalClient
from webox_search.index.base import Document, Role

IDS_A_CALL = 200
DOCUMENTS_A_PAGE = 1000

T = TypeVar("T")


class ChatDocument(BaseModel):
    """A message or a reply, as chat tells it."""

    id: int
    conversation_id: int
    user_id: int
    role: Role
    provider: str | None = None
    content: str
    created_at: AwareDatetime
    version: int = 0

    def to_index(self) -> Document:
        return Document(
            kind="message",
            user_id=self.user_id,
            conversation_id=self.conversation_id,
            created_at=self.created_at,
            text=self.content,
            version=self.version,
            message_id=self.id,
            role=self.role,
            provider=self.provider,
        )


class ChatConversation(BaseModel):
    id: int
    user_id: int
    title: str
    folder: str | None = None
    tags: list[str] = []
    is_favorite: bool = False
    archived: bool = False
    created_at: AwareDatetime
    version: int = 0

    def to_index(self) -> Document:
        return Document(
            kind="title",
            user_id=self.user_id,
            conversation_id=self.id,
            created_at=self.created_at,
            text=self.title,
            version=self.version,
            folder=self.folder,
            tags=tuple(self.tags),
            is_favorite=self.is_favorite,
            archived=self.archived,
        )


class _Documents(BaseModel):
    documents: list[ChatDocument]


class _Conversations(BaseModel):
    conversations: list[ChatConversation]


class ChatSource:
    """Chat answers with what is alive: an id that does not come back is to be forgotten."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def messages(self, ids: Collection[int]) -> list[Document]:
        found: list[Document] = []
        for some in _chunks(sorted(ids), IDS_A_CALL):
            answer = await self._client.get("/internal/documents", ids=_joined(some))
            found += _messages(answer)
        return found

    async def titles(self, conversation_ids: Collection[int]) -> list[Document]:
        found: list[Document] = []
        for some in _chunks(sorted(conversation_ids), IDS_A_CALL):
            answer = await self._client.get("/internal/conversations", ids=_joined(some))
            found += _titles(answer)
        return found

    async def titles_after(self, conversation_id: int) -> list[Document]:
        """The next page of all conversations' titles, by id; empty at the end."""
        answer = await self._client.get(
            "/internal/conversations", after=conversation_id, limit=DOCUMENTS_A_PAGE
        )
        return _titles(answer)

    async def messages_after(self, message_id: int) -> list[Document]:
        """The next page of all messages, by id; empty at the end."""
        answer = await self._client.get(
            "/internal/documents", after=message_id, limit=DOCUMENTS_A_PAGE
        )
        return _messages(answer)

    async def close(self) -> None:
        await self._client.close()


def _messages(answer: object) -> list[Document]:
    return [each.to_index() for each in _Documents.model_validate(answer).documents]


def _titles(answer: object) -> list[Document]:
    return [each.to_index() for each in _Conversations.model_validate(answer).conversations]


def _joined(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids))


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
