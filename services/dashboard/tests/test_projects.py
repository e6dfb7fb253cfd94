from datetime import timedelta
from typing import Any

import pytest
from dashboard_stage import NOON, Stage, ago, deleted, product, replied, started, updated

from webox_contracts.events import (
    FunnelPublished,
    FunnelUpdated,
    MessageSent,
    WebsiteCreated,
    WebsiteDeleted,
    WebsitePublished,
    WebsiteUpdated,
)
from webox_dashboard.service import project_id

EARLIER, NOW, LATER = ago(hours=2), ago(hours=1), ago(minutes=1)


async def projects(stage: Stage, **how: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.read("recent-projects", **how))["projects"]
    return found


async def three_projects(stage: Stage) -> None:
    await stage.tell(
        product(WebsitePublished, "1", name="Mon Portfolio", occurred_at=ago(hours=2)),
        product(FunnelUpdated, "8", name="Lancement", occurred_at=ago(days=3)),
        started(123, title="Discussion marketing", created_at=ago(minutes=10)),
    )


async def test_in_french(stage: Stage) -> None:
    await three_projects(stage)
    found = await projects(stage)
    moments = [each.pop("updated_at") for each in found]
    assert found == [
        {
            "id": 123,
            "type": "conversation",
            "icon": "💬",
            "name": "Discussion marketing",
            "status": "active",
            "updated": "Il y a 10min",
            "url": "/chat?conversation=123",
        },
        {
            "id": 1,
            "type": "website",
            "icon": "🌐",
            "name": "Mon Portfolio",
            "status": "published",
            "updated": "Il y a 2h",
            "url": "/website-builder",
        },
        {
            "id": 8,
            "type": "funnel",
            "icon": "🎯",
            "name": "Lancement",
            "status": "draft",
            "updated": "Il y a 3j",
            "url": "/funnel-builder",
        },
    ]
    assert moments == sorted(moments, reverse=True)


async def test_in_english(stage: Stage) -> None:
    await three_projects(stage)
    words = [each["updated"] for each in await projects(stage, language="en-GB,en;q=0.9")]
    assert words == ["10min ago", "2h ago", "3d ago"]


async def test_dates_are_in_utc_to_the_second(stage: Stage) -> None:
    moment = NOON.astimezone().replace(microsecond=999_999)
    await stage.tell(product(WebsiteCreated, occurred_at=moment))
    assert (await projects(stage))[0]["updated_at"] == "2025-11-24T12:00:00Z"


async def test_only_the_last_ten(stage: Stage) -> None:
    await stage.tell(
        *(
            product(WebsiteCreated, str(n), occurred_at=NOON + n * timedelta(days=2))
            for n in range(8)
        ),
        *(started(n, created_at=NOON + n * timedelta(days=2, hours=1)) for n in range(1, 8)),
    )
    found = [(each["type"], each["id"]) for each in await projects(stage)]
    assert found == [
        (kind, number) for number in (7, 6, 5, 4, 3) for kind in ("conversation", "website")
    ]


async def test_another_user_sees_none_of_them(stage: Stage) -> None:
    await three_projects(stage)
    assert await projects(stage, user_id=2) == []


class TestProducts:
    async def test_the_same_number_of_two_users_is_two_things(self, stage: Stage) -> None:
        await stage.tell(
            product(WebsiteCreated, name="Mine"),
            product(WebsiteCreated, name="Theirs", user_id=2),
        )
        assert [each["name"] for each in await projects(stage)] == ["Mine"]
        assert [each["name"] for each in await projects(stage, user_id=2)] == ["Theirs"]

    async def test_take_name_and_time_of_the_latest_event(self, stage: Stage) -> None:
        await stage.tell(product(WebsiteUpdated, name="New", occurred_at=ago(minutes=1)))
        await stage.tell(product(WebsiteCreated, name="Old", occurred_at=EARLIER))
        (found,) = await projects(stage)
        assert (found["name"], found["updated"]) == ("New", "Il y a 1min")

    async def test_keep_their_name_through_events_without_one(self, stage: Stage) -> None:
        await stage.tell(
            product(WebsiteCreated, name="Mon Portfolio", occurred_at=EARLIER),
            product(WebsiteUpdated, occurred_at=NOW),
        )
        assert (await projects(stage))[0]["name"] == "Mon Portfolio"

    async def test_without_any_name_are_called_by_their_id(self, stage: Stage) -> None:
        await stage.tell(product(WebsiteCreated, "42"))
        assert (await projects(stage))[0]["name"] == "42"

    async def test_of_one_time_are_applied_in_the_order_of_ids(self, stage: Stage) -> None:
        for event_id, name in (("b", "second"), ("c", "third"), ("a", "first")):
            await stage.tell(
                product(WebsiteUpdated, name=name, event_id=event_id, occurred_at=NOON)
            )
        assert (await projects(stage))[0]["name"] == "third"

    async def test_stay_published_through_updates(self, stage: Stage) -> None:
        await stage.tell(
            product(FunnelPublished, occurred_at=EARLIER), product(FunnelUpdated, occurred_at=NOW)
        )
        assert (await projects(stage))[0]["status"] == "published"

    async def test_leave_the_list_when_deleted(self, stage: Stage) -> None:
        await stage.tell(product(WebsiteCreated, occurred_at=EARLIER))
        await stage.tell(product(WebsiteDeleted, occurred_at=NOW))
        assert await projects(stage) == []

    async def test_stay_deleted_when_an_older_event_arrives(self, stage: Stage) -> None:
        await stage.tell(product(WebsiteDeleted, occurred_at=NOW))
        await stage.tell(product(WebsitePublished, occurred_at=EARLIER))
        assert await projects(stage) == []

    async def test_are_back_as_drafts_when_made_anew(self, stage: Stage) -> None:
        await stage.tell(
            product(WebsitePublished, occurred_at=EARLIER),
            product(WebsiteDeleted, occurred_at=NOW),
            product(WebsiteCreated, occurred_at=LATER),
        )
        assert [each["status"] for each in await projects(stage)] == ["draft"]


class TestConversations:
    async def test_archived(self, stage: Stage) -> None:
        await stage.tell(started(), updated(archived=True))
        assert (await projects(stage))[0]["status"] == "archived"

    async def test_an_older_title_never_comes_back(self, stage: Stage) -> None:
        await stage.tell(started(), updated(version=5, title="Newest"))
        await stage.tell(updated(version=4, title="Older"))
        assert (await projects(stage))[0]["name"] == "Newest"

    async def test_messages_bring_it_up_but_not_back(self, stage: Stage) -> None:
        sent = MessageSent(
            user_id=1,
            version=7,
            conversation_id=1,
            message_id=5,
            providers=["GPT-4"],
            created_at=NOW,
        )
        await stage.tell(sent)
        await stage.tell(started(created_at=EARLIER), updated(version=6, updated_at=EARLIER))
        assert (await projects(stage))[0]["updated"] == "Il y a 1h"

    async def test_a_finished_reply_brings_it_up(self, stage: Stage) -> None:
        await stage.tell(started(created_at=EARLIER), replied(11, finished_at=NOW))
        assert (await projects(stage))[0]["updated"] == "Il y a 1h"

    async def test_a_deleted_one_stays_away(self, stage: Stage) -> None:
        await stage.tell(started())
        await stage.tell(deleted())
        await stage.tell(updated(version=20), replied(11))
        assert await projects(stage) == []


@pytest.mark.parametrize("subject", ["1", "0", "4503599627370495"])
def test_a_number_is_its_own_id(subject: str) -> None:
    assert project_id(subject) == int(subject)


@pytest.mark.parametrize("subject", ["site-1", "007", "-1", "٣", "9" * 255, "4503599627370496"])
def test_another_id_becomes_one_number_apart_from_all_real_ones(subject: str) -> None:
    assert project_id(subject) == project_id(subject)
    assert 2**52 <= project_id(subject) < 2**53
