"""A small double of chat: its internal API as documented, and the events it publishes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from aiohttp import web
from redis.asyncio import Redis

from webox_contracts.events import (
    ConversationDeleted,
    ConversationStarted,
    ConversationUpdated,
    Event,
    EventData,
    MessageSent,
    ReplyFinished,
    UserDeleted,
)
from webox_contracts.identity import ASSERTION_HEADER
from webox_kit.streams import EVENT_FIELD, stream_key

ALICE, BOB = 1, 2


@dataclass
class ChatDouble:
    """Holds conversations and their messages; says so in events on the streams of `redis`."""

    redis: Redis
    url: str = ""
    is_away: bool = False
    conversations: dict[int, dict[str, Any]] = field(default_factory=dict)
    documents: dict[int, dict[str, Any]] = field(default_factory=dict)
    published: list[Event] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: count(100))

    async def start(
        self, title: str, *messages: str, user_id: int = ALICE, **attributes: Any
    ) -> int:
        """A new conversation with these messages, the user's and the AI's by turns."""
        conversation_id = next(self._ids)
        now = _now()
        self.conversations[conversation_id] = {
            "id": conversation_id,
            "user_id": user_id,
            "title": title,
            "folder": "Général",
            "tags": [],
            "is_favorite": False,
            "archived": False,
            "created_at": now,
            "updated_at": now,
            "version": 1,
            **attributes,
        }
        await self.publish(
            ConversationStarted(
                user_id=user_id,
                version=1,
                conversation_id=conversation_id,
                title=title,
                folder="Général",
                providers=["GPT-4"],
                created_at=datetime.now(UTC),
            )
        )
        for number, text in enumerate(messages):
            await self.say(conversation_id, text, role="assistant" if number % 2 else "user")
        return conversation_id

    async def say(
        self, conversation_id: int, text: str, role: str = "user", created_at: str | None = None
    ) -> int:
        """One more message, or a reply."""
        message_id = next(self._ids)
        conversation = self.conversations[conversation_id]
        conversation["version"] += 1
        self.documents[message_id] = {
            "id": message_id,
            "conversation_id": conversation_id,
            "user_id": conversation["user_id"],
            "role": role,
            "provider": "GPT-4" if role == "assistant" else None,
            "content": text,
            "title": conversation["title"],
            "created_at": created_at or _now(),
            "version": conversation["version"],
        }
        await self.publish(self._said(conversation, message_id, role))
        return message_id

    async def change(self, conversation_id: int, **attributes: Any) -> None:
        conversation = self.conversations[conversation_id]
        conversation |= attributes
        conversation["version"] += 1
        names = ("user_id", "version", "title", "folder", "tags", "is_favorite", "archived")
        await self.publish(
            ConversationUpdated(
                conversation_id=conversation_id,
                updated_at=datetime.now(UTC),
                **{name: conversation[name] for name in names},
            )
        )

    async def delete(self, conversation_id: int) -> None:
        conversation = self.conversations.pop(conversation_id)
        self.documents = {
            key: each
            for key, each in self.documents.items()
            if each["conversation_id"] != conversation_id
        }
        await self.publish(
            ConversationDeleted(
                user_id=conversation["user_id"],
                version=conversation["version"] + 1,
                conversation_id=conversation_id,
            )
        )

    async def delete_user(self, user_id: int) -> None:
        self.conversations = {
            key: each for key, each in self.conversations.items() if each["user_id"] != user_id
        }
        self.documents = {
            key: each for key, each in self.documents.items() if each["user_id"] != user_id
        }
        await self.publish(UserDeleted(user_id=user_id), stream="gateway")

    async def publish(self, data: EventData, stream: str = "chat") -> None:
        event = Event.of(data, id=f"event-{next(self._ids)}", source=stream, time=datetime.now(UTC))
        self.published.append(event)
        await self.publish_again(event, stream)

    async def publish_again(self, event: Event, stream: str = "chat") -> None:
        await self.redis.xadd(stream_key(stream), {EVENT_FIELD: event.model_dump_json()})

    def _said(self, conversation: dict[str, Any], message_id: int, role: str) -> EventData:
        common = {
            "user_id": conversation["user_id"],
            "version": conversation["version"],
            "conversation_id": conversation["id"],
            "message_id": message_id,
        }
        now = datetime.now(UTC)
        if role == "user":
            return MessageSent(providers=["GPT-4"], created_at=now, **common)
        return ReplyFinished(
            reply_id=message_id,
            provider="GPT-4",
            model="gpt-4-turbo",
            status="done",
            finished_at=now,
            **common,
        )

    async def answer_documents(self, request: web.Request) -> web.Response:
        return self._answer(request, "documents", self.documents)

    async def answer_conversations(self, request: web.Request) -> web.Response:
        return self._answer(request, "conversations", self.conversations)

    def _answer(
        self, request: web.Request, name: str, things: dict[int, dict[str, Any]]
    ) -> web.Response:
        if self.is_away:
            return web.json_response({"status": 503}, status=503)
        if ASSERTION_HEADER not in request.headers:
            return web.json_response({"status": 401}, status=401)
        if "ids" in request.query:
            ids = [int(each) for each in request.query["ids"].split(",")]
        else:
            after, limit = int(request.query["after"]), int(request.query["limit"])
            ids = sorted(key for key in things if key > after)[:limit]
        return web.json_response({name: [things[key] for key in ids if key in things]})


@asynccontextmanager
async def running_chat(redis: Redis) -> AsyncIterator[ChatDouble]:
    chat = ChatDouble(redis)
    app = web.Application()
    app.router.add_get("/internal/documents", chat.answer_documents)
    app.router.add_get("/internal/conversations", chat.answer_conversations)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    chat.url = f"http://{host}:{port}"
    try:
        yield chat
    finally:
        await runner.cleanup()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
