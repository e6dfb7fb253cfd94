"""What both wire protocols share: post, read events, yield text, believe only the terminator."""

import json
from abc import ABC, abstractmethod
from asyncio import get_running_loop
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import aiohttp
import orjson

from webox_chat.providers.base import (
    Endpoint,
    Finished,
    ProviderError,
    ProviderRequest,
    ReasoningDelta,
    StreamItem,
    TextDelta,
)
from webox_chat.providers.exchange import Clock, chunks, posted, read_to_end
from webox_chat.providers.failures import failure_in_stream
from webox_chat.providers.sse import EventParser, EventTooLargeError, ServerEvent
from webox_chat.providers.text import ReplyText, storable

LONGEST_FINISH_REASON = 40
LARGEST_TOKEN_COUNT = 2**31 - 1


class AnswerReader(ABC):
    """Reads one answer's events and remembers what they said."""

    def __init__(self, api_key: str | None) -> None:
        self.begun = False
        self.complete = False
        self.finish_reason: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.failure: ProviderError | None = None
        self.spoken = False
        self.thoughts: list[str] = []
        self._api_key = api_key

    @abstractmethod
    def read(self, event: ServerEvent) -> str:
        """The text that the event brings.

        Raises:
            ProviderError: the event is not what the protocol allows, or is an error itself.
        """

    def read_all(self, events: Iterable[ServerEvent]) -> str:
        """The text of several events; a failure among them is kept for after that text."""
        texts = []
        for event in events:
            try:
                text = self.read(event)
            except ProviderError as error:
                self.failure = error
                break
            if text:
                texts.append(text)
                self.spoken = True
            if self.complete:
                break
        return "".join(texts)

    def think(self, thought: str) -> None:
        """Takes what the model thinks, which is no part of the answer."""
        if thought:
            self.begun = True
            self.thoughts.append(thought)

    def take_thoughts(self) -> str:
        """What was thought since this was asked last."""
        thoughts = "".join(self.thoughts)
        self.thoughts.clear()
        return thoughts

    def paragraph(self, text: str) -> str:
        """`text` set off from what was said before."""
        return f"\n\n{text}" if text and self.spoken else text

    def failed(self, error: object) -> ProviderError:
        return failure_in_stream(error, self._api_key)


class WireProtocol(ABC):
    """Asks one endpoint in one protocol; holds no state of a call."""

    path: ClassVar[str]

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @abstractmethod
    def headers(self) -> Mapping[str, str]: ...

    @abstractmethod
    def payload(self, request: ProviderRequest) -> dict[str, Any]: ...

    @abstractmethod
    def reader(self) -> AnswerReader: ...

    async def stream(
        self,
        session: aiohttp.ClientSession,
        request: ProviderRequest,
        ends_at: float | None = None,
    ) -> AsyncGenerator[StreamItem]:
        """Asks once: TextDeltas and ReasoningDeltas, then one Finished.

        `ends_at` is the event loop's time at which the whole has to be over.

        Raises:
            ProviderError: what was yielded before it is the partial text.
        """
        limits = self.endpoint.limits
        clock = Clock(limits, ends_at or get_running_loop().time() + limits.total)
        body = orjson.dumps(self.payload(request))
        reader, reply, thinking = self.reader(), ReplyText(), ReplyText()
        async with posted(
            session, self.endpoint, self.path, self.headers(), body, clock
        ) as response:
            async with aclosing(_texts(response, reader, clock)) as texts:
                async for text in texts:
                    if reader.thoughts and (thought := thinking.take(reader.take_thoughts())):
                        yield ReasoningDelta(thought)
                    if shown := reply.take(text):
                        yield TextDelta(shown)
                    if reply.truncated:
                        yield Finished("length", None, None, truncated=True)
                        return
            if rest := reply.rest():
                yield TextDelta(rest)
            if reader.failure is not None:
                raise reader.failure
            await read_to_end(response)
        yield Finished(
            _short(reader.finish_reason or "stop"), reader.input_tokens, reader.output_tokens
        )


async def _texts(
    response: aiohttp.ClientResponse, reader: AnswerReader, clock: Clock
) -> AsyncGenerator[str]:
    """The text of each read; ends at the terminator or at a failure, which the reader keeps."""
    parser = EventParser()
    try:
        async with aclosing(chunks(response, clock)) as parts:
            async for chunk in parts:
                text = reader.read_all(parser.feed(chunk))
                if reader.begun:
                    clock.begin()
                if text or reader.thoughts:
                    yield text
                if reader.complete or reader.failure is not None:
                    return
    except ProviderError as error:
        reader.failure = error
        return
    except EventTooLargeError:
        reader.failure = ProviderError(
            "bad_response", "The provider sent a single event larger than 4 MiB"
        )
        return
    reader.failure = ProviderError(
        "cut", "The provider's answer ended without its terminator", retryable=True
    )


def json_object(data: bytes) -> dict[str, Any]:
    """An event's data.

    Raises:
        ProviderError: it is not a JSON object.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _lenient_json(data)
    if not isinstance(value, dict):
        raise ProviderError("bad_response", "The provider sent an event that is not JSON")
    return value


def _lenient_json(data: bytes) -> object:
    """Lone surrogates, which models do send, are more than orjson takes."""
    try:
        return json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None


def as_object(value: object) -> dict[str, Any]:
    """`value` if it is an object, else an empty one: what is missing is passed over."""
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """A number of tokens that can be stored."""
    valid = type(value) is int and 0 <= value <= LARGEST_TOKEN_COUNT
    return value if valid else None  # type: ignore[return-value] # narrowed by `valid`


def _short(reason: str) -> str:
    return storable(reason)[:LONGEST_FINISH_REASON]
