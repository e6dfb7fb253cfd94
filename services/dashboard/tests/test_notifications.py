from datetime import timedelta
from typing import Any

from dashboard_stage import NOON, Stage, ago, exported, product
from sqlalchemy import text

from webox_contracts.events import (
    EventData,
    ExportRemoved,
    FunnelPublished,
    ProviderCircuitOpened,
    WebsiteCreated,
    WebsitePublished,
)


def one_of_each() -> list[EventData]:
    return [
        product(WebsitePublished, name="Mon Portfolio", occurred_at=ago(minutes=10)),
        product(FunnelPublished, name="Lancement", occurred_at=ago(hours=2)),
        exported("a", filename="marketing.pdf", finished_at=ago(hours=3)),
        exported("b", filename="tout.zip", status="failed", finished_at=ago(days=3)),
        ProviderCircuitOpened(user_id=1, provider="GPT-4", opened_at=ago(days=4)),
    ]


async def notifications(stage: Stage, **how: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.read("notifications", **how))["notifications"]
    return found


async def test_in_french(stage: Stage) -> None:
    await stage.tell(*one_of_each())
    answer = await stage.read("notifications")
    for each in answer["notifications"]:
        assert isinstance(each.pop("id"), int)
        assert each.pop("created_at").endswith("Z")
    assert answer == {
        "notifications": [
            {
                "type": "success",
                "icon": "✅",
                "message": "Site 'Mon Portfolio' publié avec succès",
                "time": "Il y a 10 min",
                "read": False,
            },
            {
                "type": "success",
                "icon": "✅",
                "message": "Tunnel 'Lancement' publié avec succès",
                "time": "Il y a 2 h",
                "read": False,
            },
            {
                "type": "success",
                "icon": "✅",
                "message": "Export 'marketing.pdf' prêt",
                "time": "Il y a 3 h",
                "read": False,
            },
            {
                "type": "error",
                "icon": "❌",
                "message": "Export 'tout.zip' a échoué",
                "time": "Il y a 3 j",
                "read": False,
            },
            {
                "type": "warning",
                "icon": "⚠️",
                "message": "GPT-4 ne répond plus, réessai automatique",
                "time": "Il y a 4 j",
                "read": False,
            },
        ],
        "unread_count": 5,
        "next_cursor": None,
    }


async def test_in_english(stage: Stage) -> None:
    await stage.tell(*one_of_each())
    found = await notifications(stage, language="en")
    assert [(each["message"], each["time"]) for each in found] == [
        ("Site 'Mon Portfolio' published", "10 min ago"),
        ("Funnel 'Lancement' published", "2 h ago"),
        ("Export 'marketing.pdf' ready", "3 h ago"),
        ("Export 'tout.zip' failed", "3 d ago"),
        ("GPT-4 is not answering, retrying by itself", "4 d ago"),
    ]


async def test_creating_makes_none(stage: Stage) -> None:
    await stage.tell(product(WebsiteCreated))
    assert await notifications(stage) == []


async def test_pages(stage: Stage) -> None:
    await stage.tell(
        *(
            product(WebsitePublished, str(n), name=str(n), occurred_at=NOON + timedelta(hours=n))
            for n in range(5)
        )
    )
    first = await stage.read("notifications", limit=3)
    second = await stage.read("notifications", limit=3, cursor=first["next_cursor"])
    assert [each["message"][6] for each in first["notifications"]] == ["4", "3", "2"]
    assert [each["message"][6] for each in second["notifications"]] == ["1", "0"]
    assert (first["unread_count"], second["next_cursor"]) == (5, None)
    skipped = await stage.read("notifications", limit=1, skip=4)
    assert [each["message"][6] for each in skipped["notifications"]] == ["0"]


async def test_a_removed_export_takes_its_notification_along(stage: Stage) -> None:
    await stage.tell(exported("a"))
    await stage.tell(ExportRemoved(user_id=1, export_id="a"))
    assert await stage.read("notifications") == {
        "notifications": [],
        "unread_count": 0,
        "next_cursor": None,
    }


async def test_each_is_announced_once(stage: Stage) -> None:
    await stage.tell(exported("a", status="failed"))
    await stage.tell(exported("a", status="failed"), product(WebsiteCreated))
    async with stage.database.transaction() as session:
        rows = await session.scalars(text("SELECT convert_from(event, 'UTF8')::jsonb FROM outbox"))
        told = rows.all()
    (shown,) = await notifications(stage)
    assert [(each["type"], each["data"]) for each in told] == [
        (
            "dashboard.notification_created",
            {"user_id": 1, "version": 0, "notification_id": shown["id"], "kind": "error"},
        )
    ]


class TestRead:
    async def test_one(self, stage: Stage) -> None:
        await stage.tell(*one_of_each()[:2])
        first, second = await notifications(stage)
        path = f"notifications/{first['id']}/read"
        assert await stage.read(path, method="POST") == {"unread_count": 1}
        assert [each["read"] for each in await notifications(stage)] == [True, False]
        assert (await stage.read("notifications"))["unread_count"] == 1
        assert second["read"] is False

    async def test_twice_is_no_error(self, stage: Stage) -> None:
        await stage.tell(*one_of_each()[:2])
        path = f"notifications/{(await notifications(stage))[0]['id']}/read"
        assert await stage.read(path, method="POST") == await stage.read(path, method="POST")

    async def test_all(self, stage: Stage) -> None:
        await stage.tell(*one_of_each())
        answer = await stage.read("notifications/read-all", method="POST")
        assert answer == {"unread_count": 0}
        assert all(each["read"] for each in await notifications(stage))

    async def test_another_user_s_is_not_found_and_stays_unread(self, stage: Stage) -> None:
        await stage.tell(*one_of_each()[:1])
        (mine,) = await notifications(stage)
        path = f"notifications/{mine['id']}/read"
        theirs = await stage.ask(path, method="POST", user_id=2)
        unknown = await stage.ask("notifications/999999/read", method="POST", user_id=2)
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.json()["title"] == unknown.json()["title"] == "Not found"
        assert (await notifications(stage))[0]["read"] is False

    async def test_all_of_one_user_are_not_another_s(self, stage: Stage) -> None:
        await stage.tell(*one_of_each())
        await stage.read("notifications/read-all", method="POST", user_id=2)
        assert (await stage.read("notifications"))["unread_count"] == 5
