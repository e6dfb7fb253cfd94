from collections.abc import Callable

import pytest
from dashboard_stage import (
    NOON,
    Stage,
    ago,
    deleted,
    exported,
    product,
    replied,
    started,
    updated,
)

from webox_contracts.events import (
    EventData,
    ExportRemoved,
    FunnelCreated,
    GenerationCompleted,
    StorageChanged,
    WebsiteCreated,
    WebsiteDeleted,
    WebsiteUpdated,
)
from webox_dashboard.main import create_app
from webox_dashboard.settings import DashboardSettings
from webox_kit.testing import Keys, serve

EARLIER, NOW, LATER = ago(hours=2), ago(hours=1), ago(minutes=1)


async def test_a_new_user_has_nothing(stage: Stage) -> None:
    assert await stage.read("stats") == {
        "websites": 0,
        "funnels": 0,
        "conversations": 0,
        "generations": 0,
        "storage_used": "0 B",
        "storage_total": "10 GB",
        "storage_used_bytes": 0,
        "storage_total_bytes": 10_000_000_000,
    }


async def test_everything_a_user_made_is_counted(stage: Stage) -> None:
    await stage.tell(
        product(WebsiteCreated, "1", bytes=1_000_000_000),
        product(WebsiteCreated, "2"),
        product(FunnelCreated, "1", bytes=400_000_000),
        product(StorageChanged, "media-library", bytes=950_000_000),
        product(GenerationCompleted, "picture-1"),
        started(1),
        started(2),
        replied(11),
        replied(12, demo=True),
        exported(size_bytes=50_000_000),
    )
    assert await stage.read("stats") == {
        "websites": 2,
        "funnels": 1,
        "conversations": 2,
        "generations": 3,
        "storage_used": "2.4 GB",
        "storage_total": "10 GB",
        "storage_used_bytes": 2_400_000_000,
        "storage_total_bytes": 10_000_000_000,
    }


async def test_another_user_sees_none_of_it(stage: Stage) -> None:
    await stage.tell(
        product(WebsiteCreated, bytes=5),
        product(FunnelCreated),
        product(GenerationCompleted),
        started(),
        replied(11),
        exported(),
    )
    theirs = await stage.read("stats", user_id=2)
    assert {
        theirs[name]
        for name in ("websites", "funnels", "conversations", "generations", "storage_used_bytes")
    } == {0}


async def test_what_may_be_stored_is_a_setting(
    make_settings: Callable[..., DashboardSettings], keys: Keys
) -> None:
    settings = make_settings(DashboardSettings, storage_total_bytes=1_500_000_000_000)
    async with serve(create_app(settings)) as client:
        answer = await client.get(
            "/api/dashboard/stats", headers=keys.user_headers("dashboard", user_id=1)
        )
    assert answer.json()["storage_total"] == "1.5 TB"


class TestConversations:
    async def test_archived_ones_count(self, stage: Stage) -> None:
        await stage.tell(started(1), updated(1, archived=True))
        assert (await stage.read("stats"))["conversations"] == 1

    async def test_deleted_ones_do_not(self, stage: Stage) -> None:
        await stage.tell(started(1), started(2))
        await stage.tell(deleted(1))
        assert (await stage.read("stats"))["conversations"] == 1

    async def test_one_whose_start_has_not_come_yet_is_not_counted(self, stage: Stage) -> None:
        await stage.tell(replied(11, conversation_id=5))
        assert (await stage.read("stats"))["conversations"] == 0


class TestGenerations:
    async def test_only_finished_answers_count(self, stage: Stage) -> None:
        await stage.tell(replied(11), replied(12, status="failed"), replied(13, status="cancelled"))
        assert (await stage.read("stats"))["generations"] == 1

    async def test_a_retry_counts_again(self, stage: Stage) -> None:
        await stage.tell(replied(11), replied(12, message_id=1))
        assert (await stage.read("stats"))["generations"] == 2

    async def test_deleting_the_conversation_lowers_nothing(self, stage: Stage) -> None:
        await stage.tell(started(1), replied(11, conversation_id=1))
        await stage.tell(deleted(1))
        await stage.tell(replied(12, conversation_id=1))
        assert (await stage.read("stats"))["generations"] == 2

    async def test_a_reply_counts_once_however_often_it_is_told(self, stage: Stage) -> None:
        await stage.tell(replied(11), replied(11))
        await stage.tell(replied(11), replied(12))
        assert (await stage.read("stats"))["generations"] == 2

    async def test_each_of_another_product_counts(self, stage: Stage) -> None:
        await stage.tell(product(GenerationCompleted, "1"), product(GenerationCompleted, "1"))
        assert (await stage.read("stats"))["generations"] == 2


class TestStorage:
    @pytest.mark.parametrize(
        ("events", "used"),
        [
            pytest.param(
                [
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                    product(WebsiteUpdated, bytes=70, occurred_at=NOW),
                ],
                "70 B",
                id="the latest of a website",
            ),
            pytest.param(
                [
                    product(WebsiteUpdated, bytes=70, occurred_at=NOW),
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                ],
                "70 B",
                id="the latest by time, not by arrival",
            ),
            pytest.param(
                [
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                    product(WebsiteUpdated, occurred_at=NOW),
                ],
                "100 B",
                id="an update that says nothing of bytes",
            ),
            pytest.param(
                [
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                    product(WebsiteDeleted, occurred_at=NOW),
                ],
                "0 B",
                id="a deleted website",
            ),
            pytest.param(
                [product(WebsiteCreated, bytes=100), product(FunnelCreated, bytes=30)],
                "130 B",
                id="a website and a funnel of the same number",
            ),
            pytest.param(
                [
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                    product(StorageChanged, bytes=250, occurred_at=NOW),
                ],
                "250 B",
                id="storage changed of a website",
            ),
            pytest.param(
                [
                    product(WebsiteCreated, bytes=100, occurred_at=EARLIER),
                    product(StorageChanged, bytes=250, occurred_at=NOW),
                    product(WebsiteUpdated, bytes=90, occurred_at=LATER),
                ],
                "90 B",
                id="a website after storage changed",
            ),
            pytest.param(
                [exported("a", size_bytes=100), exported("b", size_bytes=20)],
                "120 B",
                id="export files",
            ),
            pytest.param(
                [exported("a", size_bytes=100, status="failed")], "0 B", id="a failed export"
            ),
            pytest.param(
                [
                    exported("a", size_bytes=100),
                    exported("b", size_bytes=20),
                    ExportRemoved(user_id=1, export_id="a"),
                ],
                "20 B",
                id="a removed export file",
            ),
            pytest.param(
                [ExportRemoved(user_id=1, export_id="a"), exported("a", size_bytes=100)],
                "0 B",
                id="an export told of after its removal",
            ),
        ],
    )
    async def test_is_what_each_thing_takes_now(
        self, stage: Stage, events: list[EventData], used: str
    ) -> None:
        for event in events:
            await stage.tell(event)
        assert (await stage.read("stats"))["storage_used"] == used

    async def test_may_be_more_than_a_bigint_holds(self, stage: Stage) -> None:
        most = 2**62
        await stage.tell(
            *(product(StorageChanged, str(each), bytes=most, occurred_at=NOON) for each in range(3))
        )
        stats = await stage.read("stats")
        assert stats["storage_used_bytes"] == 3 * most
        assert stats["storage_used"] == "13.8 EB"
