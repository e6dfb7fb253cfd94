"""The HTTP door of sending, and of messages: one answer when it is there, or a stream."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from webox_chat.bodies import problem
from webox_chat.messages.schemas import (
    EditRequest,
    IdempotencyKey,
    MessageId,
    SendAnswer,
    SendRequest,
)
from webox_chat.messages.service import MessageService
from webox_chat.streams.endpoints import STREAM, Streams
from webox_chat.streams.responses import EventStreamResponse, wants_events
from webox_kit.app import PROBLEMS
from webox_kit.errors import UpstreamError
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Messages"], responses=PROBLEMS)


async def message_service(request: Request) -> MessageService:
    service: MessageService = request.app.state.messages
    return service


Messages = Annotated[MessageService, Depends(message_service)]
Accept = Annotated[str | None, Header(include_in_schema=False)]

_SEND_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": STREAM},
    202: {
        "model": SendAnswer,
        "description": "Not all replies are final yet; `Location` has the message.",
    },
    429: problem("Too many of the user's replies are unfinished, or streams open"),
    502: problem("Every provider failed: a problem with the answer's fields as members"),
}
_ONCE_ANSWERS: dict[int | str, dict[str, Any]] = {
    409: problem("The Idempotency-Key was used for another request")
}


@router.post(
    "/send",
    summary="Ask several providers at once",
    response_model=SendAnswer,
    responses=_SEND_ANSWERS | _ONCE_ANSWERS,
)
async def send_message(
    user: CurrentUser,
    messages: Messages,
    streams: Streams,
    body: SendRequest,
    accept: Accept = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    if wants_events(accept):
        begin = partial(messages.begin, user.user_id, body, idempotency_key)
        return EventStreamResponse(await streams.open_new(user.user_id, begin))
    return _answered(await messages.send(user.user_id, body, idempotency_key))


@router.get("/messages/{message_id}", summary="Read a message and its replies as of now")
async def read_message(user: CurrentUser, messages: Messages, message_id: MessageId) -> SendAnswer:
    return await messages.read(user.user_id, message_id)


@router.patch(
    "/messages/{message_id}",
    summary="Ask again with another text, on a branch of its own",
    response_model=SendAnswer,
    responses=_SEND_ANSWERS,
)
async def edit_message(
    user: CurrentUser,
    messages: Messages,
    streams: Streams,
    message_id: MessageId,
    body: EditRequest,
    accept: Accept = None,
) -> Response:
    if wants_events(accept):
        begin = partial(messages.begin_edit, user.user_id, message_id, body)
        return EventStreamResponse(await streams.open_new(user.user_id, begin))
    return _answered(await messages.edit(user.user_id, message_id, body))


def _answered(answer: SendAnswer) -> Response:
    """200 when complete, 202 when not; 502 when every provider failed.

    As bytes: FastAPI would validate it again, and take a millisecond for it.
    """
    if answer.all_failed:
        raise UpstreamError("Every provider failed.", members=answer.model_dump(mode="json"))
    later = {"Location": f"/api/chat/messages/{answer.message_id}"}
    return Response(
        answer.model_dump_json(),
        status_code=200 if answer.complete else 202,
        headers=None if answer.complete else later,
        media_type="application/json",
    )
