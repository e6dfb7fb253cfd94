"""What a user was answered, for holding Webox to it."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

SEND = re.compile(r"POST /api/chat/send|PATCH /api/chat/messages/\d+")
DELETE = re.compile(r"DELETE /api/chat/conversations/(\d+)")
SERVER_ERROR = 500
CANARY = "canary-of-somebody-else-5d0e7c"
EVENT_STREAM = "text/event-stream"


class Witness:
    """Sees every request and answer of a client by `hooks`.

    `acknowledged` are the conversations of the messages that were, by their ids; `deleted` the
    conversations whose deletion was; `unsure` counts the sends that got no such word.
    """

    def __init__(self) -> None:
        self.acknowledged: dict[int, int] = {}
        self.deleted: set[int] = set()
        self.unsure = 0
        self.bad_errors: list[str] = []
        """The 5xx that are not declared."""
        self.foreign: list[str] = []
        """The answers that had the text of another user."""

    def hooks(self) -> dict[str, list[Callable[[Any], Awaitable[None]]]]:
        return {"request": [self._asks], "response": [self._is_answered]}

    def takes(self, answer: dict[str, Any]) -> None:
        """A message's answer, or its stream's first event."""
        self.acknowledged[answer["message_id"]] = answer["conversation_id"]
        self.unsure -= 1

    def reads(self, text: str, of: str) -> None:
        """Something that was answered to the request `of`."""
        if CANARY in text:
            self.foreign.append(of)

    async def _asks(self, request: httpx.Request) -> None:
        # Until it is acknowledged or refused.
        self.unsure += bool(SEND.fullmatch(_line(request)))

    async def _is_answered(self, response: httpx.Response) -> None:
        line = _line(response.request)
        kind = response.headers.get("Content-Type", "")
        answer = {}
        if "json" in kind or (kind.startswith("text/") and not kind.startswith(EVENT_STREAM)):
            await response.aread()
            self.reads(response.text, line)
        if "json" in kind and (SEND.fullmatch(line) or response.status_code >= SERVER_ERROR):
            answer = response.json()
        if "message_id" in answer:
            self.takes(answer)
        elif SEND.fullmatch(line) and 400 <= response.status_code < SERVER_ERROR:
            self.unsure -= 1
        if (deleted := DELETE.fullmatch(line)) and response.status_code == 200:
            self.deleted.add(int(deleted[1]))
        if response.status_code >= SERVER_ERROR and not _is_declared(response, answer):
            self.bad_errors.append(f"{line}: {response.status_code} {answer}")


def _line(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path}"


def _is_declared(response: httpx.Response, answer: dict[str, Any]) -> bool:
    """Out of reach for the moment, or every provider of a message failed."""
    all_failed = response.status_code == 502 and "message_id" in answer
    return all_failed or "Retry-After" in response.headers
