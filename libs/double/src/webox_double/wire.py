"""What the two wire protocols have in common: reading a request, writing an answer's events."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import orjson

from webox_double.answers import token_count
from webox_double.behaviour import behaviour_of

EndReason = Literal["stop", "length", "refusal", "tool_calls"]


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
    thinks: bool
    system: str
    stop: tuple[str, ...]


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
    def thinking(self, question: Question, thoughts: list[str]) -> list[bytes]:
        """The events between the first of the opening and its rest, of a model that thinks."""

    @abstractmethod
    def refusal(self, question: Question, text: str) -> bytes:
        """A piece of the text in which the model refuses."""

    @abstractmethod
    def closing(self, question: Question, text: str, reason: EndReason) -> list[bytes]:
        """The events after the last text; the very last one is the terminator."""

    @abstractmethod
    def unknown(self) -> list[bytes]:
        """Events that a tolerant client passes over."""

    @abstractmethod
    def error(self, status: int, message: str) -> dict[str, Any]: ...

    @abstractmethod
    def error_event(self, status: int, message: str) -> bytes: ...

    @abstractmethod
    def whole(self, question: Question, text: str, reason: EndReason) -> dict[str, Any]:
        """The answer to a request that does not stream."""

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Question:
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not isinstance(messages, list) or not messages:
            raise BadRequestError("model and messages are required")
        self.check(headers, body)
        texts = [_text(message) for message in messages]
        asked = [text for text, role in texts if role == "user"]
        told = [text for text, role in texts if role == "system"]
        system, _ = _text({"content": body.get("system") or ""})
        return Question(
            model=model,
            text=asked[-1] if asked else "",
            messages=len(messages),
            input_tokens=token_count(system) + sum(token_count(text) for text, _ in texts),
            stream=body.get("stream") is True,
            include_usage=(body.get("stream_options") or {}).get("include_usage") is True,
            thinks=behaviour_of(model).fault == "reasoning",
            system="\n".join([*told, system] if system else told),
            stop=tuple(body.get("stop") or body.get("stop_sequences") or ()),
        )


def to_json(value: object) -> bytes:
    """As orjson writes it; lone surrogates, which orjson refuses, as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


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
