"""A viewer's stream as an HTTP answer."""

from starlette.responses import StreamingResponse
from starlette.types import Send

from webox_chat.streams.service import Viewer

EVENT_STREAM = "text/event-stream"


class EventStreamResponse(StreamingResponse):
    """Server-sent events, buffered by nobody; a reader that is too slow is cut off."""

    media_type = EVENT_STREAM

    def __init__(self, viewer: Viewer, status_code: int = 200) -> None:
        super().__init__(
            viewer.chunks(),
            status_code,
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        self._viewer = viewer

    async def has_more(self) -> bool:
        """Whether there is anything to send; closes the viewer when there is not."""
        if self._viewer.has_seen_all:
            await self._viewer.close()
        return not self._viewer.has_seen_all

    async def stream_response(self, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            async for chunk in self.body_iterator:
                async with self._viewer.sending():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                self._viewer.sent()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # The reader is too slow. Left without its end, the connection is closed.
            return
        finally:
            await self._viewer.close()


def wants_events(accept: str | None) -> bool:
    """Whether a request's `Accept` asks for a stream."""
    media_types = [each.partition(";")[0].strip().lower() for each in (accept or "").split(",")]
    return EVENT_STREAM in media_types
