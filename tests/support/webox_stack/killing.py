"""Users who go on as if nothing were, while one process after another is killed under them."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from webox_stack.double import DoubleProgram
from webox_stack.stack import Stack
from webox_stack.user import User
from webox_stack.waiting import eventually

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.2
FINAL_SECONDS = 120
MAY_BE_REPEATED = {429, 502, 503, 504}
ENDED = {"done", "failed", "cancelled"}


@dataclass(frozen=True)
class Pace:
    """Seconds between kills, and between a user's actions: the least and the most."""

    kill: tuple[float, float]
    act: tuple[float, float] = (0.2, 1.0)


@dataclass
class Summary:
    """What happened. `doubled` and `lost` are messages; `odd` are answers other than 2xx."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    stored: int = 0
    doubled: int = 0
    lost: int = 0
    asked: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    exports: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    longest_send: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in self.kills.most_common())
        rate = self.calls / self.asked if self.asked else 0.0
        return f"""\
{self.kills.total()} kills in {self.seconds:.0f} s (seed {self.seed}): {kills}
messages: {self.acknowledged} acknowledged, {self.stored} stored, {self.doubled} doubled, \
{self.lost} lost
replies: {self.asked} asked for, {self.calls} provider calls, {rate:.3f} each; of those whose \
conversation was not deleted: {_counted(self.statuses)}
exports: {_counted(self.exports)}
longest send, its repeats included: {self.longest_send:.1f} s
answers other than 2xx, all repeated: {_counted(self.odd)}"""


class KillLoop:
    """Kills programs of `webox` at random while `users` do whatever users do."""

    def __init__(
        self, webox: Stack, double: DoubleProgram, users: Sequence[User], *, pace: Pace, seed: int
    ) -> None:
        self._webox = webox
        self._double = double
        self._pace = pace
        # Under names of this loop's own, by which its calls are counted.
        self._models = {"GPT-4": f"delay:400+kills-{seed}", "Claude": f"drip:15+kills-{seed}"}
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.summary = Summary(seed)
        self._busy = [_BusyUser(user, self._models, pace, seed, self.summary) for user in users]

    async def run(self, kills: int) -> Summary:
        """Kill so many times, and wait until everything that was asked for has come.

        Raises:
            AssertionError: A user could not go on within a minute, or something never ended.
        """
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            acting = [tasks.create_task(each.act_for_ever()) for each in self._busy]
            for _ in range(kills):
                await asyncio.sleep(self._random.uniform(*self._pace.kill))
                self._kill_one()
            for each in self._busy:
                each.stop()
            await asyncio.gather(*acting)
        self.summary.seconds = time.monotonic() - started
        for each in self._busy:
            await eventually(each.everything_came, FINAL_SECONDS)
            await each.count()
        self.summary.calls = sum(len(self._double.calls(each)) for each in self._models.values())
        return self.summary

    def _kill_one(self) -> None:
        name = self._random.choice(sorted(self._webox.pids()))
        self._webox.kill(name)
        self.summary.kills[name] += 1


class _BusyUser:
    """Does one thing after another, and repeats each until it is answered."""

    def __init__(
        self, user: User, models: dict[str, str], pace: Pace, seed: int, summary: Summary
    ) -> None:
        self._user = user
        self._models = models
        self._pace = pace
        self._random = random.Random(seed + user.id)  # noqa: S311 - as above
        self._summary = summary
        self._stopping = False
        self._sent: dict[int, str] = {}
        self._conversations: list[int] = []
        self._exports: list[str] = []

    def stop(self) -> None:
        self._stopping = True

    async def act_for_ever(self) -> None:
        actions = (
            (self._send, 9), (self._toggle, 2), (self._tag, 2), (self._delete, 1),
            (self._export, 2), (self._search, 2), (self._look, 2),
        )  # fmt: skip
        await self._send()
        while not self._stopping:
            await asyncio.sleep(self._random.uniform(*self._pace.act))
            [action] = self._random.choices(*zip(*actions, strict=True))
            await action()

    async def everything_came(self) -> None:
        for message in self._kept():
            answer = (await self._ask("GET", f"/api/chat/messages/{message}")).json()
            assert {each["status"] for each in answer["replies"].values()} <= ENDED, answer
        for job in self._exports:
            now = (await self._ask("GET", f"/api/exports/{job}")).json()
            assert now["status"] not in {"queued", "running"}, now

    async def count(self) -> None:
        """Add what this user has to the summary."""
        texts: Counter[str] = Counter()
        for conversation in await self._listed():
            shown = await self._user.get(f"/api/chat/conversations/{conversation}")
            texts.update(each["content"] for each in shown["messages"] if each["role"] == "user")
        kept = {message: self._sent[message] for message in self._kept()}
        summary = self._summary
        summary.acknowledged += len(kept)
        summary.stored += texts.total()
        summary.doubled += texts.total() - len(texts)
        summary.lost += sum(text not in texts for text in kept.values())
        for message in kept:
            replies = (await self._user.get(f"/api/chat/messages/{message}"))["replies"]
            summary.statuses.update(each["status"] for each in replies.values())
        for job in self._exports:
            summary.exports[(await self._user.get(f"/api/exports/{job}"))["status"]] += 1

    async def _listed(self) -> list[int]:
        """Every conversation there is: also one that nobody was told of."""
        listed: list[int] = []
        cursor = ""
        while True:
            page = await self._user.get(f"/api/chat/conversations?limit=200{cursor}")
            listed += [each["id"] for each in page["conversations"]]
            if not page["next_cursor"]:
                return listed
            cursor = f"&cursor={page['next_cursor']}"

    def _kept(self) -> list[int]:
        acknowledged = self._user.witness.acknowledged
        return [each for each in self._sent if acknowledged[each] in self._conversations]

    async def _send(self) -> None:
        text = f"Question tulipe {len(self._sent)} de {self._user.id}"
        body: dict[str, Any] = {
            "message": text,
            "selected_providers": list(self._models),
            "selected_models": self._models,
            "wait": {"seconds": self._random.choice([0, 5])},
        }
        if self._conversations and self._random.random() < 0.5:
            body["conversation_id"] = self._random.choice(self._conversations)
        began = time.monotonic()
        key = {"Idempotency-Key": str(uuid4())}
        answer = (await self._ask("POST", "/api/chat/send", json=body, headers=key)).json()
        self._summary.longest_send = max(self._summary.longest_send, time.monotonic() - began)
        self._summary.asked += len(self._models)
        self._sent[answer["message_id"]] = text
        if answer["conversation_id"] not in self._conversations:
            self._conversations.append(answer["conversation_id"])

    async def _toggle(self) -> None:
        await self._ask("POST", f"{self._any_conversation()}/favorite")

    async def _tag(self) -> None:
        tag = self._random.choice(["rouge", "vert", "bleu"])
        await self._ask("POST", f"{self._any_conversation()}/tags", json={"tag": tag})

    async def _delete(self) -> None:
        if len(self._conversations) > 1:
            conversation = self._conversations.pop(self._random.randrange(len(self._conversations)))
            # A repeat of one that was done, but not answered, finds nothing.
            await self._ask("DELETE", f"/api/chat/conversations/{conversation}", gone_is_well=True)
            self._user.witness.deleted.add(conversation)

    async def _export(self) -> None:
        body = {
            "format": self._random.choice(["pdf", "md", "txt"]),
            "conversation_ids": [self._random.choice(self._conversations)],
        }
        self._exports.append((await self._ask("POST", "/api/exports", json=body)).json()["id"])

    async def _search(self) -> None:
        await self._ask("GET", "/api/chat/search?q=tulipe")

    async def _look(self) -> None:
        path = self._random.choice(
            ["/api/dashboard/stats", "/api/chat/conversations", "/api/exports"]
        )
        await self._ask("GET", path)

    def _any_conversation(self) -> str:
        return f"/api/chat/conversations/{self._random.choice(self._conversations)}"

    async def _ask(
        self, method: str, path: str, *, gone_is_well: bool = False, **options: Any
    ) -> httpx.Response:
        """As a good client: whatever may be repeated is, for a minute."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            pause = PAUSE_SECONDS
            try:
                response = await self._user.http.request(method, path, **options)
            except httpx.TransportError as error:
                problem = type(error).__name__
            else:
                if response.is_success or (gone_is_well and response.status_code == 404):
                    return response
                problem = str(response.status_code)
                pause = float(response.headers.get("Retry-After", pause))
                said = f"{method} {path}: {problem} {response.text}"
                assert response.status_code in MAY_BE_REPEATED, said
            self._summary.odd[problem] += 1
            assert time.monotonic() < deadline, f"{method} {path}: still {problem} after a minute"
            await asyncio.sleep(pause)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"
