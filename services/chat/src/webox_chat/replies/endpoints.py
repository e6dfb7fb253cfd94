"""The HTTP door of single replies."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from webox_chat.bodies import problem
from webox_chat.messages.schemas import (
    IdempotencyKey,
    MessageId,
    ReplyDetail,
    ReplyHistory,
    RetryRequest,
    SendAnswer,
)
from webox_chat.replies.control import ReplyControl
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser
from webox_kit.text import Cleaned

router = APIRouter(prefix="/api/chat/messages/{message_id}", tags=["Replies"], responses=PROBLEMS)


async def reply_control(request: Request) -> ReplyControl:
    control: ReplyControl = request.app.state.replies
    return control


Replies = Annotated[ReplyControl, Depends(reply_control)]
AskedProvider = Annotated[
    str, Path(min_length=1, max_length=40, description="A provider that was asked."), Cleaned
]

_FINAL: dict[int | str, dict[str, Any]] = {
    409: problem("Final already; the problem holds what it is")
}
_NOT_FINAL: dict[int | str, dict[str, Any]] = {
    409: problem(
        "Not final yet; the problem's `reply` is what it is. Or the Idempotency-Key was used for "
        "another request"
    ),
    429: problem("Too many of the user's replies are unfinished"),
}


@router.post("/cancel", summary="Stop all replies that are not final", responses=_FINAL)
async def cancel_message(user: CurrentUser, replies: Replies, message_id: MessageId) -> SendAnswer:
    return await replies.cancel_all(user.user_id, message_id)


@router.post(
    "/replies/{provider}/cancel", summary="Stop one reply and keep its text", responses=_FINAL
)
async def cancel_reply(
    user: CurrentUser, replies: Replies, message_id: MessageId, provider: AskedProvider
) -> ReplyDetail:
    return await replies.cancel(user.user_id, message_id, provider)


@router.post(
    "/replies/{provider}/retry",
    status_code=202,
    summary="Ask one provider again, with the same or another model",
    responses=_NOT_FINAL,
)
async def retry_reply(
    user: CurrentUser,
    replies: Replies,
    message_id: MessageId,
    provider: AskedProvider,
    body: RetryRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> ReplyDetail:
    model = body.model if body else None
    return await replies.retry(user.user_id, message_id, provider, model, idempotency_key)


@router.get("/replies/{provider}", summary="Read a provider's replies, the current one first")
async def read_replies(
    user: CurrentUser, replies: Replies, message_id: MessageId, provider: AskedProvider
) -> ReplyHistory:
    found = await replies.history(user.user_id, message_id, provider)
    return ReplyHistory(replies=found)
