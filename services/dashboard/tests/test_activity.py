from datetime import timedelta
from typing import Any

from dashboard_stage import NOON, Stage, ago, deleted, exported, product, started

from webox_contracts.events import (
    EventData,
    ExportRemoved,
    FunnelCreated,
    FunnelPublished,
    WebsiteCreated,
    WebsiteDeleted,
    WebsitePublished,
    WebsiteUpdated,
)
from webox_kit.times import iso


def one_of_each() -> list[EventData]:
    return [
        product(WebsiteCreated, name="Portfolio Moderne", occurred_at=ago(minutes=5)),
        started(
            7,
            title="le marketing digital",
            providers=["GPT-4", "Claude"],
            created_at=ago(minutes=15),
        ),
        product(WebsitePublished, "2", name="Boutique", occurred_at=ago(hours=1)),
        product(FunnelCreated, "3", name="Lancement", occurred_at=ago(hours=2)),
        product(FunnelPublished, "3", name="Lancement", occurred_at=ago(hours=23)),
        exported("a", filename="marketing.pdf", finished_at=ago(days=1)),
        exported("b", filename="tout.zip", status="failed", finished_at=ago(days=3)),
    ]


async def activities(stage: Stage, **how: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.read("recent-activity", **how))["activities"]
    return found


async def test_in_french(stage: Stage) -> None:
    await stage.tell(*one_of_each())
    found = await activities(stage)
    for each in found:
        assert isinstance(each.pop("id"), int)
        assert each.pop("created_at").endswith("Z")
    assert found == [
        {
            "icon": "🌐",
            "title": "Site web créé",
            "description": "Nouveau site 'Portfolio Moderne' créé avec succès",
            "time": "Il y a 5 minutes",
            "type": "website_created",
        },
        {
            "icon": "💬",
            "title": "Conversation IA",
            "description": "Discussion avec GPT-4, Claude sur le marketing digital",
            "time": "Il y a 15 minutes",
            "type": "conversation_started",
        },
        {
            "icon": "🌐",
            "title": "Site web publié",
            "description": "Site 'Boutique' publié avec succès",
            "time": "Il y a 1 heure",
            "type": "website_published",
        },
        {
            "icon": "🎯",
            "title": "Tunnel créé",
            "description": "Nouveau tunnel 'Lancement' créé avec succès",
            "time": "Il y a 2 heures",
            "type": "funnel_created",
        },
        {
            "icon": "🎯",
            "title": "Tunnel publié",
            "description": "Tunnel 'Lancement' publié avec succès",
            "time": "Il y a 23 heures",
            "type": "funnel_published",
        },
        {
            "icon": "📄",
            "title": "Export prêt",
            "description": "marketing.pdf",
            "time": "Il y a 1 jour",
            "type": "export_done",
        },
        {
            "icon": "📄",
            "title": "Export échoué",
            "description": "tout.zip",
            "time": "Il y a 3 jours",
            "type": "export_failed",
        },
    ]


async def test_in_english(stage: Stage) -> None:
    await stage.tell(*one_of_each())
    answer = await stage.ask("recent-activity", language="en-US,en;q=0.9,fr;q=0.5")
    assert answer.headers["content-language"] == "en"
    assert [
        (each["title"], each["description"], each["time"]) for each in answer.json()["activities"]
    ] == [
        ("Website created", "New site 'Portfolio Moderne' created", "5 minutes ago"),
        ("AI conversation", "Chat with GPT-4, Claude about le marketing digital", "15 minutes ago"),
        ("Website published", "Site 'Boutique' published", "1 hour ago"),
        ("Funnel created", "New funnel 'Lancement' created", "2 hours ago"),
        ("Funnel published", "Funnel 'Lancement' published", "23 hours ago"),
        ("Export ready", "marketing.pdf", "1 day ago"),
        ("Export failed", "tout.zip", "3 days ago"),
    ]


async def test_a_moment_ago(stage: Stage) -> None:
    await stage.tell(started())
    assert [each["time"] for each in await activities(stage)] == ["À l'instant"]
    assert [each["time"] for each in await activities(stage, language="en")] == ["Just now"]


async def test_another_user_sees_none_of_it(stage: Stage) -> None:
    await stage.tell(*one_of_each())
    assert await activities(stage, user_id=2) == []


async def test_text_of_users_is_never_a_format(stage: Stage) -> None:
    hostile = "{0} {title} {name.__class__} %s %(title)s }{ \\N{BELL}"
    await stage.tell(
        started(title=hostile, providers=[hostile]),
        product(WebsiteCreated, name=hostile),
        exported(filename=hostile),
    )
    described = {each["type"]: each["description"] for each in await activities(stage)}
    assert described == {
        "conversation_started": f"Discussion avec {hostile} sur {hostile}",
        "website_created": f"Nouveau site '{hostile}' créé avec succès",
        "export_done": hostile,
    }


async def test_text_that_postgresql_refuses_is_replaced(stage: Stage) -> None:
    await stage.tell(
        started(title="a\0b", providers=["\0"]),
        product(WebsiteCreated, "\0", name="a\0b"),
        exported("\0", filename="a\0b.pdf"),
    )
    described = {each["description"] for each in await activities(stage)}
    assert described == {
        "Discussion avec \ufffd sur a\ufffdb",
        "Nouveau site 'a\ufffdb' créé avec succès",
        "a\ufffdb.pdf",
    }


async def test_a_product_event_without_a_name_takes_the_product_s(stage: Stage) -> None:
    await stage.tell(product(WebsitePublished, occurred_at=ago(minutes=1)))
    assert (await activities(stage))[0]["description"] == "Site '1' publié avec succès"
    await stage.tell(product(WebsiteUpdated, name="Mon Portfolio", occurred_at=ago(minutes=5)))
    assert (await activities(stage))[0]["description"] == "Site 'Mon Portfolio' publié avec succès"


async def test_updates_and_deletions_of_products_are_no_activity(stage: Stage) -> None:
    await stage.tell(product(WebsiteUpdated, name="a"), product(WebsiteDeleted))
    assert await activities(stage) == []


async def test_a_deleted_conversation_leaves_the_list(stage: Stage) -> None:
    await stage.tell(started(1, title="canary"), started(2, title="kept"))
    await stage.tell(deleted(1))
    await stage.tell(started(1, title="canary"))
    assert [each["description"] for each in await activities(stage)] == [
        "Discussion avec GPT-4, Claude sur kept"
    ]


async def test_a_removed_export_leaves_the_list(stage: Stage) -> None:
    """Its file's name is the title of a conversation that may be deleted."""
    await stage.tell(exported("a", filename="canary.pdf"), exported("b", filename="kept.pdf"))
    await stage.tell(ExportRemoved(user_id=1, export_id="a"))
    await stage.tell(exported("a", filename="canary.pdf"))
    assert [each["description"] for each in await activities(stage)] == ["kept.pdf"]


class TestPages:
    async def test_twenty_by_default(self, stage: Stage) -> None:
        await stage.tell(*(started(n) for n in range(1, 22)))
        page = await stage.read("recent-activity")
        assert len(page["activities"]) == 20
        assert page["next_cursor"] is not None

    async def test_the_cursor_leads_through_all_of_them_once(self, stage: Stage) -> None:
        # Pairs of one moment: a page that ends between the two must lose neither.
        moments = [NOON + timedelta(hours=n // 2) for n in range(9)]
        await stage.tell(*(started(n + 1, title=str(n), created_at=moments[n]) for n in range(9)))
        seen, cursor = [], None
        while True:
            query = {"cursor": cursor} if cursor else {}
            page = await stage.read("recent-activity", limit=3, **query)
            seen += page["activities"]
            if (cursor := page["next_cursor"]) is None:
                break
        assert [each["created_at"] for each in seen] == [iso(each) for each in reversed(moments)]
        assert sorted(each["description"][-1] for each in seen) == list("012345678")

    async def test_what_comes_in_between_moves_no_page(self, stage: Stage) -> None:
        await stage.tell(*(started(n, created_at=NOON + timedelta(hours=n)) for n in (1, 2, 3)))
        first = await stage.read("recent-activity", limit=2)
        await stage.tell(started(4, created_at=NOON + timedelta(hours=4)))
        second = await stage.read("recent-activity", limit=2, cursor=first["next_cursor"])
        assert [each["created_at"] for each in second["activities"]] == ["2025-11-24T13:00:00Z"]

    async def test_skip_is_a_plain_offset(self, stage: Stage) -> None:
        await stage.tell(*(started(n, created_at=NOON + timedelta(hours=n)) for n in (1, 2, 3, 4)))
        page = await stage.read("recent-activity", skip=1, limit=2)
        assert [each["created_at"] for each in page["activities"]] == [
            "2025-11-24T15:00:00Z",
            "2025-11-24T14:00:00Z",
        ]
