"""Whatever users do, in whatever order, and however often it is told: it is as if done once.

A state machine does to a running Webox what users do, and to a small model of it, and tells events
again and out of order. In the end users see what the model has, and every invariant of the checker
holds. `make soak` does it for many more and longer histories.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from webox_stack import Checker, Stack, User, eventually

from webox_kit.streams import EVENT_FIELD, stream_key

T = TypeVar("T")
Do = Callable[[Coroutine[Any, Any, T]], T]

# Without shrinking: what failed once would have to fail again, on a Webox that has gone on.
COMMON = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
PROFILES = {
    "short": settings(COMMON, max_examples=3, stateful_step_count=30),
    "soak": settings(COMMON, max_examples=100, stateful_step_count=50),
}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "short")
LONGEST_SECONDS = {"short": 120, "soak": 3600}

# The contract's number of recent projects.
PROJECTS_SHOWN = 10
MOST_USERS = 3
STREAMS = ("gateway", "chat", "exporter", "dashboard")
PROVIDERS = ("GPT-4", "Claude")
FOLDERS = ("Général", "Travail", "Été à la mer")
TAGS = ("rouge", "vert", "bleu")
GENERAL = FOLDERS[0]
# By which search finds every question; the double's answers repeat it.
WORD = "tulipe"


@dataclass
class Conversation:
    """As it must be shown."""

    title: str
    folder: str = GENERAL
    is_favorite: bool = False
    archived: bool = False
    tags: set[str] = field(default_factory=set)
    questions: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "folder": self.folder,
            "is_favorite": self.is_favorite,
            "archived": self.archived,
            "tags": sorted(self.tags),
        }


@dataclass
class Person:
    user: User
    conversations: dict[int, Conversation] = field(default_factory=dict)


class History(RuleBasedStateMachine):
    """`do` runs a coroutine to its end; rules have no loop of their own."""

    def __init__(self, webox: Stack, make_user: Callable[[], Awaitable[User]], do: Do[Any]) -> None:
        super().__init__()
        self._webox = webox
        self._make_user = make_user
        self._do = do
        self._people: list[Person] = []
        self._questions = 0
        self._checker = Checker(webox)
        with webox.redis() as redis:
            seconds, microseconds = redis.time()
        self._began = seconds * 1000 + microseconds // 1000

    @initialize()
    def somebody(self) -> None:
        self._people.append(Person(self._do(self._make_user())))

    @precondition(lambda self: len(self._people) < MOST_USERS)
    @rule()
    def somebody_else(self) -> None:
        self.somebody()

    who = st.integers(0, MOST_USERS - 1)
    which = st.integers(0, 50)
    asked = st.lists(st.sampled_from(PROVIDERS), min_size=1, unique=True)

    @rule(who=who, which=st.none() | which, asked=asked, seconds=st.sampled_from([0, 0, 20]))
    def send(self, who: int, which: int | None, asked: list[str], seconds: int) -> None:
        """To a new conversation or to one there is; twice, as after an answer that got lost."""
        person = self._person(who)
        self._questions += 1
        text = f"Question {WORD} {self._questions}"
        body: dict[str, Any] = {
            "message": text,
            "selected_providers": asked,
            "wait": {"seconds": seconds},
        }
        if which is not None and person.conversations:
            body["conversation_id"] = _one_of(person, which)
        key = {"Idempotency-Key": str(uuid4())}
        first, again = [
            self._do(person.user.http.post("/api/chat/send", json=body, headers=key))
            for _ in range(2)
        ]
        assert first.status_code in {200, 202}, first.text
        assert first.json()["message_id"] == again.json()["message_id"]
        key_of_it = first.json()["conversation_id"]
        person.conversations.setdefault(key_of_it, Conversation(text)).questions.append(text)

    @rule(who=who, which=which)
    def toggle(self, who: int, which: int) -> None:
        for person, key, conversation in self._chosen(who, which):
            answer = self._do(person.user.post(f"{_path(key)}/favorite"))
            conversation.is_favorite = not conversation.is_favorite
            assert answer == {"is_favorite": conversation.is_favorite}

    @rule(who=who, which=which, tag=st.sampled_from(TAGS), add=st.booleans())
    def tag(self, who: int, which: int, tag: str, add: bool) -> None:
        for person, key, conversation in self._chosen(who, which):
            if add:
                conversation.tags.add(tag)
                answer = self._do(person.user.post(f"{_path(key)}/tags", {"tag": tag}))
            elif tag in conversation.tags:
                conversation.tags.remove(tag)
                answer = self._do(person.user.delete(f"{_path(key)}/tags/{tag}"))
            else:
                continue
            assert answer == {"tags": sorted(conversation.tags)}

    @rule(who=who, which=which, folder=st.sampled_from(FOLDERS), archived=st.booleans())
    def move(self, who: int, which: int, folder: str, archived: bool) -> None:
        for person, key, conversation in self._chosen(who, which):
            conversation.folder, conversation.archived = folder, archived
            changes = {"folder": folder, "archived": archived}
            self._do(person.user.ask("PATCH", _path(key), json=changes))

    @rule(who=who, which=which, number=st.integers(0, 99))
    def rename(self, who: int, which: int, number: int) -> None:
        for person, key, conversation in self._chosen(who, which):
            conversation.title = f"Titre {WORD} {number}"
            changes = {"title": conversation.title}
            self._do(person.user.ask("PATCH", _path(key), json=changes))

    @rule(who=who, folder=st.sampled_from(FOLDERS[1:]), name=st.sampled_from(FOLDERS[1:]))
    def rename_folder(self, who: int, folder: str, name: str) -> None:
        person = self._person(who)
        inside = [each for each in person.conversations.values() if each.folder == folder]
        if inside:
            path = f"/api/chat/folders/{quote(folder)}"
            self._do(person.user.ask("PATCH", path, json={"name": name}))
        for each in inside:
            each.folder = name

    @rule(who=who, which=which)
    def delete(self, who: int, which: int) -> None:
        for person, key, _ in self._chosen(who, which):
            self._do(person.user.delete(_path(key)))
            del person.conversations[key]

    @rule(chance=st.integers(0, 2**32).map(random.Random), as_new=st.booleans())
    def tell_again(self, chance: random.Random, as_new: bool) -> None:
        """Some of the events about our users, shuffled; under ids that nobody has seen, or not."""
        told = self._told()
        chance.shuffle(told)
        self._tell(told[:20], as_new=as_new)

    def teardown(self) -> None:
        """Everything is told once more, the deletions before what they deleted."""
        told = self._told()
        deletions = [each for each in told if each[1]["type"].endswith("_deleted")]
        self._tell(deletions, as_new=True)
        self._do(eventually(self._all_read))
        self._tell([each for each in told if each not in deletions], as_new=True)
        for person in self._people:
            self._do(_shown_as_it_must_be(person))
        self._do(self._checker.check([person.user for person in self._people]))
        for person in self._people:
            self._do(eventually(lambda person=person: _found_as_it_must_be(person)))

    def _told(self) -> list[tuple[str, dict[str, Any]]]:
        """The streams and events about our users."""
        ours = {person.user.id for person in self._people}
        with self._webox.redis() as redis:
            told = [
                (stream_key(stream), orjson.loads(fields[EVENT_FIELD]))
                for stream in STREAMS
                for _, fields in redis.xrange(stream_key(stream), min=self._began)
            ]
        return [each for each in told if each[1]["data"].get("user_id") in ours]

    def _tell(self, told: list[tuple[str, dict[str, Any]]], *, as_new: bool) -> None:
        with self._webox.redis() as redis:
            for stream, event in told:
                new = event | ({"id": str(uuid4())} if as_new else {})
                redis.xadd(stream, {EVENT_FIELD: orjson.dumps(new)})

    async def _all_read(self) -> None:
        assert self._webox.unread() == []

    def _person(self, number: int) -> Person:
        return self._people[number % len(self._people)]

    def _chosen(self, who: int, which: int) -> Iterator[tuple[Person, int, Conversation]]:
        """One of somebody's conversations, if they have any."""
        person = self._person(who)
        if person.conversations:
            key = _one_of(person, which)
            yield person, key, person.conversations[key]


def _one_of(person: Person, number: int) -> int:
    keys = sorted(person.conversations)
    return keys[number % len(keys)]


def _path(conversation_id: int) -> str:
    return f"/api/chat/conversations/{conversation_id}"


async def _shown_as_it_must_be(person: Person) -> None:
    get, model = person.user.get, person.conversations
    listed = (await get("/api/chat/conversations?limit=200"))["conversations"]
    fields = Conversation("").shown().keys()
    shown = {each["id"]: {name: each[name] for name in fields} for each in listed}
    assert shown == {key: each.shown() for key, each in model.items()}
    for key, each in model.items():
        messages = (await get(_path(key)))["messages"]
        questions = [said["content"] for said in messages if said["role"] == "user"]
        assert questions == each.questions
    folders = Counter(each.folder for each in model.values()) + Counter()
    counted = (await get("/api/chat/folders"))["folders"]
    assert {each["name"]: each["count"] for each in counted} == {GENERAL: 0, **folders}
    tags = Counter(tag for each in model.values() for tag in each.tags)
    counted = (await get("/api/chat/tags"))["tags"]
    assert {each["name"]: each["count"] for each in counted} == tags


async def _found_as_it_must_be(person: Person) -> None:
    get, model = person.user.get, person.conversations
    found = await get(f"/api/chat/search?q={WORD}&limit=50")
    assert {each["conversation_id"] for each in found["results"]} == set(model)
    stats = await get("/api/dashboard/stats")
    assert stats["conversations"] == len(model)
    projects = (await get("/api/dashboard/recent-projects"))["projects"]
    assert len(projects) == min(len(model), PROJECTS_SHOWN)
    assert {(each["id"], each["name"], each["status"]) for each in projects} <= {
        (key, each.title, "archived" if each.archived else "active") for key, each in model.items()
    }
    activities = (await get("/api/dashboard/recent-activity?limit=200"))["activities"]
    assert len(activities) == len(model)


@pytest.fixture
async def do() -> Do[Any]:
    """Runs coroutines on the session's loop, which stands still during a test that is not async."""
    return asyncio.get_running_loop().run_until_complete


@pytest.mark.fault("F16")
@pytest.mark.timeout(LONGEST_SECONDS[PROFILE])
def test_any_history(webox: Stack, make_user: Callable[[], Awaitable[User]], do: Do[Any]) -> None:
    run_state_machine_as_test(lambda: History(webox, make_user, do), settings=PROFILES[PROFILE])
