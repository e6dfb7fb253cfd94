"""The Anthropic messages protocol as the real provider speaks it.

https://docs.anthropic.com/en/api/messages-streaming
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from webox_double.answers import TOOL_ARGUMENTS, TOOL_NAME, token_count
from webox_double.wire import BadRequestError, EndReason, Question, Wire, to_json

_REASONS: Mapping[EndReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "refusal": "refusal",
    "tool_calls": "tool_use",
}
_TOOL_USE = {"type": "tool_use", "id": "toolu_double", "name": TOOL_NAME, "input": {}}


class AnthropicWire(Wire):
    name = "anthropic"
    error_types: ClassVar = {
        401: "authentication_error",
        429: "rate_limit_error",
        500: "api_error",
        529: "overloaded_error",
    }

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key", "")

    def check(self, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        if "anthropic-version" not in headers:
            raise BadRequestError("anthropic-version: header is required")
        if not isinstance(body.get("max_tokens"), int):
            raise BadRequestError("max_tokens: Field required")
        if not 0 <= body.get("temperature", 1) <= 1:
            raise BadRequestError("temperature: range: 0..1")
        for message in body["messages"]:
            if message.get("role") == "system":
                raise BadRequestError("messages: the system prompt is a top-level parameter")
            if not message.get("content"):
                raise BadRequestError("messages: text content blocks must be non-empty")

    def opening(self, question: Question) -> list[bytes]:
        message = self.whole(question, "", "stop") | {"content": [], "stop_reason": None}
        message["usage"] = {"input_tokens": question.input_tokens, "output_tokens": 1}
        block = {"type": "text", "text": ""}
        return [
            _named({"type": "message_start", "message": message}),
            _started(_index(question), block),
            _named({"type": "ping"}),
        ]

    def chunk(self, question: Question, text: str) -> bytes:
        return _piece(_index(question), {"type": "text_delta", "text": text})

    def thinking(self, question: Question, thoughts: list[str]) -> list[bytes]:
        del question
        deltas = [{"type": "thinking_delta", "thinking": thought} for thought in thoughts]
        return [
            _started(0, {"type": "thinking", "thinking": "", "signature": ""}),
            *(_piece(0, delta) for delta in deltas),
            _piece(0, {"type": "signature_delta", "signature": "c2ln"}),
            _stopped(0),
        ]

    def refusal(self, question: Question, text: str) -> bytes:
        return self.chunk(question, text)

    def closing(self, question: Question, text: str, reason: EndReason) -> list[bytes]:
        index = _index(question)
        usage = {"output_tokens": token_count(text)}
        delta = {"stop_reason": _REASONS[reason], "stop_sequence": None}
        return [
            _stopped(index),
            *(_tool_use(index + 1) if reason == "tool_calls" else ()),
            _named({"type": "message_delta", "delta": delta, "usage": usage}),
            _named({"type": "message_stop"}),
        ]

    def unknown(self) -> list[bytes]:
        thought = {"type": "thinking_delta", "thinking": "hm"}
        return [
            b": still thinking\n\n",
            _named({"type": "telemetry", "ms": 3}),
            _named({"type": "content_block_delta", "index": 1, "delta": thought}),
        ]

    def error(self, status: int, message: str) -> dict[str, Any]:
        kind = self.error_types.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def error_event(self, status: int, message: str) -> bytes:
        return _named(self.error(status, message))

    def whole(self, question: Question, text: str, reason: EndReason) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if reason == "tool_calls":
            content.append(_TOOL_USE | {"input": orjson.loads(TOOL_ARGUMENTS)})
        return {
            "id": "msg_double",
            "type": "message",
            "role": "assistant",
            "model": question.model,
            "content": content,
            "stop_reason": _REASONS[reason],
            "stop_sequence": None,
            "usage": {
                "input_tokens": question.input_tokens,
                "output_tokens": token_count(text),
            },
        }


def _named(event: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), to_json(event))


def _index(question: Question) -> int:
    """Of the block of text; the thinking is the block before it."""
    return 1 if question.thinks else 0


def _started(index: int, block: dict[str, Any]) -> bytes:
    return _named({"type": "content_block_start", "index": index, "content_block": block})


def _piece(index: int, delta: dict[str, str]) -> bytes:
    return _named({"type": "content_block_delta", "index": index, "delta": delta})


def _stopped(index: int) -> bytes:
    return _named({"type": "content_block_stop", "index": index})


def _tool_use(index: int) -> list[bytes]:
    """A call of a tool, its arguments in two pieces."""
    half = len(TOOL_ARGUMENTS) // 2
    halves = (TOOL_ARGUMENTS[:half], TOOL_ARGUMENTS[half:])
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in halves]
    return [
        _started(index, _TOOL_USE),
        *(_piece(index, delta) for delta in deltas),
        _stopped(index),
    ]
