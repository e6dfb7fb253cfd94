"""Events in any order, any number of times, in any batches: the same dashboard."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from dashboard_stage import (
    NOON,
    Stage,
    deleted,
    exported,
    product,
    received,
    replied,
    started,
    updated,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from webox_contracts.events import (
    PRODUCT_EVENTS,
    EventData,
    ExportRemoved,
    MessageSent,
    ProviderCircuitOpened,
    StorageChanged,
    UserDeleted,
    WebsitePublished,
    WebsiteUpdated,
)
from webox_dashboard.models import metadata, tombstone
from webox_dashboard.service import DashboardService, PageRequest, Reader
from webox_kit.consumer import ReceivedEvent

pytestmark = pytest.mark.fault("F16")

_users = itertools.count(1000)


def moments() -> st.SearchStrategy[Any]:
    """Few, so that some are the same."""
    return st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours))


def product_events() -> st.SearchStrategy[EventData]:
    return st.builds(
        product,
        st.sampled_from([*PRODUCT_EVENTS.values(), WebsiteUpdated, WebsitePublished]),
        st.sampled_from(["1", "1", "1", "site-2"]),
        occurred_at=moments(),
        name=st.none() | st.sampled_from(["A", "B", "C"]),
        bytes=st.integers(0, 10**10),
    )


def conversation_events() -> st.SearchStrategy[EventData]:
    ids = st.sampled_from([1, 2])
    return st.one_of(
        st.builds(lambda key: started(key, created_at=NOON), ids),
        # A version is one state of a conversation: what it says follows from it.
        st.builds(
            lambda key, version: updated(
                key,
                version=version,
                title=f"v{version}",
                archived=version % 2 == 0,
                updated_at=NOON + timedelta(minutes=version),
            ),
            ids,
            st.integers(2, 9),
        ),
        st.builds(
            lambda key, moment: MessageSent(
                user_id=1, conversation_id=key, message_id=1, providers=[], created_at=moment
            ),
            ids,
            moments(),
        ),
        st.builds(deleted, ids),
    )


def other_events() -> st.SearchStrategy[EventData]:
    exports = st.sampled_from(["a", "b"])
    return st.one_of(
        st.builds(
            replied,
            st.integers(1, 5),
            conversation_id=st.sampled_from([1, 2]),
            finished_at=moments(),
        ),
        st.builds(lambda key: exported(key, filename=f"{key}.pdf", finished_at=NOON), exports),
        st.builds(lambda key: ExportRemoved(user_id=1, export_id=key), exports),
        st.builds(
            lambda moment: ProviderCircuitOpened(user_id=1, provider="GPT-4", opened_at=moment),
            moments(),
        ),
    )


History = tuple[list[EventData], list[list[int]]]
"""Events, and batches of their places in which each comes once or more."""


@st.composite
def histories(draw: st.DrawFn, kind: st.SearchStrategy[EventData]) -> History:
    events = draw(st.lists(kind, min_size=4, max_size=16))
    places = list(range(len(events)))
    again = draw(st.lists(st.sampled_from(places), max_size=10))
    shuffled = draw(st.permutations(places + again))
    size = draw(st.integers(1, len(shuffled)))
    return events, [shuffled[n : n + size] for n in range(0, len(shuffled), size)]


def of_user(events: Sequence[EventData], user_id: int) -> list[ReceivedEvent]:
    """The events as that user's, in conversations and with event ids of their own."""
    batch = []
    for place, event in enumerate(events):
        fields: dict[str, Any] = {"user_id": user_id}
        if (key := getattr(event, "conversation_id", None)) is not None:
            fields["conversation_id"] = user_id * 10 + key
        batch.append(received(event.model_copy(update=fields), f"{user_id:09} {place:09}"))
    return batch


async def seen_by(stage: Stage, user_id: int) -> dict[str, Any]:
    """All a user sees, but for numbers handed out on arrival, and how long ago it was."""
    service = DashboardService(stage.database, storage_total_bytes=1)
    reader, page = Reader(user_id, "fr"), PageRequest(200, None, None)
    projects = (await service.recent_projects(reader)).model_dump()["projects"]
    activities = (await service.recent_activity(reader, page)).model_dump()["activities"]
    notifications = (await service.notifications(reader, page)).model_dump()["notifications"]
    for each in projects:
        each.pop("updated")
        if each["type"] == "conversation":
            each["id"] -= user_id * 10
            each["url"] = None
    for each in (*activities, *notifications):
        each.pop("id")
        each.pop("time")
    return {
        "stats": await service.stats(user_id),
        "projects": projects,
        "activities": activities,
        "notifications": notifications,
    }


async def assert_order_does_not_matter(stage: Stage, history: History) -> None:
    events, batches = history
    in_order, in_disorder = next(_users), next(_users)
    await stage.deliver(of_user(events, in_order))
    arriving = of_user(events, in_disorder)
    for batch in batches:
        await stage.deliver([arriving[place] for place in batch])
    assert await seen_by(stage, in_disorder) == await seen_by(stage, in_order)


# Without shrinking: a history that fails is short enough to read, and each takes real time.
QUICK = settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


class TestShuffledAndRepeated:
    @QUICK
    @given(history=histories(product_events()))
    async def test_product_events(self, served: Stage, history: History) -> None:
        await assert_order_does_not_matter(served, history)

    @QUICK
    @given(history=histories(conversation_events()))
    async def test_conversation_events(self, served: Stage, history: History) -> None:
        await assert_order_does_not_matter(served, history)

    @QUICK
    @given(history=histories(st.one_of(product_events(), conversation_events(), other_events())))
    async def test_all_events(self, served: Stage, history: History) -> None:
        await assert_order_does_not_matter(served, history)


def everything(user_id: int) -> list[EventData]:
    events = [
        *(product(kind, "1", name="canary", bytes=1) for kind in PRODUCT_EVENTS.values()),
        started(1, title="canary"),
        started(2, title="canary"),
        deleted(2),
        replied(1),
        exported("a"),
        exported("b"),
        ExportRemoved(user_id=1, export_id="b"),
        ProviderCircuitOpened(user_id=1, provider="GPT-4", opened_at=NOON),
    ]
    return [event.model_copy(update={"user_id": user_id}) for event in events]


async def rows_of_user(stage: Stage, user_id: int) -> dict[str, int]:
    async with stage.database.transaction() as session:
        found = {
            table.name: await session.scalar(
                select(func.count()).select_from(table).where(table.c.user_id == user_id)
            )
            for table in metadata.sorted_tables
        }
    return {name: count for name, count in found.items() if count}


class TestADeletedUser:
    async def test_leaves_nothing_but_a_tombstone(self, stage: Stage) -> None:
        await stage.tell(*everything(1))
        assert set(await rows_of_user(stage, 1)) == set(metadata.tables)
        await stage.tell(UserDeleted(user_id=1))
        assert await rows_of_user(stage, 1) == {tombstone.name: 1}

    async def test_leaves_nothing_within_one_batch(self, stage: Stage) -> None:
        first, *others = everything(1)
        await stage.tell(first, UserDeleted(user_id=1), *others)
        assert await rows_of_user(stage, 1) == {tombstone.name: 1}

    async def test_does_not_come_back_with_late_events(self, stage: Stage) -> None:
        await stage.tell(UserDeleted(user_id=1))
        await stage.tell(*everything(1))
        assert await rows_of_user(stage, 1) == {tombstone.name: 1}

    async def test_is_the_only_one_deleted(self, stage: Stage) -> None:
        await stage.tell(*everything(1), UserDeleted(user_id=2))
        before = await rows_of_user(stage, 1)
        await stage.tell(*everything(2))
        assert await rows_of_user(stage, 1) == before
        assert await rows_of_user(stage, 2) == {tombstone.name: 1}


async def test_times_at_the_ends_of_the_calendar_are_no_poison(stage: Stage) -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        await stage.tell(
            product(WebsitePublished, moment, occurred_at=moment),
            product(StorageChanged, moment, occurred_at=moment, bytes=1),
        )
    assert (await stage.read("stats"))["websites"] == 2
    assert len((await stage.read("recent-projects"))["projects"]) == 2
    assert len((await stage.read("recent-activity"))["activities"]) == 2
    assert len((await stage.read("notifications"))["notifications"]) == 2
