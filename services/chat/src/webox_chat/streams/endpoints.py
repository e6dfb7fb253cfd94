"""The HTTP door of streams."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from webox_chat.bodies import problem
from webox_chat.messages.schemas import MessageId
from webox_chat.streams.responses import EVENT_STREAM, EventStreamResponse
from webox_chat.streams.service import StreamService
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Messages"], responses=PROBLEMS)

STREAM: dict[str, Any] = {
    EVENT_STREAM: {
        "schema": {
            "type": "object",
            "description": "Of each server-sent event. `Last-Event-ID` takes its id.",
            "required": ["id", "event", "data"],
            "properties": {
                "id": {"type": "string"},
                "event": {"enum": ["message", "delta", "reset", "reply", "error", "done"]},
                "data": {"type": "string", "contentMediaType": "application/json"},
            },
        }
    }
}


async def stream_service(request: Request) -> StreamService:
    service: StreamService = request.app.state.streams
    return service


Streams = Annotated[StreamService, Depends(stream_service)]


@router.get(
    "/messages/{message_id}/stream",
    summary="Watch a message's replies come in, from the beginning or after an event",
    # FastAPI looks for it in the response class else, and this one takes none.
    status_code=200,
    response_class=EventStreamResponse,
    responses={
        200: {"content": STREAM},
        204: {"description": "`Last-Event-ID` is the stream's last event: there is no more"},
        429: problem("Too many of the user's streams are open"),
    },
)
async def watch_message(
    user: CurrentUser,
    streams: Streams,
    message_id: MessageId,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    answer = EventStreamResponse(await streams.open(user.user_id, message_id, last_event_id))
    return answer if await answer.has_more() else Response(status_code=204)
