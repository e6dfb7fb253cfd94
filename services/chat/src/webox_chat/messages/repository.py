"""SQL of sending, and of reading a message with its replies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select, update

from webox_chat.models import UNFINISHED, conversation, message, reply
from webox_kit.database import Session


@dataclass(frozen=True)
class ProviderChoice:
    """A provider to ask, and which of its models."""

    provider: str
    model: str
    demo: bool


@dataclass(frozen=True)
class StoredMessage:
    id: int
    conversation_id: int
    content: str
    created_at: datetime
    age_ms: int


@dataclass(frozen=True)
class StoredReply:
    id: int
    provider: str
    model: str
    status: str
    attempt: int
    content: str
    error: dict[str, Any] | None
    finish_reason: str | None
    truncated: bool
    demo: bool
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    time_to_first_token_ms: int | None
    total_ms: int | None
    finished_at: datetime | None


_REPLY_FIELDS = tuple(StoredReply.__dataclass_fields__)


class MessageRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def unfinished_replies(self, user_id: int) -> int:
        count = await self._session.scalar(
            select(func.count())
            .select_from(reply)
            .where(reply.c.user_id == user_id, reply.c.status.in_(UNFINISHED))
        )
        return count or 0

    async def add_message(
        self,
        user_id: int,
        conversation_id: int,
        content: str,
        *,
        parent_id: int | None,
        temperature: float | None,
        max_tokens: int | None,
    ) -> StoredMessage:
        row = (
            await self._session.execute(
                insert(message)
                .values(
                    user_id=user_id,
                    conversation_id=conversation_id,
                    parent_id=parent_id,
                    content=content,
                    temperature=temperature,
                    max_tokens=max_tokens,
                )
                .returning(message.c.id, message.c.created_at)
            )
        ).one()
        return StoredMessage(row.id, conversation_id, content, row.created_at, age_ms=0)

    async def add_replies(
        self, user_id: int, sent: StoredMessage, choices: Sequence[ProviderChoice]
    ) -> None:
        await self._session.execute(
            insert(reply),
            [
                {
                    "message_id": sent.id,
                    "conversation_id": sent.conversation_id,
                    "user_id": user_id,
                    "provider": choice.provider,
                    "model": choice.model,
                    "demo": choice.demo,
                    "position": position,
                }
                for position, choice in enumerate(choices)
            ],
        )

    async def note_message(self, sent: StoredMessage, preview: str) -> int:
        """Let the conversation show its new message; the conversation's new version."""
        version = await self._session.scalar(
            update(conversation)
            .where(conversation.c.id == sent.conversation_id)
            .values(
                preview=preview,
                message_count=conversation.c.message_count + 1,
                last_message_id=sent.id,
                updated_at=func.now(),
                version=conversation.c.version + 1,
            )
            .returning(conversation.c.version)
        )
        return int(version or 0)

    async def get(self, user_id: int, message_id: int) -> StoredMessage | None:
        age = func.extract("epoch", func.clock_timestamp() - message.c.created_at) * 1000
        row = (
            await self._session.execute(
                select(
                    message.c.id,
                    message.c.conversation_id,
                    message.c.content,
                    message.c.created_at,
                    age.label("age_ms"),
                ).where(message.c.id == message_id, message.c.user_id == user_id)
            )
        ).one_or_none()
        if row is None:
            return None
        return StoredMessage(
            row.id, row.conversation_id, row.content, row.created_at, int(row.age_ms)
        )

    async def replies(self, message_id: int) -> list[StoredReply]:
        """The current replies, in the order the providers were named."""
        rows = await self._session.execute(
            select(*(reply.c[name] for name in _REPLY_FIELDS))
            .where(reply.c.message_id == message_id, reply.c.superseded_by.is_(None))
            .order_by(reply.c.position)
        )
        return [StoredReply(**row) for row in rows.mappings()]
