"""What other products report through the gateway."""

from datetime import timedelta
from typing import Any

from webox_stack import User, eventually
from webox_stack.reports import MEDIA_TYPE, cloud_event, report


async def test_a_website_is_seen_in_all_four_endpoints(user: User) -> None:
    token = await user.token_with("events:write")
    created = cloud_event(user.id, "webox.website.created", "7", name="Portfolio Moderne")
    published = cloud_event(user.id, "webox.website.published", "7", name="Portfolio Moderne")
    for event in (created, published):
        assert await report(user.http, token, event) == {"accepted": 1, "duplicates": 0}

    async def seen() -> None:
        assert (await user.get("/api/dashboard/stats"))["websites"] == 1
        (project,) = (await user.get("/api/dashboard/recent-projects"))["projects"]
        assert (project["id"], project["name"]) == (7, "Portfolio Moderne")
        activities = (await user.get("/api/dashboard/recent-activity"))["activities"]
        assert [each["title"] for each in activities] == ["Site web publié", "Site web créé"]
        answer = await user.get("/api/dashboard/notifications")
        (notification,) = answer["notifications"]
        assert notification["message"] == "Site 'Portfolio Moderne' publié avec succès"
        assert answer["unread_count"] == 1

    await eventually(seen)
    deleted = cloud_event(user.id, "webox.website.deleted", "7")
    await report(user.http, token, deleted)

    async def gone() -> None:
        assert (await user.get("/api/dashboard/stats"))["websites"] == 0
        assert (await user.get("/api/dashboard/recent-projects"))["projects"] == []

    await eventually(gone)


async def test_the_same_one_twice_counts_once(user: User) -> None:
    token = await user.token_with("events:write")
    event = cloud_event(user.id, "webox.generation.completed", event_id=f"twice-{user.id}")
    assert await report(user.http, token, event) == {"accepted": 1, "duplicates": 0}
    assert await report(user.http, token, event) == {"accepted": 0, "duplicates": 1}
    elsewhere = event | {"source": "/elsewhere"}
    assert await report(user.http, token, elsewhere) == {"accepted": 1, "duplicates": 0}

    async def counted() -> None:
        assert (await user.get("/api/dashboard/stats"))["generations"] == 2

    await eventually(counted)


async def test_the_order_is_that_of_their_times(user: User) -> None:
    token = await user.token_with("events:write")
    renamed = cloud_event(user.id, "webox.website.updated", name="Nouveau nom")
    earlier = cloud_event(
        user.id, "webox.website.created", name="Ancien nom", ago=timedelta(hours=1)
    )
    for event in (renamed, earlier):
        await report(user.http, token, event)

    async def named() -> None:
        activities = (await user.get("/api/dashboard/recent-activity"))["activities"]
        assert len(activities) == 1
        (project,) = (await user.get("/api/dashboard/recent-projects"))["projects"]
        assert project["name"] == "Nouveau nom"

    await eventually(named)


async def test_unknown_type_names_the_known_ones(user: User) -> None:
    token = await user.token_with("events:write")
    event = cloud_event(user.id, "webox.website.burned")
    problem = await report(user.http, token, event, expect=400)
    for thing in ("website", "funnel"):
        for happening in ("created", "updated", "published", "deleted"):
            assert f"webox.{thing}.{happening}" in problem["detail"]
    assert "webox.generation.completed" in problem["detail"]
    assert "webox.storage.changed" in problem["detail"]


async def test_an_admin_reports_for_anyone_a_user_for_nobody_else(user: User, admin: User) -> None:
    token = await user.token_with("events:write")
    event = cloud_event(admin.id, "webox.website.created", name="Pas à moi")
    await report(user.http, token, event, expect=403)
    token = await admin.token_with("events:write")
    await report(admin.http, token, cloud_event(user.id, "webox.website.created", name="À elle"))

    async def seen() -> None:
        assert (await user.get("/api/dashboard/stats"))["websites"] == 1

    await eventually(seen)


async def test_a_session_may_not_report(user: User) -> None:
    event = cloud_event(user.id, "webox.website.created")
    await report(user.http, user.token, event, expect=403)


async def test_one_form_is_understood(user: User) -> None:
    token = await user.token_with("events:write")
    event: dict[str, Any] = cloud_event(user.id, "webox.website.created")
    for media_type in ("application/json", "application/cloudevents-batch+json", "text/plain"):
        response = await user.http.post(
            "/api/events",
            json=event,
            headers={"Content-Type": media_type, "Authorization": f"Bearer {token}"},
        )
        assert response.status_code == 415, media_type
        if media_type.endswith("json"):
            assert MEDIA_TYPE in response.json()["detail"]
