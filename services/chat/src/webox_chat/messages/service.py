"""Sending a message to several providers, and reading what they answered so far."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime

from webox_chat.conversations.service import no_conversation
from webox_chat.limits import (
    AUTOMATIC_TITLE_CHARACTERS,
    DEFAULT_FOLDER,
    PREVIEW_CHARACTERS,
    UNFINISHED_REPLIES_PER_USER,
)
from webox_chat.messages.answers import send_answer
from webox_chat.messages.choices import ProviderChooser
from webox_chat.messages.repository import (
    MessageRepository,
    NewMessage,
    ProviderChoice,
    StoredMessage,
)
from webox_chat.messages.schemas import SendAnswer, SendRequest
from webox_contracts.events import ConversationStarted, MessageSent
from webox_kit.database import Database
from webox_kit.errors import NotFoundError, TooManyRequestsError, WeboxError
from webox_kit.failpoints import failpoint
from webox_kit.signals import SignalListener
from webox_kit.tasks import TaskQueue
from webox_kit.text import one_line

FAN_OUT = "chat.fan_out"
"""The task that asks the providers of one message."""

REPLY_SIGNAL = "chat.reply"
"""The signal that a reply of a message became final; its key is the message's id."""

_FILLED_IN = 0
"""Of an event: what only the statement that stores the message knows."""

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
        self._messages = MessageRepository(database)
        self._chooser = chooser
        self._tasks = tasks
        self._finals = finals
        self._wait_seconds = wait_seconds

    async def send(self, user_id: int, request: SendRequest) -> SendAnswer:
        """Store the message, have its providers asked, and wait as long as was agreed."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        choices = await self._chooser.choose(
            user_id, request.selected_providers, request.selected_models
        )
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
        new = NewMessage(
            user_id=user_id,
            content=request.message,
            preview=one_line(_plain(request.message), PREVIEW_CHARACTERS),
            choices=choices,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
        )
        if request.conversation_id is None:
            stored = await self._start(new, request.folder or DEFAULT_FOLDER)
        else:
            stored = await self._messages.continue_conversation(
                new,
                request.conversation_id,
                most_unfinished=UNFINISHED_REPLIES_PER_USER,
                events=[_message_sent(new)],
            )
        if stored is None:
            raise await self._refusal(user_id, request.conversation_id)
        return stored

    async def _start(self, new: NewMessage, folder: str) -> StoredMessage | None:
        title = one_line(_plain(new.content), AUTOMATIC_TITLE_CHARACTERS)
        started = ConversationStarted(
            user_id=new.user_id,
            conversation_id=_FILLED_IN,
            title=title,
            folder=folder,
            providers=_names(new),
            created_at=datetime.now(UTC),
        )
        return await self._messages.start_conversation(
            new,
            title=title,
            folder=folder,
            most_unfinished=UNFINISHED_REPLIES_PER_USER,
            events=[started, _message_sent(new)],
        )

    async def _refusal(self, user_id: int, conversation_id: int | None) -> WeboxError:
        """Why a message could not be stored."""
        if conversation_id is not None and not await self._messages.has_conversation(
            user_id, conversation_id
        ):
            return no_conversation(conversation_id)
        unfinished = await self._messages.unfinished_replies(user_id)
        return TooManyRequestsError(
            f"At most {UNFINISHED_REPLIES_PER_USER} replies of yours may be unfinished at once; "
            f"{unfinished} are. Try again when some are done.",
            retry_after=_RETRY_AFTER_SECONDS,
        )

    def _wanted(self, request: SendRequest, asked: int) -> tuple[int, float]:
        """How many final replies are enough, and how long to wait for them (seconds)."""
        wait = request.wait
        replies = wait.replies if wait and wait.replies else asked
        seconds = wait.seconds if wait and wait.seconds is not None else self._wait_seconds
        return min(replies, asked), seconds


def _message_sent(new: NewMessage) -> MessageSent:
    return MessageSent(
        user_id=new.user_id,
        conversation_id=_FILLED_IN,
        message_id=_FILLED_IN,
        providers=_names(new),
        created_at=datetime.now(UTC),
    )


def _names(new: NewMessage) -> list[str]:
    return [choice.provider for choice in new.choices]


_MARKUP = re.compile(r"[`*#>~]+")


def _plain(text: str) -> str:
    """Without the marks of Markdown, unless nothing else is left."""
    return _MARKUP.sub("", text[: 20 * PREVIEW_CHARACTERS]).strip() or text
