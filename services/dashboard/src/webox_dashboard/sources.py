"""Where the read models come from, page by page: chat, the gateway and the exporter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from webox_contracts.events import PRODUCT_EVENTS, Event
from webox_dashboard.projection.handlers import rows_of, stored_export
from webox_dashboard.projection.rows import Rows
from webox_dashboard.settings import DashboardSettings
from webox_kit import clock
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import ReceivedEvent
from webox_kit.internal_http import InternalClient
from webox_kit.runtime import Runtime
from webox_kit.text import clean

_A_PAGE = 1000

PageToRows = Callable[[list[dict[str, Any]]], Rows]


class Sources:
    """What each of them keeps for good, as the rows that its events would have become.

    Activity and notifications are in none of them: they are what was told, once.
    """

    def __init__(self, runtime: Runtime[DashboardSettings]) -> None:
        self._chat = runtime.client("chat")
        self._gateway = runtime.client("gateway")
        self._exporter = runtime.client("exporter")

    async def pages(self) -> AsyncIterator[tuple[str, int, Rows]]:
        """What the page is of, how many things it has, and their rows.

        Raises:
            UnavailableError: a source is away.
        """
        async for page in _pages(self._chat, "conversations"):
            yield "conversations", len(page), _conversations(page)
        async for page in _pages(self._chat, "generations", key="reply_id"):
            yield "generations", len(page), _generations(page)
        async for page in _pages(self._gateway, "product-events", name="events"):
            yield "product events", len(page), _product_events(page)
        async for page in _pages(self._exporter, "exports", first=str(UUID(int=0))):
            yield "exports", len(page), _exports(page)

    async def close(self) -> None:
        for client in (self._chat, self._gateway, self._exporter):
            await client.close()


async def _pages(
    client: InternalClient,
    path: str,
    *,
    name: str | None = None,
    key: str = "id",
    first: str | int = 0,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Each is asked for while the one before it is worked on."""

    def ask(after: str | int) -> asyncio.Future[Any]:
        return asyncio.ensure_future(client.get(f"/internal/{path}", after=after, limit=_A_PAGE))

    ahead = ask(first)
    try:
        while page := (await ahead)[name or path]:
            ahead = ask(page[-1][key])
            yield page
    finally:
        await cancel_and_wait(ahead)


class _Conversation(BaseModel):
    id: int
    user_id: int
    title: str
    archived: bool
    version: int
    updated_at: AwareDatetime


class _Export(BaseModel):
    id: str
    user_id: int
    size_bytes: int
    finished_at: AwareDatetime


class _ProductEvent(BaseModel):
    id: int
    user_id: int
    event_id: str
    type: str
    subject: str
    occurred_at: AwareDatetime
    name: str | None
    bytes: int | None
    published_as: str | None


def _conversations(page: list[dict[str, Any]]) -> Rows:
    found = map(_Conversation.model_validate, page)
    return Rows(
        conversations=[
            {
                "conversation_id": each.id,
                "user_id": each.user_id,
                "title": clean(each.title),
                "archived": each.archived,
                "state_version": each.version,
                "updated_at": each.updated_at.astimezone(UTC),
            }
            for each in found
        ]
    )


def _generations(page: list[dict[str, Any]]) -> Rows:
    return Rows(
        generations=[
            {"user_id": each["user_id"], "origin": f"reply {each['reply_id']}"} for each in page
        ]
    )


def _product_events(page: list[dict[str, Any]]) -> Rows:
    rows = rows_of(map(_received, map(_ProductEvent.model_validate, page)), deleted=set())
    return Rows(products=rows.products, storage=rows.storage, generations=rows.generations)


def _received(kept: _ProductEvent) -> ReceivedEvent:
    """The event as it was published, but for what the read models do not look at."""
    data = PRODUCT_EVENTS[kept.type].model_validate(
        {**kept.model_dump(include={"user_id", "event_id", "occurred_at", "name", "bytes"}),
         "subject_id": kept.subject}
    )  # fmt: skip
    event_id = kept.published_as or f"kept {kept.id}"
    return ReceivedEvent(
        Event.of(data, id=event_id, source="/webox/gateway", time=clock.now()), data
    )


def _exports(page: list[dict[str, Any]]) -> Rows:
    found = map(_Export.model_validate, page)
    return Rows(
        storage=[
            stored_export(each.user_id, each.id, each.size_bytes, each.finished_at)
            for each in found
        ]
    )
