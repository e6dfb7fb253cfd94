"""The Anthropic messages protocol.

https://docs.anthropic.com/en/api/messages-streaming
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from webox_chat.providers.base import ProviderRequest
from webox_chat.providers.protocol import (
    AnswerReader,
    WireProtocol,
    as_count,
    as_object,
    as_text,
    json_object,
)
from webox_chat.providers.sse import ServerEvent
from webox_chat.providers.tool_calls import ToolCalls

VERSION = "2023-06-01"
# The protocol wants a limit; this one is within every model's reach.
DEFAULT_MAX_TOKENS = 4096
HIGHEST_TEMPERATURE = 1.0
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}
_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class AnthropicProtocol(WireProtocol):
    path: ClassVar[str] = "/messages"

    def headers(self) -> Mapping[str, str]:
        key = self.endpoint.api_key
        return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})

    def payload(self, request: ProviderRequest) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns],
            "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
            "stream": True,
        }
        if request.system:
            payload["system"] = request.system
        if request.temperature is not None:
            payload["temperature"] = min(request.temperature, HIGHEST_TEMPERATURE)
        if request.stop:
            payload["stop_sequences"] = request.stop
        return payload

    def reader(self) -> AnswerReader:
        return AnthropicReader(self.endpoint.api_key)


class AnthropicReader(AnswerReader):
    """Complete with `message_stop`; events it does not know are passed over."""

    def __init__(self, api_key: str | None) -> None:
        super().__init__(api_key)
        self._tool_calls = ToolCalls()
        self._called = False
        self._handlers: dict[str, Callable[[dict[str, Any]], str]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    def read(self, event: ServerEvent) -> str:
        if event.name and event.name not in self._handlers:
            return ""
        data = json_object(event.data)
        handler = self._handlers.get(as_text(data.get("type")) or event.name)
        return handler(data) if handler else ""

    def _message_start(self, data: dict[str, Any]) -> str:
        self._usage(as_object(as_object(data.get("message")).get("usage")))
        return ""

    def _block_start(self, data: dict[str, Any]) -> str:
        self.begun = True
        block = as_object(data.get("content_block"))
        if block.get("type") == "tool_use":
            self._tool_calls.add(None, as_text(block.get("name")) or "?", "")
        return self._part(block)

    def _block_delta(self, data: dict[str, Any]) -> str:
        self.begun = True
        delta = as_object(data.get("delta"))
        if delta.get("type") == "input_json_delta":
            self._tool_calls.add(None, "", as_text(delta.get("partial_json")))
            return ""
        return self._part(delta)

    def _block_stop(self, data: dict[str, Any]) -> str:
        """A call of a tool is shown once it is complete."""
        del data
        calls = self._tool_calls.take()
        self._called = self._called or bool(calls)
        return self.paragraph(calls)

    def _part(self, part: dict[str, Any]) -> str:
        self.think(as_text(part.get("thinking")))
        text = as_text(part.get("text"))
        if text and self._called:
            self._called = False
            return self.paragraph(text)
        return text

    def _message_delta(self, data: dict[str, Any]) -> str:
        reason = as_text(as_object(data.get("delta")).get("stop_reason"))
        self.finish_reason = _FINISH_REASONS.get(reason, reason) or self.finish_reason
        self._usage(as_object(data.get("usage")))
        return ""

    def _message_stop(self, data: dict[str, Any]) -> str:
        del data
        self.complete = True
        return ""

    def _error(self, data: dict[str, Any]) -> str:
        raise self.failed(data.get("error"))

    def _usage(self, usage: dict[str, Any]) -> None:
        """Counts are cumulative: a later one replaces the earlier."""
        if as_count(usage.get("input_tokens")) is not None:
            self.input_tokens = sum(as_count(usage.get(name)) or 0 for name in _INPUT_COUNTS)
        if (written := as_count(usage.get("output_tokens"))) is not None:
            self.output_tokens = written
