"""Deletions and settings in any order, any number of times: the same exports, the same files."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from webox_contracts.events import (
    ConversationDeleted,
    Event,
    EventData,
    SettingsChanged,
    UserDeleted,
    stream_of,
)
from webox_exporter.consumers import following
from webox_exporter.models import export, removal
from webox_exporter.upkeep import Forgetting
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database
from webox_kit.preferences import Preferences, preferences_of
from webox_kit.streams import connect
from webox_local.servers import Servers
from webox_local.testing import MakeDatabase

from .conftest import now

_users = itertools.count(1000)
JOBS = (
    ("done", [1]),
    ("done", [2, 3]),
    ("queued", [1, 2]),
    ("running", [3]),
    ("failed", [1]),
)
"""What a user has exported: status and conversations."""


@dataclass(frozen=True)
class Stage:
    database: Database
    forgetting: Forgetting

    async def user(self) -> int:
        """A new one, with all of `JOBS`; conversation 1 of user 1000 is 10,001."""
        user_id = next(_users)
        async with self.database.transaction() as session:
            for number, (status, conversations) in enumerate(JOBS):
                values = {
                    "id": uuid4(),
                    "user_id": user_id,
                    "status": status,
                    "format": "md",
                    "language": "fr",
                    "request": {},
                    "fingerprint": str(number),
                    "conversation_ids": [user_id * 10 + each for each in conversations],
                    "filename": f"{number}.md",
                    "attempt": int(status != "queued"),
                }
                await session.execute(insert(export).values(values))
        return user_id

    async def deliver(self, user_id: int, events: list[EventData]) -> None:
        """One batch, as that user's, each with an id that nobody has seen."""
        batch = [of_user(user_id, each) for each in events]
        async with self.database.transaction() as session:
            await following(self.forgetting)(session, batch)

    async def seen(self, user_id: int) -> tuple[dict[str, Any], Preferences]:
        """Each job that is left: its status, and whether its file is to go; and what they chose."""
        async with self.database.transaction() as session:
            rows = await session.execute(
                select(export.c.filename, export.c.status, removal.c.export_id.is_not(None))
                .select_from(export.outerjoin(removal, removal.c.export_id == export.c.id))
                .where(export.c.user_id == user_id)
            )
            jobs = {name: (status, goes) for name, status, goes in rows}
        return jobs, await preferences_of(self.database, user_id)


@pytest.fixture(scope="module")
async def stage(
    migrated: str, make_database: MakeDatabase, servers: Servers, redis_numbers: Iterator[int]
) -> AsyncIterator[Stage]:
    database = Database(make_database(template=migrated))
    redis = connect(servers.redis.url(next(redis_numbers)))
    yield Stage(database, Forgetting(redis))
    await redis.aclose()
    await database.close()


def of_user(user_id: int, event: EventData) -> ReceivedEvent:
    fields: dict[str, Any] = {"user_id": user_id}
    if isinstance(event, ConversationDeleted):
        fields["conversation_id"] = user_id * 10 + event.conversation_id
    data = event.model_copy(update=fields)
    source = f"/webox/{stream_of(data.type)}"
    return ReceivedEvent(Event.of(data, id=str(uuid4()), source=source, time=now()), data)


def deleted(conversation: int) -> EventData:
    return ConversationDeleted(user_id=1, conversation_id=conversation, version=2)


def chosen(version: int) -> EventData:
    """What a version says follows from it."""
    language = ("fr", "en")[version % 2]
    return SettingsChanged(
        user_id=1, version=version, language=language, time_zone=f"Etc/GMT-{version}"
    )


def events() -> st.SearchStrategy[EventData]:
    return st.one_of(
        st.sampled_from([1, 2, 3]).map(deleted),
        st.integers(1, 9).map(chosen),
        st.sampled_from([deleted(1), UserDeleted(user_id=1)]),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[EventData], list[list[EventData]]]:
    """Events in order, and the same ones in batches that have each once or more."""
    history = draw(st.lists(events(), min_size=2, max_size=8))
    again = draw(st.lists(st.sampled_from(history), max_size=6))
    shuffled = draw(st.permutations(history + again))
    size = draw(st.integers(1, len(shuffled)))
    return history, [shuffled[n : n + size] for n in range(0, len(shuffled), size)]


# Without shrinking: a history that fails is short enough to read, and each takes real time.
@pytest.mark.fault("F16")
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(history=histories())
async def test_shuffled_and_repeated(
    stage: Stage, history: tuple[list[EventData], list[list[EventData]]]
) -> None:
    in_order, batches = history
    one, other = await stage.user(), await stage.user()
    await stage.deliver(one, in_order)
    for batch in batches:
        await stage.deliver(other, batch)
    assert await stage.seen(one) == await stage.seen(other)


@pytest.mark.fault("F30")
class TestOlderThanADeletion:
    async def test_settings_of_a_deleted_user_are_not_kept(self, stage: Stage) -> None:
        user_id = await stage.user()
        await stage.deliver(user_id, [chosen(1)])
        await stage.deliver(user_id, [UserDeleted(user_id=1)])
        await stage.deliver(user_id, [chosen(2), deleted(1)])
        assert await stage.seen(user_id) == ({}, Preferences())

    async def test_a_deletion_that_is_told_again_changes_nothing_more(self, stage: Stage) -> None:
        user_id = await stage.user()
        await stage.deliver(user_id, [deleted(3)])
        once = await stage.seen(user_id)
        await stage.deliver(user_id, [deleted(3)])
        assert await stage.seen(user_id) == once
        jobs, _ = once
        assert {name: status for name, (status, _) in jobs.items()} == {
            "0.md": "done",
            "1.md": "expired",
            "2.md": "queued",
            "3.md": "cancelled",
            "4.md": "failed",
        }
        assert [name for name, (_, goes) in jobs.items() if goes] == ["1.md"]
