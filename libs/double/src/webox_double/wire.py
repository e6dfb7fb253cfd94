"""The two wire protocols as the real providers speak them.

OpenAI: https://platform.openai.com/docs/api-reference/chat
Anthropic: https://docs.anthropic.com/en/api/messages-streaming
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from webox_double.answers import token_count

CREATED = 1_700_000_000


class BadRequestError(Exception):
    """The request is not one that the real provider would accept."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the double reads of a request."""

    model: str
    text: str
    messages: int
    input_tokens: int
    stream: bool
    include_usage: bool


class Wire(ABC):
    """One protocol: reads its requests, writes its events."""

    name: ClassVar[str]
    error_types: ClassVar[Mapping[int, str]]

    @abstractmethod
    def key(self, headers: Mapping[str, str]) -> str: ...

    @abstractmethod
    def check(self, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        """Raises BadRequestError for what the real provider would refuse."""

    @abstractmethod
    def opening(self, question: Question) -> list[bytes]:
        """The events before the first text."""

    @abstractmethod
    def chunk(self, question: Question, text: str) -> bytes: ...

    @abstractmethod
    def closing(self, question: Question, text: str, *, complete: bool) -> list[bytes]:
        """The events after the last text; the very last one is the terminator."""

    @abstractmethod
    def unknown(self) -> list[bytes]:
        """Events that a tolerant client passes over."""

    @abstractmethod
    def error(self, status: int, message: str) -> dict[str, Any]: ...

    @abstractmethod
    def error_event(self, status: int, message: str) -> bytes: ...

    @abstractmethod
    def whole(self, question: Question, text: str) -> dict[str, Any]:
        """The answer to a request that does not stream."""

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Question:
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not isinstance(messages, list) or not messages:
            raise BadRequestError("model and messages are required")
        self.check(headers, body)
        texts = [_text(message) for message in messages]
        asked = [text for text, role in texts if role == "user"]
        system, _ = _text({"content": body.get("system") or ""})
        return Question(
            model=model,
            text=asked[-1] if asked else "",
            messages=len(messages),
            input_tokens=token_count(system) + sum(token_count(text) for text, _ in texts),
            stream=body.get("stream") is True,
            include_usage=(body.get("stream_options") or {}).get("include_usage") is True,
        )


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

    def opening(self, question: Question) -> list[bytes]:
        return [self._event(question, {"role": "assistant", "content": ""})]

    def chunk(self, question: Question, text: str) -> bytes:
        return self._event(question, {"content": text})

    def closing(self, question: Question, text: str, *, complete: bool) -> list[bytes]:
        events = [self._event(question, {}, finish_reason="stop" if complete else "length")]
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

    def whole(self, question: Question, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {
            "id": "chatcmpl-double",
            "object": "chat.completion",
            "created": CREATED,
            "model": question.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _openai_usage(question, text),
        }

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
        message = self.whole(question, "") | {"content": [], "stop_reason": None}
        message["usage"] = {"input_tokens": question.input_tokens, "output_tokens": 1}
        block = {"type": "text", "text": ""}
        return [
            _named({"type": "message_start", "message": message}),
            _named({"type": "content_block_start", "index": 0, "content_block": block}),
            _named({"type": "ping"}),
        ]

    def chunk(self, question: Question, text: str) -> bytes:
        del question
        delta = {"type": "text_delta", "text": text}
        return _named({"type": "content_block_delta", "index": 0, "delta": delta})

    def closing(self, question: Question, text: str, *, complete: bool) -> list[bytes]:
        del question
        reason = "end_turn" if complete else "max_tokens"
        usage = {"output_tokens": token_count(text)}
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [
            _named({"type": "content_block_stop", "index": 0}),
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

    def whole(self, question: Question, text: str) -> dict[str, Any]:
        return {
            "id": "msg_double",
            "type": "message",
            "role": "assistant",
            "model": question.model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": question.input_tokens,
                "output_tokens": token_count(text),
            },
        }


def to_json(value: object) -> bytes:
    """As orjson writes it; lone surrogates, which orjson refuses, as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _named(event: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), to_json(event))


def _openai_usage(question: Question, text: str) -> dict[str, int]:
    written = token_count(text)
    return {
        "prompt_tokens": question.input_tokens,
        "completion_tokens": written,
        "total_tokens": question.input_tokens + written,
    }


def _text(message: Any) -> tuple[str, str]:
    """A message's text and role; content is a string or a list of parts in both protocols."""
    if not isinstance(message, dict):
        raise BadRequestError("messages must be objects")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise BadRequestError("content must be a string or a list of parts")
    return content, str(message.get("role"))
