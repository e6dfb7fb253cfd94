"""What the dashboard's tests share: a served dashboard, and events told to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
from uuid_utils import uuid7

from webox_contracts.events import (
    ConversationDeleted,
    ConversationStarted,
    ConversationUpdated,
    Event,
    EventData,
    ExportFinished,
    ProductEventData,
    ReplyFinished,
    stream_of,
)
from webox_dashboard.consumers import apply_and_tell
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database
from webox_kit.testing import Keys

P = TypeVar("P", bound=ProductEventData)

NOON = datetime(2025, 11, 24, 12, tzinfo=UTC)


def ago(**units: float) -> datetime:
    """A moment so long ago, and two seconds more, so that a slow test says the same words."""
    return datetime.now(UTC) - timedelta(**units) - timedelta(seconds=2)


def received(data: EventData, event_id: str | None = None) -> ReceivedEvent:
    envelope = Event.of(
        data,
        id=event_id or str(uuid7()),
        source=f"/webox/{stream_of(data.type)}",
        time=datetime.now(UTC),
    )
    return ReceivedEvent(envelope, data)


@dataclass(frozen=True)
class Stage:
    """A dashboard as a client and as other services see it."""

    client: httpx.AsyncClient
    database: Database
    keys: Keys

    async def tell(self, *events: EventData) -> None:
        """One batch of events, each with an id of its own."""
        await self.deliver([received(event) for event in events])

    async def deliver(self, batch: Sequence[ReceivedEvent]) -> None:
        async with self.database.transaction() as session:
            await apply_and_tell(session, batch)

    async def ask(
        self,
        path: str,
        *,
        user_id: int = 1,
        language: str | bytes | None = None,
        method: str = "GET",
        **query: Any,
    ) -> httpx.Response:
        headers: dict[str, str | bytes] = {**self.keys.user_headers("dashboard", user_id)}
        if language is not None:
            headers["Accept-Language"] = language
        return await self.client.request(
            method, f"/api/dashboard/{path}", headers=headers, params=query
        )

    async def read(self, path: str, **how: Any) -> Any:
        """The JSON of a request that succeeds."""
        answer = await self.ask(path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()


def product(kind: type[P], subject: str = "1", **fields: Any) -> P:
    return kind.model_validate(
        {
            "user_id": 1,
            "subject_id": subject,
            "event_id": str(uuid7()),
            "occurred_at": ago(),
            **fields,
        }
    )


def started(conversation_id: int = 1, **fields: Any) -> ConversationStarted:
    return ConversationStarted.model_validate(
        {
            "user_id": 1,
            "version": 1,
            "conversation_id": conversation_id,
            "title": "Discussion marketing",
            "folder": "Général",
            "providers": ["GPT-4", "Claude"],
            "created_at": ago(),
            **fields,
        }
    )


def updated(conversation_id: int = 1, **fields: Any) -> ConversationUpdated:
    return ConversationUpdated.model_validate(
        {
            "user_id": 1,
            "version": 2,
            "conversation_id": conversation_id,
            "title": "Discussion marketing",
            "folder": "Général",
            "tags": [],
            "is_favorite": False,
            "archived": False,
            "updated_at": ago(),
            **fields,
        }
    )


def deleted(conversation_id: int = 1, **fields: Any) -> ConversationDeleted:
    return ConversationDeleted.model_validate(
        {"user_id": 1, "version": 9, "conversation_id": conversation_id, **fields}
    )


def replied(reply_id: int, **fields: Any) -> ReplyFinished:
    return ReplyFinished.model_validate(
        {
            "user_id": 1,
            "version": 3,
            "conversation_id": 1,
            "message_id": 1,
            "reply_id": reply_id,
            "provider": "GPT-4",
            "model": "gpt-4-turbo",
            "status": "done",
            "finished_at": ago(),
            **fields,
        }
    )


def exported(export_id: str = "0190-a", **fields: Any) -> ExportFinished:
    return ExportFinished.model_validate(
        {
            "user_id": 1,
            "export_id": export_id,
            "status": "done",
            "format": "pdf",
            "filename": "marketing.pdf",
            "size_bytes": 1_500_000,
            "finished_at": ago(),
            **fields,
        }
    )
