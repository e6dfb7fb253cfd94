"""The contract's core rows of the dashboard, literally, on events as they come in."""

from datetime import timedelta
from typing import Any

import pytest
from webox_stack import A_MOMENT, AN_ID, User, eventually, picked
from webox_stack.reports import cloud_event, report

MINUTES, HOURS, DAYS = (timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
# A little more than a whole unit, so that the words stay the same while the test runs.
MARGIN = timedelta(seconds=5)


@pytest.fixture
async def reported(user: User) -> User:
    """`user`, of whom other products have reported what the contract's examples show."""
    token = await user.token_with("events:write")
    for event in (
        cloud_event(user.id, "webox.website.created", "1", ago=2 * HOURS + MARGIN, name="Accueil"),
        cloud_event(
            user.id, "webox.website.published", "1", ago=10 * MINUTES + MARGIN, name="Mon Portfolio"
        ),
        cloud_event(user.id, "webox.funnel.created", "2", ago=3 * DAYS + MARGIN, name="Ventes"),
        cloud_event(user.id, "webox.funnel.published", "2", ago=2 * HOURS + MARGIN, name="Ventes"),
        cloud_event(user.id, "webox.funnel.created", "3", ago=3 * DAYS + MARGIN, name="Idées"),
        cloud_event(user.id, "webox.generation.completed", "4"),
        cloud_event(user.id, "webox.storage.changed", "5", bytes=2_400_000_000),
    ):
        assert await report(user.http, token, event) == {"accepted": 1, "duplicates": 0}

    async def all_seen() -> None:
        stats = await user.get("/api/dashboard/stats")
        assert stats["storage_used_bytes"] == 2_400_000_000

    await eventually(all_seen)
    return user


async def entries(user: User, path: str, name: str, language: str = "") -> list[dict[str, Any]]:
    headers = {"Accept-Language": language} if language else {}
    listed: list[dict[str, Any]] = (await user.get(f"/api/dashboard/{path}", headers=headers))[name]
    return listed


async def test_stats(reported: User) -> None:
    await reported.send("Le marketing", selected_providers=["GPT-4", "Claude"])
    expected = {
        "websites": 1,
        "funnels": 2,
        "conversations": 1,
        "generations": 3,
        "storage_used": "2.4 GB",
        "storage_total": "10 GB",
        "storage_used_bytes": 2_400_000_000,
        "storage_total_bytes": 10_000_000_000,
    }

    async def all_counted() -> None:
        answer = await reported.get("/api/dashboard/stats")
        assert picked(answer, expected) == expected

    await eventually(all_counted)


async def test_stats_of_somebody_new(user: User) -> None:
    answer = await user.get("/api/dashboard/stats")
    assert [answer[name] for name in ("websites", "funnels", "conversations", "generations")] == [
        0,
        0,
        0,
        0,
    ]


async def test_recent_projects(reported: User) -> None:
    sent = await reported.send("Le marketing", selected_providers=["GPT-4"])
    conversation = sent["conversation_id"]
    expected = [
        {
            "id": conversation,
            "type": "conversation",
            "icon": "💬",
            "name": "Le marketing",
            "status": "active",
            "updated": "À l'instant",
            "url": f"/chat?conversation={conversation}",
            "updated_at": A_MOMENT,
        },
        {
            "id": 1,
            "type": "website",
            "icon": "🌐",
            "name": "Mon Portfolio",
            "status": "published",
            "updated": "Il y a 10min",
            "url": "/website-builder",
            "updated_at": A_MOMENT,
        },
        {
            "id": 2,
            "type": "funnel",
            "icon": "🎯",
            "name": "Ventes",
            "status": "published",
            "updated": "Il y a 2h",
            "url": "/funnel-builder",
            "updated_at": A_MOMENT,
        },
        {"id": 3, "type": "funnel", "name": "Idées", "status": "draft", "updated": "Il y a 3j"},
    ]

    async def all_listed() -> None:
        projects = await entries(reported, "recent-projects", "projects")
        assert picked(projects, expected) == expected

    await eventually(all_listed)
    english = await entries(reported, "recent-projects", "projects", "en")
    assert [each["updated"] for each in english] == ["Just now", "10min ago", "2h ago", "3d ago"]


async def test_recent_activity(reported: User) -> None:
    await reported.send("le marketing digital", selected_providers=["GPT-4"])
    expected = [
        {
            "icon": "💬",
            "title": "Conversation IA",
            "description": "Discussion avec GPT-4 sur le marketing digital",
            "time": "À l'instant",
            "created_at": A_MOMENT,
            "type": "conversation_started",
            "id": AN_ID,
        },
        {
            "icon": "🌐",
            "title": "Site web publié",
            "description": "Site 'Mon Portfolio' publié avec succès",
            "time": "Il y a 10 minutes",
        },
        {
            "icon": "🎯",
            "title": "Tunnel publié",
            "description": "Tunnel 'Ventes' publié avec succès",
            "time": "Il y a 2 heures",
        },
        {
            "icon": "🌐",
            "title": "Site web créé",
            "description": "Nouveau site 'Accueil' créé avec succès",
            "time": "Il y a 2 heures",
        },
        {
            "icon": "🎯",
            "title": "Tunnel créé",
            "description": "Nouveau tunnel 'Idées' créé avec succès",
            "time": "Il y a 3 jours",
        },
        {"title": "Tunnel créé", "description": "Nouveau tunnel 'Ventes' créé avec succès"},
    ]

    async def all_listed() -> None:
        activities = await entries(reported, "recent-activity", "activities")
        assert picked(_in_order(activities), _in_order(expected)) == _in_order(expected)

    await eventually(all_listed)
    english = await entries(reported, "recent-activity", "activities", "en")
    assert picked(english[:2], expected[:2]) == [
        expected[0]
        | {
            "title": "AI conversation",
            "description": "Chat with GPT-4 about le marketing digital",
            "time": "Just now",
        },
        expected[1]
        | {
            "title": "Website published",
            "description": "Site 'Mon Portfolio' published",
            "time": "10 minutes ago",
        },
    ]


def _in_order(activities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of one moment, nearly, may be told in either order."""
    return [*activities[:2], *sorted(activities[2:], key=lambda each: str(each["description"]))]


async def test_recent_activity_in_pages(reported: User) -> None:
    whole = await entries(reported, "recent-activity", "activities")
    first = await reported.get("/api/dashboard/recent-activity?limit=3")
    cursor = first["next_cursor"]
    second = await reported.get(f"/api/dashboard/recent-activity?limit=3&cursor={cursor}")
    both = first["activities"] + second["activities"]
    assert [each["id"] for each in both] == [each["id"] for each in whole]
    assert second["next_cursor"] is None


async def test_notifications(reported: User) -> None:
    expected = {
        "notifications": [
            {
                "id": AN_ID,
                "type": "success",
                "icon": "✅",
                "message": "Site 'Mon Portfolio' publié avec succès",
                "time": "Il y a 10 min",
                "read": False,
                "created_at": A_MOMENT,
            },
            {
                "id": AN_ID,
                "type": "success",
                "icon": "✅",
                "message": "Tunnel 'Ventes' publié avec succès",
                "time": "Il y a 2 h",
                "read": False,
                "created_at": A_MOMENT,
            },
        ],
        "unread_count": 2,
    }
    answer = await reported.get("/api/dashboard/notifications")
    assert picked(answer, expected) == expected
    english = await entries(reported, "notifications", "notifications", "en-GB,fr;q=0.5")
    assert [(each["message"], each["time"]) for each in english] == [
        ("Site 'Mon Portfolio' published", "10 min ago"),
        ("Funnel 'Ventes' published", "2 h ago"),
    ]


async def test_notifications_are_read_one_by_one_or_all_at_once(reported: User) -> None:
    first, _ = await entries(reported, "notifications", "notifications")
    path = f"/api/dashboard/notifications/{first['id']}/read"
    assert await reported.post(path) == {"unread_count": 1}
    assert await reported.post(path) == {"unread_count": 1}
    listed = await entries(reported, "notifications", "notifications")
    assert [each["read"] for each in listed] == [True, False]
    assert await reported.post("/api/dashboard/notifications/read-all") == {"unread_count": 0}


async def test_exports_are_told(user: User, conversation: int) -> None:
    body = {"format": "txt", "conversation_ids": [conversation]}
    filename = (await user.post("/api/exports", body, expect=202))["filename"]

    async def told() -> None:
        activity, *_ = await entries(user, "recent-activity", "activities")
        assert (activity["icon"], activity["title"]) == ("📄", "Export prêt")
        assert activity["description"] == filename
        (notification,) = await entries(user, "notifications", "notifications")
        assert (notification["type"], notification["icon"]) == ("success", "✅")
        assert notification["message"] == f"Export '{filename}' prêt"
        assert (await user.get("/api/dashboard/stats"))["storage_used_bytes"] > 0

    await eventually(told)
