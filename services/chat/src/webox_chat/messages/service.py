"""Sending a message to several providers, and reading what they answered so far."""

import asyncio
import re
from dataclasses import replace

from webox_chat.budgets.service import BudgetService
from webox_chat.conversations.service import no_conversation
from webox_chat.limits import (
    AUTOMATIC_TITLE_CHARACTERS,
    DEFAULT_FOLDER,
    PREVIEW_CHARACTERS,
    UNFINISHED_REPLIES_PER_USER,
)
from webox_chat.messages.answers import send_answer
from webox_chat.messages.choices import ProviderChooser
from webox_chat.messages.repeating import made_by, once_of
from webox_chat.messages.repository import MessageRepository
from webox_chat.messages.schemas import AskRequest, EditRequest, SendAnswer, SendRequest, Wait
from webox_chat.messages.stored import (
    Asking,
    NewMessage,
    Once,
    ProviderChoice,
    Sent,
    StoredMessage,
)
from webox_chat.messages.waiting import ReplyWaiter
from webox_chat.replies.repository import ReplyRepository
from webox_chat.replies.schemas import FAN_OUT
from webox_contracts.events import ConversationStarted, MessageSent
from webox_kit import clock
from webox_kit.database import Database
from webox_kit.errors import (
    NotFoundError,
    TooManyRequestsError,
    WeboxError,
)
from webox_kit.failpoints import failpoint
from webox_kit.signals import Signals
from webox_kit.statements import Foretell
from webox_kit.tasks import TaskQueue
from webox_kit.text import one_line

_FILLED_IN = 0
"""Of an event: what only the statement that stores the message knows."""

_RETRY_AFTER_SECONDS = 5


class MessageService:
    def __init__(
        self,
        database: Database,
        chooser: ProviderChooser,
        tasks: TaskQueue,
        signals: Signals,
        budgets: BudgetService,
        *,
        wait_seconds: float,
    ) -> None:
        self._messages = MessageRepository(database)
        self._replies = ReplyRepository(database)
        self._chooser = chooser
        self._tasks = tasks
        self._signals = signals
        self._budgets = budgets
        self._wait_seconds = wait_seconds
        self._waiting: set[ReplyWaiter] = set()

    def stop(self) -> None:
        """Let the requests that wait for replies answer with what there is."""
        for waiter in tuple(self._waiting):
            waiter.hurry()

    async def send(self, user_id: int, request: SendRequest, key: str | None) -> SendAnswer:
        """Store the message, have its providers asked, and wait as long as was agreed.

        Of several requests with one `key` the first stores it, and all answer what it made.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with ReplyWaiter(self._signals, self._replies) as waiter:
            sent, asked = await self._stored(
                user_id, request, key, self._have_asked(user_id, waiter)
            )
            failpoint("chat.after_commit")
            answer = await self._answered(waiter, sent, asked, request.wait)
        return answer if asked is None else _aged(answer, loop.time() - started)

    async def begin(self, user_id: int, request: SendRequest, key: str | None) -> StoredMessage:
        """The same without waiting: for who will watch its stream."""
        sent, _ = await self._stored(user_id, request, key, self._have_asked(user_id))
        failpoint("chat.after_commit")
        return sent

    async def edit(self, user_id: int, message_id: int, request: EditRequest) -> SendAnswer:
        """Ask again with another text, beside the message as it was; then as `send`."""
        async with ReplyWaiter(self._signals, self._replies) as waiter:
            sent, asked = await self._branched(
                user_id, message_id, request, self._have_asked(user_id, waiter)
            )
            return await self._answered(waiter, sent, asked, request.wait)

    async def begin_edit(
        self, user_id: int, message_id: int, request: EditRequest
    ) -> StoredMessage:
        sent, _ = await self._branched(user_id, message_id, request, self._have_asked(user_id))
        return sent

    async def read(self, user_id: int, message_id: int) -> SendAnswer:
        found = await self._messages.get(user_id, message_id)
        if found is None:
            raise no_message(message_id)
        return send_answer(found, await self._replies.current(message_id))

    async def _answered(
        self, waiter: ReplyWaiter, sent: StoredMessage, asked: int | None, wait: Wait | None
    ) -> SendAnswer:
        """`asked` replies are to be made; None: they were, or are being made."""
        seconds = wait.seconds if wait and wait.seconds is not None else self._wait_seconds
        if asked is None:
            await waiter.listen(sent.id)
        self._waiting.add(waiter)
        try:
            found = await waiter.replies(sent.id, asked, wait.replies if wait else None, seconds)
        finally:
            self._waiting.discard(waiter)
        return send_answer(sent, found)

    async def _stored(
        self, user_id: int, request: SendRequest, key: str | None, foretell: Foretell
    ) -> tuple[StoredMessage, int | None]:
        """The message, and how many replies are to be made; None when it was stored before."""
        once = None
        if key is not None:
            # How long to wait for it does not matter.
            once = once_of(key, request.model_dump(exclude={"wait"}))
        if before := await self._made_before(user_id, once):
            return before, None
        choices = await self._chooser.choose(
            user_id, request.selected_providers, request.selected_models
        )
        try:
            return await self._stored_anew(user_id, request, choices, once, foretell)
        except TooManyRequestsError:
            # Of several at once with one key, another may have taken the last of the budget.
            if before := await self._made_before(user_id, once):
                return before, None
            raise

    async def _stored_anew(
        self,
        user_id: int,
        request: SendRequest,
        choices: list[ProviderChoice],
        once: Once | None,
        foretell: Foretell,
    ) -> tuple[StoredMessage, int | None]:
        asking = _asking(request)
        async with self._budgets.reserving(
            user_id,
            choices,
            message=request.message,
            asking=asking,
            conversation_id=request.conversation_id,
        ) as held:
            new = _new_message(user_id, request, held.choices, asking, once)
            stored = await self._store(new, request, foretell)
            if stored is not None:
                held.keep()
                return stored, len(choices)
        if before := await self._made_before(user_id, once):
            return before, None
        raise await self._refusal(user_id, request.conversation_id)

    async def _made_before(self, user_id: int, once: Once | None) -> StoredMessage | None:
        if once is None or (before := await self._messages.made_before(user_id, once.key)) is None:
            return None
        message = await self._messages.get(user_id, made_by(once, before))
        if message is None:
            raise NotFoundError("The message that was sent with this Idempotency-Key was deleted.")
        return message

    async def _store(
        self, new: NewMessage, request: SendRequest, foretell: Foretell
    ) -> StoredMessage | None:
        if request.conversation_id is None:
            return await self._start(new, request.folder or DEFAULT_FOLDER, foretell)
        return await self._messages.continue_conversation(
            new,
            request.conversation_id,
            most_unfinished=UNFINISHED_REPLIES_PER_USER,
            events=[_message_sent(new)],
            foretell=foretell,
        )

    async def _branched(
        self, user_id: int, message_id: int, request: EditRequest, foretell: Foretell
    ) -> tuple[StoredMessage, int]:
        before = await self._messages.sent(user_id, message_id)
        if before is None:
            raise no_message(message_id)
        names, models = _as_before(request, before)
        choices = await self._chooser.choose(user_id, names, models)
        asking = _asking(request, before.asking)
        async with self._budgets.reserving(
            user_id,
            choices,
            message=request.message,
            asking=asking,
            conversation_id=before.conversation_id,
        ) as held:
            new = _new_message(user_id, request, held.choices, asking, None)
            stored = await self._messages.branch(
                new,
                message_id,
                most_unfinished=UNFINISHED_REPLIES_PER_USER,
                events=[_message_sent(new)],
                foretell=foretell,
            )
            if stored is not None:
                held.keep()
                return stored, len(choices)
        raise await self._refusal(user_id, before.conversation_id)

    async def _start(
        self, new: NewMessage, folder: str, foretell: Foretell
    ) -> StoredMessage | None:
        title = one_line(_plain(new.content), AUTOMATIC_TITLE_CHARACTERS)
        started = ConversationStarted(
            user_id=new.user_id,
            conversation_id=_FILLED_IN,
            title=title,
            folder=folder,
            providers=_names(new),
            created_at=clock.now(),
        )
        return await self._messages.start_conversation(
            new,
            title=title,
            folder=folder,
            most_unfinished=UNFINISHED_REPLIES_PER_USER,
            events=[started, _message_sent(new)],
            foretell=foretell,
        )

    def _have_asked(self, user_id: int, waiter: ReplyWaiter | None = None) -> Foretell:
        """Hints to a worker as soon as a message has its id: it waits until that is stored.

        Who has no `waiter` for its replies watches them as a stream.
        """

        def have_asked(message_id: int) -> None:
            failpoint("chat.before_task")
            if waiter is not None:
                waiter.listen(message_id)
            self._tasks.send_soon(FAN_OUT, message_id, user_id, waiter is None)

        return have_asked

    async def _refusal(self, user_id: int, conversation_id: int | None) -> WeboxError:
        """Why a message could not be stored."""
        if conversation_id is not None and not await self._messages.has_conversation(
            user_id, conversation_id
        ):
            return no_conversation(conversation_id)
        return too_many_unfinished(await self._messages.unfinished_replies(user_id))


def no_message(message_id: int) -> NotFoundError:
    return NotFoundError(f"There is no message {message_id}.")


def too_many_unfinished(unfinished: int) -> TooManyRequestsError:
    return TooManyRequestsError(
        f"At most {UNFINISHED_REPLIES_PER_USER} replies of yours may be unfinished at once; "
        f"{unfinished} are. Try again when some are done.",
        retry_after=_RETRY_AFTER_SECONDS,
    )


def _new_message(
    user_id: int,
    request: AskRequest,
    choices: list[ProviderChoice],
    asking: Asking,
    once: Once | None,
) -> NewMessage:
    return NewMessage(
        user_id=user_id,
        content=request.message,
        preview=one_line(_plain(request.message), PREVIEW_CHARACTERS),
        choices=choices,
        asking=asking,
        once=once,
    )


def _asking(request: AskRequest, before: Asking | None = None) -> Asking:
    """How the request wants the providers asked; what it leaves out is as `before`."""
    given = {
        name: value
        for name in Asking.__dataclass_fields__
        if (value := getattr(request, name)) is not None
    }
    return replace(before or Asking(), **given)


def _as_before(
    request: EditRequest, before: Sent
) -> tuple[list[str] | None, dict[str, str] | None]:
    """The providers and models asked for; without any, those that were asked before."""
    if request.selected_providers is not None:
        return request.selected_providers, request.selected_models
    models = {each.provider: each.model for each in before.choices}
    return list(models), models | (request.selected_models or {})


def _aged(answer: SendAnswer, seconds: float) -> SendAnswer:
    """An unfinished answer takes as long as its request so far."""
    if not answer.complete:
        answer.response_time = round(seconds * 1000)
    return answer


def _message_sent(new: NewMessage) -> MessageSent:
    return MessageSent(
        user_id=new.user_id,
        conversation_id=_FILLED_IN,
        message_id=_FILLED_IN,
        providers=_names(new),
        created_at=clock.now(),
    )


def _names(new: NewMessage) -> list[str]:
    return [choice.provider for choice in new.choices]


_MARKUP = re.compile(r"[`*#>~]+")


def _plain(text: str) -> str:
    """Without the marks of Markdown, unless nothing else is left."""
    return _MARKUP.sub("", text[: 20 * PREVIEW_CHARACTERS]).strip() or text
