"""An index of one of the engines, with a way to fill it and to ask it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from webox_search.index.base import Document, Filters, Page, Row, SearchIndex, SearchQuery

START = datetime(2025, 11, 24, 14, 30, tzinfo=UTC)
ALICE, BOB = 1, 2


@dataclass
class Library:
    """Conversations of users, put into an index as the service would."""

    index: SearchIndex
    ids: Iterator[int] = field(default_factory=lambda: count(100))

    async def conversation(
        self, *messages: str, title: str = "Sans titre", user_id: int = ALICE, **attributes: Any
    ) -> int:
        """A conversation with these messages, a minute apart; the user's and AI's alternate."""
        conversation_id = next(self.ids)
        created_at = attributes.pop("created_at", START + timedelta(days=conversation_id))
        common = {"user_id": user_id, "conversation_id": conversation_id, "version": 1}
        documents = [
            Document(kind="title", text=title, created_at=created_at, **common, **attributes)
        ]
        for number, text in enumerate(messages):
            is_reply = number % 2 == 1
            documents.append(
                Document(
                    kind="message",
                    text=text,
                    created_at=created_at + timedelta(minutes=number),
                    message_id=next(self.ids),
                    role="assistant" if is_reply else "user",
                    provider="GPT-4" if is_reply else None,
                    **common,
                )
            )
        await self.index.upsert(documents)
        await self.index.commit()
        return conversation_id

    async def page(
        self, text: str, user_id: int = ALICE, filters: Filters | None = None, **options: Any
    ) -> Page:
        return await self.index.search(
            SearchQuery(user_id=user_id, text=text, filters=filters or Filters(), **options)
        )

    async def rows(self, text: str, **options: Any) -> tuple[Row, ...]:
        return (await self.page(text, **options)).rows

    async def found(self, text: str, **options: Any) -> list[int]:
        """The ids of the conversations found, best first."""
        return [row.conversation_id for row in await self.rows(text, **options)]
