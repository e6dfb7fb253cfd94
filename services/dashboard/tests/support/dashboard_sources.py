"""Chat, the gateway and the exporter as the dashboard reads them, beside what they publish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from dashboard_stage import received, replied, started, updated

from webox_contracts.events import (
    ConversationDeleted,
    ExportFinished,
    ProductEventData,
)
from webox_contracts.identity import ASSERTION_HEADER
from webox_kit.consumer import ReceivedEvent


@dataclass
class SourcesDouble:
    """Whatever is done here is kept as its service keeps it, and answered as the event it makes."""

    url: str = ""
    is_away: bool = False
    kept: dict[str, dict[Any, dict[str, Any]]] = field(
        default_factory=lambda: {
            "conversations": {}, "generations": {}, "product-events": {}, "exports": {},
        }
    )  # fmt: skip
    held: str | None = None
    """Pages of this are read, and then held back until `may_go_on`."""

    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, conversation_id: int, title: str = "Titre", user_id: int = 1) -> ReceivedEvent:
        event = started(conversation_id, title=title, user_id=user_id)
        self._keep_conversation(event, archived=False)
        return received(event)

    def change(self, conversation_id: int, **changes: Any) -> ReceivedEvent:
        old = self.kept["conversations"][conversation_id]
        event = updated(
            conversation_id,
            **{name: old[name] for name in ("user_id", "title", "archived")}
            | {"version": old["version"] + 1}
            | changes,
        )
        self._keep_conversation(event, archived=event.archived)
        return received(event)

    def delete(self, conversation_id: int) -> ReceivedEvent:
        old = self.kept["conversations"].pop(conversation_id)
        return received(
            ConversationDeleted(
                user_id=old["user_id"],
                version=old["version"] + 1,
                conversation_id=conversation_id,
            )
        )

    def reply(self, reply_id: int, conversation_id: int = 1, user_id: int = 1) -> ReceivedEvent:
        self.kept["generations"][reply_id] = {"reply_id": reply_id, "user_id": user_id}
        return received(replied(reply_id, conversation_id=conversation_id, user_id=user_id))

    def report(self, data: ProductEventData) -> ReceivedEvent:
        event = received(data)
        number = len(self.kept["product-events"]) + 1
        self.kept["product-events"][number] = {
            "id": number,
            "user_id": data.user_id,
            "event_id": data.event_id,
            "type": data.type,
            "subject": data.subject_id,
            "occurred_at": data.occurred_at.isoformat(),
            "name": data.name,
            "bytes": data.bytes,
            "published_as": event.envelope.id,
        }
        return event

    def export(self, data: ExportFinished) -> ReceivedEvent:
        self.kept["exports"][data.export_id] = {
            "id": data.export_id,
            "user_id": data.user_id,
            "size_bytes": data.size_bytes,
            "finished_at": data.finished_at.isoformat(),
        }
        return received(data)

    async def answer(self, request: web.Request) -> web.Response:
        if self.is_away:
            return web.json_response({"status": 503}, status=503)
        assert ASSERTION_HEADER in request.headers
        what = request.match_info["what"]
        after, limit = request.query["after"], int(request.query["limit"])
        things = self.kept[what]
        first: Any = after if what == "exports" else int(after)
        found = [things[key] for key in sorted(key for key in things if key > first)][:limit]
        if self.held == what and not self.has_read.is_set():
            self.has_read.set()
            await self.may_go_on.wait()
        return web.json_response({what if what != "product-events" else "events": found})

    def _keep_conversation(self, event: Any, *, archived: bool) -> None:
        moment = getattr(event, "updated_at", None) or event.created_at
        self.kept["conversations"][event.conversation_id] = {
            "id": event.conversation_id,
            "user_id": event.user_id,
            "title": event.title,
            "archived": archived,
            "version": event.version,
            "updated_at": moment.isoformat(),
        }


@asynccontextmanager
async def running_sources() -> AsyncIterator[SourcesDouble]:
    double = SourcesDouble()
    app = web.Application()
    app.router.add_get("/internal/{what}", double.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    double.url = f"http://{host}:{port}"
    try:
        yield double
    finally:
        double.may_go_on.set()
        await runner.cleanup()
