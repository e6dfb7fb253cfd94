"""SQL of what other services read: whole tables in pages, by id."""

from collections.abc import Sequence

from sqlalchemy import CompoundSelect, Select, literal, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from webox_chat.conversations.repository import CONVERSATION_COLUMNS, readable
from webox_chat.conversations.schemas import StoredConversation
from webox_chat.internal.schemas import Document, OwnedConversation
from webox_chat.models import conversation, message, reply
from webox_kit.database import Session


class InternalRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def documents_by_id(self, ids: Sequence[int]) -> list[Document]:
        return await self._documents(
            _documents(message.c.id.in_(ids), reply.c.id.in_(ids)), limit=2 * len(ids)
        )

    async def documents_after(self, after: int, limit: int) -> list[Document]:
        return await self._documents(_documents(message.c.id > after, reply.c.id > after), limit)

    async def conversations_by_id(self, ids: Sequence[int]) -> list[OwnedConversation]:
        return await self._conversations(select(conversation).where(conversation.c.id.in_(ids)))

    async def conversations_after(self, after: int, limit: int) -> list[OwnedConversation]:
        query = select(conversation).where(conversation.c.id > after)
        return await self._conversations(query.order_by(conversation.c.id).limit(limit))

    async def of_user(self, user_id: int, ids: Sequence[int]) -> list[StoredConversation]:
        rows = await self._session.execute(
            select(*CONVERSATION_COLUMNS)
            .where(conversation.c.user_id == user_id, conversation.c.id.in_(ids))
            .order_by(conversation.c.id)
        )
        return [StoredConversation.model_validate(row) for row in rows]

    async def _documents(
        self, query: CompoundSelect[tuple[object, ...]], limit: int
    ) -> list[Document]:
        rows = await self._session.execute(query.order_by("id").limit(limit))
        return [Document.model_validate(row) for row in rows]

    async def _conversations(self, query: Select[tuple[object, ...]]) -> list[OwnedConversation]:
        rows = await self._session.execute(query)
        return [OwnedConversation.model_validate(row) for row in rows]


def _documents(
    messages: ColumnElement[bool], replies: ColumnElement[bool]
) -> CompoundSelect[tuple[object, ...]]:
    asked = (
        select(
            message.c.id,
            message.c.conversation_id,
            message.c.user_id,
            literal("user").label("role"),
            null().label("provider"),
            message.c.content,
            conversation.c.title,
            message.c.created_at,
            conversation.c.version,
        )
        .join(conversation, conversation.c.id == message.c.conversation_id)
        .where(messages)
    )
    answered = (
        select(
            reply.c.id,
            reply.c.conversation_id,
            reply.c.user_id,
            literal("assistant").label("role"),
            reply.c.provider,
            reply.c.content,
            conversation.c.title,
            reply.c.created_at,
            conversation.c.version,
        )
        .join(conversation, conversation.c.id == reply.c.conversation_id)
        .where(replies, readable())
    )
    return union_all(asked, answered)
