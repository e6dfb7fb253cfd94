"""A message's stream as somebody sees it who watches."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from webox_stack.witness import Witness


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: dict[str, Any]


class Watching:
    """One stream, read as slowly as the test asks; `events` are those seen so far."""

    def __init__(self, response: httpx.Response, witness: Witness) -> None:
        self.response = response
        self.events: list[Event] = []
        self._witness = witness
        self._coming = self._read()

    async def until(self, name: str, **data: Any) -> Event:
        """The next event of this name with these members of its data."""
        async for event in self._coming:
            if event.name == name and data.items() <= event.data.items():
                return event
        raise AssertionError(f"the stream ended without {name} {data}: {self.events}")

    def coming(self) -> AsyncIterator[Event]:
        """The events one by one."""
        return self._coming

    async def rest(self) -> list[Event]:
        """All events, to the end of the stream."""
        async for _ in self._coming:
            pass
        return self.events

    @property
    def message(self) -> str:
        """The message's path."""
        return f"/api/chat/messages/{self.events[0].data['message_id']}"

    async def _read(self) -> AsyncIterator[Event]:
        fields: dict[str, str] = {}
        async for line in self.response.aiter_lines():
            self._witness.reads(line, "a stream")
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
                continue
            if "event" in fields:
                yield self._seen(Event(fields["event"], fields["id"], json.loads(fields["data"])))
            fields = {}

    def _seen(self, event: Event) -> Event:
        self.events.append(event)
        sent = self.response.request.method != "GET"
        if sent and event.name == "message" and len(self.events) == 1:
            self._witness.takes(event.data)
        return event


def shown(events: list[Event]) -> dict[str, str]:
    """What a viewer of these events reads of each provider's last reply, in the end.

    Raises:
        AssertionError: something came twice, is missing, or came after its reply's end.
    """
    assert len({event.id for event in events}) == len(events), "an event came twice"
    texts: dict[int, str] = {}
    ended: set[int] = set()
    names: dict[int, str] = {}
    for event in events:
        data = event.data
        if event.name == "message":
            names |= {each["id"]: each["provider"] for each in data["replies"]}
            continue
        if event.name == "done":
            continue
        reply = data["id"] if event.name == "reply" else data["reply_id"]
        assert reply not in ended, f"{event} after the reply's end"
        text = texts.setdefault(reply, "")
        match event.name:
            case "reset":
                texts[reply] = ""
            case "delta":
                assert data["offset"] == len(text), event
                texts[reply] += data["text"]
            case "reply":
                assert data["content"] == text, event
        if event.name in {"reply", "error"}:
            ended.add(reply)
    assert ended == names.keys(), "not every reply has ended"
    return {names[reply]: text for reply, text in sorted(texts.items())}


def named(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [event.data for event in events if event.name == name]
