#!/usr/bin/env python3
"""Providers side by side in the terminal, streaming; a reply cancelled, another one retried.

    make up                                                # in another terminal
    python examples/side-by-side.py http://127.0.0.1:8000

It asks up to four of the providers that can be had, draws what they answer as it comes, cuts its
own connection and goes on after the last event it saw, stops one reply in the middle, and asks one
provider again with another model. It looks at everything it is told, and ends with a status other
than 0 if a text has a gap or a repeat, or if anything else is not as it should be.

It needs Python's standard library only. Each run makes an account of its own, unless WEBOX_TOKEN
holds a token.
"""

import argparse
import json
import os
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

QUESTION = "Comment améliorer ma stratégie marketing ?"
MOST_COLUMNS = 4
CUT_AFTER_DELTAS = 4
LONGEST_SILENCE_SECONDS = 60
LINES = 14
FRAME_SECONDS = 0.04
BLUE, RED, GREEN, DIM, PLAIN = ("\x1b[34m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m")


class WalkError(Exception):
    """Something is not as it should be; the message says what."""


# What Webox is told and asked.


class Webox:
    """Requests to one Webox, each on a connection of its own."""

    def __init__(self, address: str, token: str | None) -> None:
        url = urlsplit(address)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise WalkError(f"{address} is no address like http://127.0.0.1:8000")
        self._connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._host, self._port, self._address = url.hostname, url.port, address
        self.token = token

    def open(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[HTTPConnection, HTTPResponse]:
        """An answer that is yet to be read, and its connection to close."""
        connection = self._connect(self._host, self._port, timeout=LONGEST_SILENCE_SECONDS)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, content, headers)
            return connection, connection.getresponse()
        except (OSError, HTTPException) as error:
            connection.close()
            raise WalkError(
                f"{self._address} does not answer ({error}): start it with `make up`"
            ) from None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be 2xx."""
        connection, response = self.open(method, path, body)
        try:
            return _checked(f"{method} {path}", response.status, response.read())
        finally:
            connection.close()

    def sign_in(self) -> None:
        """As a new user."""
        email = f"side-by-side-{os.getpid()}-{time.time_ns()}@example.com"
        account = {"email": email, "password": os.urandom(16).hex()}
        self.ask("POST", "/api/auth/register", account | {"name": "Side by side"})
        self.token = self.ask("POST", "/api/auth/login", account)["access_token"]


def _checked(request: str, status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {}
    if 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls a success
        return answer
    detail = answer.get("detail", "") if isinstance(answer, dict) else ""
    raise WalkError(f"{request} answered {status}: {detail or repr(content[:200])}")


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: dict[str, Any]


def events_of(response: HTTPResponse) -> Iterator[Event]:
    """Server-sent events: lines `field: value`, and an empty one after each event."""
    fields: dict[str, str] = {}
    try:
        while line := response.readline():
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            if not name or name == ":":
                fields = {}
    except (OSError, HTTPException) as error:
        raise WalkError(f"the stream broke off: {error}") from None


# What is known of the replies, and whether it fits together.


@dataclass
class Reply:
    """A reply as its events told of it."""

    id: int
    provider: str
    model: str
    text: str = ""
    status: str = "running"
    problem: str = ""


@dataclass
class Watched:
    """A message's replies by id; `current` has the last of each provider."""

    message_id: int = 0
    replies: dict[int, Reply] = field(default_factory=dict)
    current: dict[str, Reply] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    last_event_id: str = ""
    deltas: int = 0
    _seen: set[str] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Raises WalkError for an event that does not fit to those before it."""
        _require(event.id not in self._seen, f"the event {event.id} came twice")
        self._seen.add(event.id)
        self.last_event_id = event.id
        getattr(self, f"_take_{event.name}")(event.data)

    def of(self, provider: str) -> Reply:
        return self.current[provider]

    def _take_message(self, data: dict[str, Any]) -> None:
        self.message_id, self.answer = data["message_id"], None
        for each in data["replies"]:
            if each["id"] not in self.replies:
                reply = Reply(each["id"], each["provider"], each["model"])
                self.replies[reply.id] = self.current[reply.provider] = reply

    def _take_delta(self, data: dict[str, Any]) -> None:
        reply = self.replies[data["reply_id"]]
        offset, known = data["offset"], len(reply.text)
        _require(reply.status == "running", f"{reply.provider} goes on after its end")
        _require(offset <= known, f"{reply.provider}: a gap from {known} to {offset}")
        _require(offset >= known, f"{reply.provider}: repeats what came from {offset} on")
        reply.text += data["text"]
        self.deltas += 1

    def _take_reset(self, data: dict[str, Any]) -> None:
        self.replies[data["reply_id"]].text = ""

    def _take_reply(self, data: dict[str, Any]) -> None:
        reply = self._ended(data["id"], data["status"])
        _require(data["content"] == reply.text, f"{reply.provider}'s text is not what was streamed")

    def _take_error(self, data: dict[str, Any]) -> None:
        self._ended(data["reply_id"], "failed").problem = data["problem"]["detail"]

    def _take_done(self, data: dict[str, Any]) -> None:
        self.answer = data

    def _ended(self, reply_id: int, status: str) -> Reply:
        reply = self.replies[reply_id]
        _require(reply.status == "running", f"{reply.provider} ends twice")
        reply.status = status
        return reply


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise WalkError(otherwise)


# The walk.


@dataclass
class Plan:
    """Which providers are asked for what, which one is stopped, and which one asked again."""

    models: dict[str, str]
    cancelled: str
    retried: str
    retry_model: str

    @property
    def has_other_model(self) -> bool:
        return self.retry_model != self.models[self.retried]


def planned(webox: Webox, options: argparse.Namespace) -> Plan:
    listed = webox.ask("GET", "/api/chat/providers")["providers"]
    usable = {each["name"]: each for each in listed if each["available"]}
    _require(len(usable) > 1, f"two providers are needed; {len(usable)} can be had")
    chosen = list(usable.values())[:MOST_COLUMNS]
    strangers = options.model.keys() - {each["name"] for each in chosen}
    _require(not strangers, f"not among those that are asked: {', '.join(sorted(strangers))}")
    models = {each["name"]: each["default_model"] for each in chosen} | options.model
    *others, cancelled = models
    # The one that has another model; the demo's have none.
    retried = next((name for name in others if len(usable[name]["models"]) > 1), others[0])
    own = models[retried]
    other = next((model for model in usable[retried]["models"] if model != own), own)
    return Plan(models, cancelled, retried, options.retry_with or other)


class Walk:
    """Sends, watches to the end, and does to the replies on the way what the plan says."""

    def __init__(self, webox: Webox, plan: Plan, screen: "Screen") -> None:
        self.watched = Watched()
        self.resumed = 0
        self.first: Reply | None = None
        self._webox = webox
        self._plan = plan
        self._screen = screen
        self._cancelled = False
        self._cut = False

    def go(self, question: str) -> None:
        body = {
            "message": question,
            "selected_providers": list(self._plan.models),
            "selected_models": self._plan.models,
        }
        self._watch("POST", "/api/chat/send", body)
        while not self._is_over():
            self._resume()

    def _is_over(self) -> bool:
        ended = self.watched.answer is not None
        return ended and self.watched.of(self._plan.retried) is not self.first

    def _resume(self) -> None:
        """From the event after the last one that was seen."""
        last = self.watched.last_event_id
        _require(bool(last), "the stream ended before its first event")
        self.resumed += 1
        path = f"/api/chat/messages/{self.watched.message_id}/stream"
        self._watch("GET", path, None, Last_Event_ID=last)
        _require(self.watched.last_event_id != last, "a resumed stream brings nothing more")

    def _watch(self, method: str, path: str, body: Any, **headers: str) -> None:
        """Until the stream ends, or its connection is cut on purpose."""
        connection, response = self._webox.open(
            method, path, body, Accept="text/event-stream", **headers
        )
        try:
            if response.status != 200:  # noqa: PLR2004 - OK
                _checked(f"{method} {path}", response.status, response.read())
                raise WalkError(f"{method} {path} answered {response.status} and no stream")
            for event in events_of(response):
                self.watched.take(event)
                self._screen.show(self.watched, event)
                self._act()
                if self._is_time_to_cut():
                    return
        finally:
            connection.close()

    def _act(self) -> None:
        plan = self._plan
        cancelled, retried = (self.watched.current.get(n) for n in (plan.cancelled, plan.retried))
        if not self._cancelled and cancelled and cancelled.text:
            self._cancelled = True
            self._screen.say(f"{plan.cancelled} is stopped in the middle of its answer")
            self._webox.ask("POST", self._path(plan.cancelled, "cancel"))
        if self.first is None and retried and retried.status != "running":
            self.first = retried
            self._screen.say(f"{plan.retried} is asked again, now {plan.retry_model}")
            model = {"model": plan.retry_model}
            self._webox.ask("POST", self._path(plan.retried, "retry"), model)

    def _is_time_to_cut(self) -> bool:
        going_on = any(each.status == "running" for each in self.watched.current.values())
        if self._cut or self.watched.deltas < CUT_AFTER_DELTAS or not going_on:
            return False
        self._cut = True
        self._screen.say(f"the connection is cut, and resumed after {self.watched.last_event_id}")
        return True

    def _path(self, provider: str, action: str) -> str:
        return f"/api/chat/messages/{self.watched.message_id}/replies/{quote(provider)}/{action}"

    def check(self) -> None:
        """What was streamed is what Webox kept, and is what was asked for."""
        _require(self._cut and self.resumed > 0, "all was over before the connection could be cut")
        path = f"/api/chat/messages/{self.watched.message_id}"
        kept = self._webox.ask("GET", path)
        _require(kept == self.watched.answer, "the stream's last word is not what Webox kept")
        done = {each.provider: each.text for each in self._current("done")}
        _require(kept["ai_responses"] == done, "the texts that were kept are not those streamed")
        self._check_cancelled(path)
        self._check_retried(path)

    def _check_cancelled(self, path: str) -> None:
        reply = self.watched.of(self._plan.cancelled)
        _require(reply.status == "cancelled", f"{reply.provider} is {reply.status}, not cancelled")
        [kept] = self._webox.ask("GET", f"{path}/replies/{quote(reply.provider)}")["replies"]
        _require(
            kept["status"] == "cancelled" and kept["content"] == reply.text != "",
            f"{reply.provider} was stopped, and its text so far is not kept",
        )

    def _check_retried(self, path: str) -> None:
        reply = self.watched.of(self._plan.retried)
        _require(reply.status == "done", f"{reply.provider} failed again: {reply.problem}")
        _require(reply.model == self._plan.retry_model, f"{reply.model} answered instead")
        now, before = self._webox.ask("GET", f"{path}/replies/{quote(reply.provider)}")["replies"]
        _require(
            self.first is not None
            and (now["id"], before["id"]) == (reply.id, self.first.id)
            and (before["superseded_by"], before["content"]) == (reply.id, self.first.text),
            f"{reply.provider}'s first answer did not stay as history",
        )

    def _current(self, status: str) -> list[Reply]:
        return [each for each in self.watched.current.values() if each.status == status]


# What is seen of it.


class Screen:
    """Plain lines: who begins, and every answer once it has ended."""

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def say(self, what: str) -> None:
        print(f"-- {what}", flush=True)

    def show(self, watched: Watched, event: Event) -> None:
        if event.name == "delta" and event.data["reply_id"] not in self._begun:
            self._begun.add(event.data["reply_id"])
            self.say(f"{event.data['provider']} begins to answer")
        if event.name in {"reply", "error"}:
            reply = watched.replies[event.data.get("id") or event.data["reply_id"]]
            print(f"\n{reply.provider} ({reply.model}): {reply.status} {reply.problem}".rstrip())
            lines = harmless(reply.text).splitlines()
            print("".join(f"  {line}".rstrip() + "\n" for line in lines), flush=True)

    def end(self, watched: Watched) -> None:
        pass


class Columns(Screen):
    """One column a provider, drawn again in its place whenever something came."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = 0
        self._drawn_at = 0.0
        self._said: list[str] = []

    def say(self, what: str) -> None:
        self._said.append(what)

    def show(self, watched: Watched, event: Event) -> None:
        if event.name != "delta" or time.monotonic() > self._drawn_at + FRAME_SECONDS:
            self._draw(watched)

    def end(self, watched: Watched) -> None:
        self._draw(watched)

    def _draw(self, watched: Watched) -> None:
        self._drawn_at = time.monotonic()
        columns, height = shutil.get_terminal_size()
        each = max(8, (columns - 1) // max(1, len(watched.current)) - 2)
        shown = [_column(reply, each, min(LINES, height - 8)) for reply in watched.current.values()]
        rows = [" │ ".join(row) for row in zip(*shown, strict=True)]
        said = [f"{DIM}{fitted(line, columns - 1)}{PLAIN}" for line in self._said[-3:]]
        rows += said + [""] * (3 - len(said))
        back = f"\x1b[{self._lines}A" if self._lines else ""
        sys.stdout.write(back + "".join(f"\r\x1b[2K{row}\n" for row in rows))
        sys.stdout.flush()
        self._lines = len(rows)


COLOURS = {"running": BLUE, "done": GREEN, "failed": RED, "cancelled": RED}


def _column(reply: Reply, width: int, height: int) -> list[str]:
    head = f"{COLOURS[reply.status]}{fitted(f'{reply.provider} · {reply.status}', width)}{PLAIN}"
    model = f"{DIM}{fitted(reply.model, width)}{PLAIN}"
    lines = wrapped(harmless(reply.text or reply.problem), width)[-height:]
    return [head, model, *(fitted(line, width) for line in lines + [""] * (height - len(lines)))]


def harmless(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)


def cells(character: str) -> int:
    """How wide a terminal draws it."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitted(line: str, width: int) -> str:
    """`line` cut or filled with spaces to `width` cells."""
    kept, used = "", 0
    for character in harmless(line).replace("\n", " "):
        if used + cells(character) > width:
            break
        kept, used = kept + character, used + cells(character)
    return kept + " " * (width - used)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words where there are any."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in re.findall(r"\S+\s*|\s+", paragraph):
            if line and sum(map(cells, (line + word).rstrip())) > width:
                lines.append(line)
                line = ""
            line += word
            while sum(map(cells, line.rstrip())) > width:
                cut = len(fitted(line, width).rstrip()) or 1
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line)
    return lines


def main() -> None:
    options = _options()
    try:
        walk(options)
    except WalkError as error:
        sys.exit(f"side-by-side: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def walk(options: argparse.Namespace) -> None:
    webox = Webox(options.address, os.environ.get("WEBOX_TOKEN") or None)
    if webox.token is None:
        webox.sign_in()
    plan = planned(webox, options)
    print(f"Asking {', '.join(plan.models)}: {options.question}")
    if len(plan.models) < MOST_COLUMNS:
        print(f"({len(plan.models)} columns: no more providers can be had, see docs/providers.md)")
    screen = Columns() if sys.stdout.isatty() else Screen()
    walk = Walk(webox, plan, screen)
    walk.go(options.question)
    screen.end(walk.watched)
    walk.check()
    again = f"{plan.retried} asked again"
    again += f" with {plan.retry_model}" if plan.has_other_model else " (it has no other model)"
    print(
        f"\nAll as it should be: {len(walk.watched.replies)} texts without gap or repeat, "
        f"{plan.cancelled} stopped with its text so far, {again}, "
        f"the stream resumed {walk.resumed} times with Last-Event-ID."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", nargs="?", default="http://localhost:8000", help="of Webox")
    parser.add_argument("--question", default=QUESTION, help=f"what is asked ({QUESTION})")
    parser.add_argument(
        "--model",
        type=_named_model,
        action="append",
        default=[],
        metavar="PROVIDER=MODEL",
        help="ask a provider for another model than its default one; may be repeated",
    )
    parser.add_argument(
        "--retry-with", metavar="MODEL", help="the model to retry with, instead of any other one"
    )
    options = parser.parse_args()
    options.model = dict(options.model)
    return options


def _named_model(text: str) -> tuple[str, str]:
    provider, equals, model = text.partition("=")
    if not (provider and equals and model):
        raise argparse.ArgumentTypeError(f"{text} is not like PROVIDER=MODEL")
    return provider, model


if __name__ == "__main__":
    main()
