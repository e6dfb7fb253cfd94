"""Sending a message to several providers, and reading what they answered so far."""

import asyncio
import re
from dataclasses import replace

from webox_chat.conversations.service import no_conversation
from webox_chat.limits import (
    AUTOMATIC_TITLE_CHARACTERS,
    DEFAULT_FOLDER,
    PREVIEW_CHARACTERS,
    UNFINISHED_REPLIES_PER_USER,
)
from webox_chat.messages.answers import send_answer
from webox_chat.messages.choices import ProviderChooser
from webox_chat.messages.repository import MessageRepository, ProviderChoice, StoredMessage, Turn
from webox_chat.messages.schemas import SendAnswer, SendRequest
from webox_contracts.events import ConversationStarted, EventData, MessageSent
from webox_kit.database import Database
from webox_kit.errors import NotFoundError, TooManyRequestsError
from webox_kit.failpoints import failpoint
from webox_kit.outbox import publish
from webox_kit.signals import SignalListener
from webox_kit.statements import Flight
from webox_kit.tasks import TaskQueue
from webox_kit.text import one_line

FAN_OUT = "chat.fan_out"
"""The task that asks the providers of one message."""

REPLY_SIGNAL = "chat.reply"
"""The signal that a reply of a message became final; its key is the message's id."""

_LOOK_AGAIN_SECONDS = 1.0
_RETRY_AFTER_SECONDS = 5


class MessageService:
    def __init__(
        self,
        database: Database,
        chooser: ProviderChooser,
        tasks: TaskQueue,
        finals: SignalListener,
        *,
        wait_seconds: float,
    ) -> None:
        self._database = database
        self._messages = MessageRepository(database)
        self._chooser = chooser
        self._tasks = tasks
        self._finals = finals
        self._wait_seconds = wait_seconds

    async def send(self, user_id: int, request: SendRequest) -> SendAnswer:
        """Store the message, have its providers asked, and wait as long as was agreed."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        choices = await self._chooser.choose(request.selected_providers, request.selected_models)
        sent = await self._store(user_id, request, choices)
        failpoint("chat.after_commit")
        with self._finals.expect(sent.id) as signal:
            await self._tasks.send(FAN_OUT, sent.id)
            replies, seconds = self._wanted(request, len(choices))
            deadline = loop.time() + seconds
            while True:
                left = deadline - loop.time()
                if left > 0:
                    await signal.wait(min(left, _LOOK_AGAIN_SECONDS))
                answer = await self._answer(sent, loop.time() - started)
                if left <= 0 or answer.finals() >= replies:
                    return answer

    async def _answer(self, sent: StoredMessage, age_seconds: float) -> SendAnswer:
        """The answer as of now; the message itself is known."""
        replies = await self._messages.replies(sent.id)
        if not replies:
            raise NotFoundError("The conversation was deleted while its providers were asked.")
        return send_answer(replace(sent, age_ms=round(age_seconds * 1000)), replies)

    async def read(self, user_id: int, message_id: int) -> SendAnswer:
        found = await self._messages.get(user_id, message_id)
        if found is None:
            raise NotFoundError(f"There is no message {message_id}.")
        return send_answer(found, await self._messages.replies(message_id))

    async def _store(
        self, user_id: int, request: SendRequest, choices: list[ProviderChoice]
    ) -> StoredMessage:
        async with self._database.flight() as flight:
            turn = await self._turn(flight, user_id, request)
            _check_room(turn, len(choices))
            sent = await self._messages.add(
                flight,
                turn,
                request.message,
                choices,
                temperature=request.temperature,
                max_tokens=request.max_tokens,
            )
            await publish(flight, *_events(turn, choices), source="chat")
        return sent

    async def _turn(self, flight: Flight, user_id: int, request: SendRequest) -> Turn:
        preview = one_line(_plain(request.message), PREVIEW_CHARACTERS)
        if request.conversation_id is None:
            return await self._messages.start_conversation(
                flight,
                user_id,
                title=one_line(_plain(request.message), AUTOMATIC_TITLE_CHARACTERS),
                folder=request.folder or DEFAULT_FOLDER,
                preview=preview,
            )
        turn = await self._messages.continue_conversation(
            flight, user_id, request.conversation_id, preview=preview
        )
        if turn is None:
            raise no_conversation(request.conversation_id)
        return turn

    def _wanted(self, request: SendRequest, asked: int) -> tuple[int, float]:
        """How many final replies are enough, and how long to wait for them (seconds)."""
        wait = request.wait
        replies = wait.replies if wait and wait.replies else asked
        seconds = wait.seconds if wait and wait.seconds is not None else self._wait_seconds
        return min(replies, asked), seconds


def _check_room(turn: Turn, more: int) -> None:
    if turn.unfinished + more > UNFINISHED_REPLIES_PER_USER:
        raise TooManyRequestsError(
            f"At most {UNFINISHED_REPLIES_PER_USER} replies of yours may be unfinished at once; "
            f"{turn.unfinished} are. Try again when some are done.",
            retry_after=_RETRY_AFTER_SECONDS,
        )


def _events(turn: Turn, choices: list[ProviderChoice]) -> list[EventData]:
    providers = [each.provider for each in choices]
    sent = MessageSent(
        user_id=turn.user_id,
        version=turn.version,
        conversation_id=turn.conversation_id,
        message_id=turn.message_id,
        providers=providers,
        created_at=turn.created_at,
    )
    if not turn.is_first:
        return [sent]
    started = ConversationStarted(
        user_id=turn.user_id,
        version=turn.version - 1,
        conversation_id=turn.conversation_id,
        title=turn.title,
        folder=turn.folder,
        providers=providers,
        created_at=turn.started_at,
    )
    return [started, sent]


_MARKUP = re.compile(r"[`*#>~]+")


def _plain(text: str) -> str:
    """Without the marks of Markdown, unless nothing else is left."""
    return _MARKUP.sub("", text[: 20 * PREVIEW_CHARACTERS]).strip() or text
