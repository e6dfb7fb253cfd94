"""The HTTP door of sending, and of the providers there are."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from webox_chat.messages.schemas import MessageId, SendAnswer, SendRequest
from webox_chat.messages.service import MessageService
from webox_kit.app import PROBLEMS
from webox_kit.errors import UpstreamError
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Messages"], responses=PROBLEMS)


async def message_service(request: Request) -> MessageService:
    service: MessageService = request.app.state.messages
    return service


Messages = Annotated[MessageService, Depends(message_service)]

_SEND_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {
        "model": SendAnswer,
        "description": "Not all replies are final yet; `Location` has the message.",
    },
    429: {"description": "Too many of the user's replies are unfinished"},
    502: {"description": "Every provider failed: a problem with the answer's fields as members"},
}


@router.post("/send", summary="Ask several providers at once", responses=_SEND_ANSWERS)
async def send_message(
    user: CurrentUser, messages: Messages, body: SendRequest, response: Response
) -> SendAnswer:
    return _with_status(await messages.send(user.user_id, body), response)


@router.get("/messages/{message_id}", summary="Read a message and its replies as of now")
async def read_message(user: CurrentUser, messages: Messages, message_id: MessageId) -> SendAnswer:
    return await messages.read(user.user_id, message_id)


def _with_status(answer: SendAnswer, response: Response) -> SendAnswer:
    """200 when complete, 202 when not; 502 when every provider failed."""
    if answer.all_failed:
        raise UpstreamError("Every provider failed.", members=answer.model_dump(mode="json"))
    if not answer.complete:
        response.status_code = 202
        response.headers["Location"] = f"/api/chat/messages/{answer.message_id}"
    return answer
