"""SQL over the folders and tags of all of a user's conversations."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    any_,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from webox_chat.conversations.repository import CONVERSATION_COLUMNS, has_tags
from webox_chat.conversations.schemas import StoredConversation
from webox_chat.models import conversation
from webox_kit.database import Session

Which = ColumnElement[bool]
"""Which of a user's conversations."""


class SpelledTag(NamedTuple):
    """A tag in one of its spellings, and the first conversation that has it so."""

    name: str
    conversations: int
    first_id: int


def in_folder(name: str) -> Which:
    return conversation.c.folder == name


class LabelRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def folder_counts(self, user_id: int) -> dict[str, int]:
        query = (
            select(conversation.c.folder, func.count().label("conversations"))
            .where(conversation.c.user_id == user_id)
            .group_by(conversation.c.folder)
        )
        rows = await self._session.execute(query)
        return {row.folder: row.conversations for row in rows}

    async def tag_counts(self, user_id: int) -> list[SpelledTag]:
        tagged = (
            select(conversation.c.id, func.unnest(conversation.c.tags).label("tag"))
            .where(conversation.c.user_id == user_id, has_tags())
            .subquery()
        )
        query = select(tagged.c.tag, func.count(), func.min(tagged.c.id)).group_by(tagged.c.tag)
        return [SpelledTag(*row) for row in await self._session.execute(query)]

    async def ids(self, user_id: int, which: Which) -> Sequence[int]:
        query = select(conversation.c.id).where(conversation.c.user_id == user_id, which)
        return (await self._session.scalars(query.order_by(conversation.c.id))).all()

    async def lock(
        self, user_id: int, ids: Sequence[int], which: Which
    ) -> list[StoredConversation]:
        """Those of `ids` that are still so, held against changes until the transaction ends."""
        wanted = any_(cast(list(ids), ARRAY(BigInteger)))
        rows = await self._session.execute(
            select(*CONVERSATION_COLUMNS)
            .where(conversation.c.user_id == user_id, conversation.c.id == wanted, which)
            .order_by(conversation.c.id)
            .with_for_update(key_share=True)
        )
        return [StoredConversation.model_validate(row) for row in rows]

    async def save(self, changed: Sequence[StoredConversation]) -> None:
        """Write the labels and versions of conversations that are locked."""
        rows = [
            {
                "id": each.id,
                "folder": each.folder,
                "tags": each.tags,
                "tag_keys": [tag.casefold() for tag in each.tags],
                "version": each.version,
            }
            for each in changed
        ]
        if rows:
            await self._session.execute(_SAVE, {"rows": orjson.dumps(rows).decode()})


_SAVE = text(
    "UPDATE conversation SET folder = new.folder, tags = new.tags, tag_keys = new.tag_keys,"
    " version = new.version FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS new (id bigint, folder text, tags text[], tag_keys text[], version bigint)"
    " WHERE conversation.id = new.id"
)
"""One statement however many there are."""
