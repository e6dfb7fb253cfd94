"""The OpenAI chat completions protocol, which most other providers speak as well.

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from webox_chat.providers.base import ProviderError, ProviderRequest
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

TERMINATOR = b"[DONE]"
_OWN_EVENTS = ("", "message", "error")


class OpenAIProtocol(WireProtocol):
    path: ClassVar[str] = "/chat/completions"

    def headers(self) -> Mapping[str, str]:
        key = self.endpoint.api_key
        return {"Authorization": f"Bearer {key}"} if key else {}

    def payload(self, request: ProviderRequest) -> dict[str, Any]:
        messages = [{"role": turn.role, "content": turn.content} for turn in request.turns]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        payload: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
        if self.endpoint.stream_options:
            payload["stream_options"] = {"include_usage": True}
        if request.temperature is not None:
            payload["temperature"] = request.temperature
        if request.max_tokens is not None:
            payload[self.endpoint.max_tokens_field] = request.max_tokens
        if request.stop:
            payload["stop"] = request.stop
        return payload

    def reader(self) -> AnswerReader:
        return OpenAIReader(self.endpoint.api_key)


class OpenAIReader(AnswerReader):
    """Complete with `[DONE]` after a finish reason; the usage comes between the two."""

    def __init__(self, api_key: str | None) -> None:
        super().__init__(api_key)
        self._tool_calls = ToolCalls()

    def read(self, event: ServerEvent) -> str:
        if event.data.strip() == TERMINATOR:
            return self._terminated()
        if event.name not in _OWN_EVENTS:
            return ""
        chunk = json_object(event.data)
        if chunk.get("error"):
            raise self.failed(chunk["error"])
        self._usage(as_object(chunk.get("usage")))
        choices = chunk.get("choices")
        return self._choice(as_object(choices[0])) if isinstance(choices, list) and choices else ""

    def _terminated(self) -> str:
        if self.finish_reason is None:
            raise ProviderError(
                "cut", "The provider's answer ended without a finish reason", retryable=True
            )
        self.complete = True
        return ""

    def _usage(self, usage: dict[str, Any]) -> None:
        if usage:
            self.input_tokens = as_count(usage.get("prompt_tokens"))
            self.output_tokens = as_count(usage.get("completion_tokens"))

    def _choice(self, choice: dict[str, Any]) -> str:
        if choice.get("error"):
            raise self.failed(choice["error"])
        self.finish_reason = as_text(choice.get("finish_reason")) or self.finish_reason
        delta = as_object(choice.get("delta"))
        text = self._content(delta.get("content")) or as_text(delta.get("refusal"))
        self.think(as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning")))
        if calls := delta.get("tool_calls"):
            self._take_calls(calls)
        if text:
            self.begun = True
        return text if self.finish_reason is None else self._with_calls(text)

    def _content(self, content: object) -> str:
        """A string, or Mistral's list of parts, some of which are thinking."""
        if not isinstance(content, list):
            return as_text(content)
        parts = [as_object(part) for part in content]
        self.think("".join(_thought(part) for part in parts))
        return "".join(as_text(part.get("text")) for part in parts)

    def _take_calls(self, calls: object) -> None:
        self.begun = True
        for call in calls if isinstance(calls, list) else ():
            told = as_object(call)
            function = as_object(told.get("function"))
            name, arguments = as_text(function.get("name")), as_text(function.get("arguments"))
            self._tool_calls.add(as_count(told.get("index")), name, arguments)

    def _with_calls(self, text: str) -> str:
        """The text, and the calls of tools, which are complete at the finish reason."""
        calls = self._tool_calls.take()
        if not calls:
            return text
        return f"{text}\n\n{calls}" if text else self.paragraph(calls)


def _thought(part: dict[str, Any]) -> str:
    thinking = part.get("thinking")
    if isinstance(thinking, list):
        return "".join(as_text(as_object(each).get("text")) for each in thinking)
    return as_text(thinking)
