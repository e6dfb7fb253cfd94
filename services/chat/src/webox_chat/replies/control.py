"""What a user does with single replies: stopping them, asking again, looking at earlier ones."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from redis.asyncio import Redis

from webox_chat.budgets.service import BudgetService
from webox_chat.limits import UNFINISHED_REPLIES_PER_USER
from webox_chat.live.frames import REPLIES, WorkerCall, call_workers, send_changed
from webox_chat.messages.answers import reply_detail, send_answer
from webox_chat.messages.choices import ProviderChooser
from webox_chat.messages.repeating import made_by, once_of
from webox_chat.messages.repository import MessageRepository
from webox_chat.messages.schemas import ReplyDetail, SendAnswer
from webox_chat.messages.service import no_message, too_many_unfinished
from webox_chat.messages.stored import Once, ProviderChoice
from webox_chat.replies.finals import write_finals
from webox_chat.replies.leases import LeaseRepository
from webox_chat.replies.repository import ReplyRepository
from webox_chat.replies.schemas import FAN_OUT, Final, StoredReply
from webox_kit.database import Database
from webox_kit.errors import ConflictError, NotFoundError
from webox_kit.signals import Signals
from webox_kit.tasks import TaskQueue

_WORKER_SECONDS = 2.0
"""So long a worker may take to end what it is asked to; then it is done without."""

_LOOK_AGAIN_SECONDS = 0.5
_LEASE = timedelta(seconds=30)


class ReplyControl:
    def __init__(
        self,
        database: Database,
        redis: Redis,
        signals: Signals,
        tasks: TaskQueue,
        chooser: ProviderChooser,
        budgets: BudgetService,
    ) -> None:
        self._database = database
        self._messages = MessageRepository(database)
        self._leases = LeaseRepository(database)
        self._replies = ReplyRepository(database)
        self._redis = redis
        self._signals = signals
        self._tasks = tasks
        self._chooser = chooser
        self._budgets = budgets

    async def cancel(self, user_id: int, message_id: int, provider: str) -> ReplyDetail:
        """Stop one reply and keep its text so far; the others go on.

        Raises:
            ConflictError: it was final already, and is in the problem.
        """
        cancelled = await self._cancel(user_id, message_id, provider)
        last = await self._last(user_id, message_id, provider)
        detail = reply_detail(last)
        if last.id not in cancelled or last.status != "cancelled":
            raise ConflictError(
                f"The reply of {provider} is {last.status} already.",
                members={"reply": detail.model_dump(mode="json")},
            )
        return detail

    async def cancel_all(self, user_id: int, message_id: int) -> SendAnswer:
        """Stop all replies of a message that are not final.

        Raises:
            ConflictError: all were final already; the answer is in the problem.
        """
        message = await self._messages.get(user_id, message_id)
        if message is None:
            raise no_message(message_id)
        cancelled = await self._cancel(user_id, message_id, None)
        replies = await self._replies.current(message_id)
        answer = send_answer(message, replies)
        if not any(each.id in cancelled and each.status == "cancelled" for each in replies):
            raise ConflictError(
                "All replies of this message are final already.",
                members={"answer": answer.model_dump(mode="json")},
            )
        return answer

    async def retry(
        self,
        user_id: int,
        message_id: int,
        provider: str,
        model: str | None,
        idempotency_key: str | None = None,
    ) -> ReplyDetail:
        """Ask a provider again, with its model or another; the earlier reply stays as history.

        Raises:
            ConflictError: the reply is not final yet, or the key was used for another request.
            BadRequestError: the provider is not available, or has no such model.
        """
        once = None
        if idempotency_key is not None:
            once = once_of(idempotency_key, {"retry": [message_id, provider, model]})
        replies = await self._of_provider(user_id, message_id, provider)
        if before := await self._made_before(user_id, once, replies):
            return before
        last = replies[-1]
        if not last.is_final:
            raise _not_final(provider, last)
        [choice] = await self._chooser.choose(user_id, [provider], {provider: model or last.model})
        again = await self._begun_again(user_id, message_id, choice, once)
        if again is None:
            replies = await self._of_provider(user_id, message_id, provider)
            if before := await self._made_before(user_id, once, replies):
                return before
            if not replies[-1].is_final:
                raise _not_final(provider, replies[-1])
            raise too_many_unfinished(await self._messages.unfinished_replies(user_id))
        await self._tasks.send(FAN_OUT, message_id, user_id, True)
        await send_changed(self._redis, message_id)
        return reply_detail(again)

    async def _made_before(
        self, user_id: int, once: Once | None, replies: Sequence[StoredReply]
    ) -> ReplyDetail | None:
        """The one of `replies` that this request made before, if it did."""
        if once is None or (before := await self._messages.made_before(user_id, once.key)) is None:
            return None
        made = made_by(once, before)
        return next((reply_detail(each) for each in replies if each.id == made), None)

    async def _begun_again(
        self, user_id: int, message_id: int, choice: ProviderChoice, once: Once | None
    ) -> StoredReply | None:
        sent = await self._messages.sent(user_id, message_id)
        if sent is None:
            raise no_message(message_id)
        async with self._budgets.reserving(
            user_id,
            [choice],
            message=sent.content,
            asking=sent.asking,
            conversation_id=sent.conversation_id,
        ) as held:
            again = await self._replies.retry(
                user_id,
                message_id,
                held.choices[0],
                once=once,
                most_unfinished=UNFINISHED_REPLIES_PER_USER,
            )
            if again is not None:
                held.keep()
        return again

    async def history(self, user_id: int, message_id: int, provider: str) -> list[ReplyDetail]:
        """A provider's replies to a message, the current one first."""
        replies = await self._of_provider(user_id, message_id, provider)
        return [reply_detail(each) for each in reversed(replies)]

    async def _cancel(self, user_id: int, message_id: int, provider: str | None) -> set[int]:
        """The replies that were unfinished; they are final afterwards."""
        async with self._signals.expect(REPLIES, message_id) as ended:
            ids = await self._leases.request_cancel(user_id, message_id, provider)
            left = set(ids) - await self._end(ids, by_force=False)
            if left:
                await call_workers(self._redis, WorkerCall(cancel=tuple(left)))
            waited = 0.0
            while left and waited < _WORKER_SECONDS:
                await ended.wait(_LOOK_AGAIN_SECONDS)
                waited += _LOOK_AGAIN_SECONDS
                current = await self._replies.current(message_id)
                left &= {each.id for each in current if not each.is_final}
        if left:
            await self._end(sorted(left), by_force=True)
        return set(ids)

    async def _end(self, ids: Sequence[int], *, by_force: bool) -> set[int]:
        """End as cancelled, without text, those of the replies that no worker will end.

        By force, what they did cost is not known: what is held for them counts.
        """
        claims = await self._leases.take_to_cancel(ids, _LEASE, by_force=by_force)
        finals = [
            Final(claim, "cancelled", charge=Decimal(claim.reserved) if by_force else None)
            for claim in claims
        ]
        return await write_finals(self._database, self._redis, finals)

    async def _last(self, user_id: int, message_id: int, provider: str) -> StoredReply:
        return (await self._of_provider(user_id, message_id, provider))[-1]

    async def _of_provider(self, user_id: int, message_id: int, provider: str) -> list[StoredReply]:
        """Oldest first; at least one."""
        if await self._messages.get(user_id, message_id) is None:
            raise no_message(message_id)
        replies = await self._replies.all_of(message_id)
        found = [each for each in replies if each.provider == provider]
        if not found:
            raise NotFoundError(f"{provider!r} was not asked by message {message_id}.")
        return found


def _not_final(provider: str, reply: StoredReply) -> ConflictError:
    return ConflictError(
        f"The reply of {provider} is {reply.status}: cancel it first, or wait for it.",
        members={"reply": reply_detail(reply).model_dump(mode="json")},
    )
