"""SQL of what other services read: whole tables in pages, by id."""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CompoundSelect,
    Integer,
    any_,
    bindparam,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from webox_chat.conversations.repository import CONVERSATION_COLUMNS, Position, readable
from webox_chat.conversations.schemas import StoredConversation
from webox_chat.internal.entries import (
    FIRST,
    READABLE_ENTRIES,
    WHOLE_ENTRIES,
)
from webox_chat.internal.schemas import Document, Generation, OwnedConversation
from webox_chat.models import conversation, message, reply, usage_ledger
from webox_kit.database import Database
from webox_kit.statements import Bound, Row, Statement


class InternalRepository:
    """Hot statements: search asks after every batch of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents_by_id(self, ids: Sequence[int]) -> list[Document]:
        return await self._documents(_DOCUMENTS_BY_ID(ids=ids))

    async def documents_after(self, after: int, limit: int) -> list[Document]:
        return await self._documents(_DOCUMENTS_AFTER(after=after, most=limit))

    async def conversations_by_id(self, ids: Sequence[int]) -> list[OwnedConversation]:
        return await self._conversations(_CONVERSATIONS_BY_ID(ids=ids))

    async def conversations_after(self, after: int, limit: int) -> list[OwnedConversation]:
        return await self._conversations(_CONVERSATIONS_AFTER(after=after, most=limit))

    async def generations_after(self, after: int, limit: int) -> list[Generation]:
        [rows] = await self._database.run(_GENERATIONS_AFTER(after=after, most=limit))
        return [Generation.model_validate(row) for row in rows]

    async def of_user(self, user_id: int, ids: Sequence[int]) -> list[StoredConversation]:
        [rows] = await self._database.run(_CONVERSATIONS_OF_USER(ids=ids, of_user=user_id))
        return [StoredConversation.model_validate(row) for row in rows]

    async def entries(
        self, conversation_id: int, after: Position | None, limit: int, *, whole: bool
    ) -> tuple[list[Row], bool]:
        """At most `limit` entries after a position, for `entry_list`, and whether more follow."""
        statement = WHOLE_ENTRIES if whole else READABLE_ENTRIES
        turn, place, entry_id = after or FIRST
        [rows] = await self._database.run(
            statement(of=conversation_id, turn=turn, place=place, entry_id=entry_id, most=limit + 1)
        )
        page = rows[:limit]
        return page, bool(rows) and rows[0]["there"] > len(page)

    async def _documents(self, statement: Bound) -> list[Document]:
        [rows] = await self._database.run(statement)
        return [Document.model_validate(row) for row in rows]

    async def _conversations(self, statement: Bound) -> list[OwnedConversation]:
        [rows] = await self._database.run(statement)
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


_IDS = any_(bindparam("ids", type_=ARRAY(BigInteger)))
_AFTER = bindparam("after", type_=BigInteger)
_MOST = bindparam("most", type_=Integer)

_DOCUMENTS_BY_ID = Statement(_documents(message.c.id == _IDS, reply.c.id == _IDS).order_by("id"))
_DOCUMENTS_AFTER = Statement(
    _documents(message.c.id > _AFTER, reply.c.id > _AFTER).order_by("id").limit(_MOST)
)
_CONVERSATIONS_BY_ID = Statement(select(conversation).where(conversation.c.id == _IDS))
_CONVERSATIONS_AFTER = Statement(
    select(conversation).where(conversation.c.id > _AFTER).order_by(conversation.c.id).limit(_MOST)
)
_GENERATIONS_AFTER = Statement(
    select(usage_ledger.c.reply_id, usage_ledger.c.user_id)
    .where(usage_ledger.c.reply_id > _AFTER, usage_ledger.c.status == "done")
    .order_by(usage_ledger.c.reply_id)
    .limit(_MOST)
)
_CONVERSATIONS_OF_USER = Statement(
    select(*CONVERSATION_COLUMNS)
    .where(
        conversation.c.user_id == bindparam("of_user", type_=BigInteger),
        conversation.c.id == _IDS,
    )
    .order_by(conversation.c.id)
)
