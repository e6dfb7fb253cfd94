"""The OpenAI chat completions protocol as the real provider speaks it.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from webox_double.answers import TOOL_ARGUMENTS, TOOL_NAME, token_count
from webox_double.wire import BadRequestError, EndReason, Question, Wire, to_json

CREATED = 1_700_000_000
MOST_STOPS = 4
_REASONS: Mapping[EndReason, str] = {
    "stop": "stop",
    "length": "length",
    "refusal": "content_filter",
    "tool_calls": "tool_calls",
}


class OpenAIWire(Wire):
    name = "openai"
    error_types: ClassVar = {
        401: "invalid_request_error",
        429: "rate_limit_exceeded",
        500: "server_error",
        529: "server_error",
    }

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("Authorization", "").removeprefix("Bearer ")

    def check(self, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        del headers
        if not 0 <= body.get("temperature", 1) <= 2:  # noqa: PLR2004 - the protocol's own range
            raise BadRequestError("temperature must be between 0 and 2")
        if len(body.get("stop") or ()) > MOST_STOPS:
            raise BadRequestError("stop: array too long, expected at most 4")

    def opening(self, question: Question) -> list[bytes]:
        return [self._event(question, {"role": "assistant", "content": ""})]

    def chunk(self, question: Question, text: str) -> bytes:
        return self._event(question, {"content": text})

    def thinking(self, question: Question, thoughts: list[str]) -> list[bytes]:
        return [self._event(question, {"reasoning_content": thought}) for thought in thoughts]

    def refusal(self, question: Question, text: str) -> bytes:
        return self._event(question, {"refusal": text})

    def closing(self, question: Question, text: str, reason: EndReason) -> list[bytes]:
        events = self._tool_call(question) if reason == "tool_calls" else []
        events.append(self._event(question, {}, finish_reason=_REASONS[reason]))
        if question.include_usage:
            events.append(self._event(question, None, usage=_openai_usage(question, text)))
        return [*events, b"data: [DONE]\n\n"]

    def unknown(self) -> list[bytes]:
        return [
            b": still thinking\n\n",
            b'event: telemetry\nid: 7\nretry: 1000\ndata: {"object":"x.telemetry","ms":3}\n\n',
            b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\n\n',
        ]

    def error(self, status: int, message: str) -> dict[str, Any]:
        kind = self.error_types.get(status, "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def error_event(self, status: int, message: str) -> bytes:
        return b"data: " + to_json(self.error(status, message)) + b"\n\n"

    def whole(self, question: Question, text: str, reason: EndReason) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if reason == "refusal":
            message |= {"content": None, "refusal": text}
        if reason == "tool_calls":
            message["tool_calls"] = [_call(TOOL_NAME, TOOL_ARGUMENTS)]
        return {
            "id": "chatcmpl-double",
            "object": "chat.completion",
            "created": CREATED,
            "model": question.model,
            "choices": [{"index": 0, "message": message, "finish_reason": _REASONS[reason]}],
            "usage": _openai_usage(question, text),
        }

    def _tool_call(self, question: Question) -> list[bytes]:
        """The name first and the arguments in two pieces, as the real one does."""
        half = len(TOOL_ARGUMENTS) // 2
        calls = [
            {"index": 0, **_call(TOOL_NAME, "")},
            {"index": 0, "function": {"arguments": TOOL_ARGUMENTS[:half]}},
            {"index": 0, "function": {"arguments": TOOL_ARGUMENTS[half:]}},
        ]
        return [self._event(question, {"tool_calls": [call]}) for call in calls]

    def _event(
        self,
        question: Question,
        delta: dict[str, Any] | None,
        finish_reason: str | None = None,
        usage: dict[str, int] | None = None,
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        event: dict[str, Any] = {
            "id": "chatcmpl-double",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": question.model,
            "choices": [] if delta is None else [choice],
        }
        if question.include_usage:
            event["usage"] = usage
        return b"data: " + to_json(event) + b"\n\n"


def _openai_usage(question: Question, text: str) -> dict[str, int]:
    written = token_count(text)
    return {
        "prompt_tokens": question.input_tokens,
        "completion_tokens": written,
        "total_tokens": question.input_tokens + written,
    }


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": "call_double", "type": "function", "function": function}
