"""Folders, tags and settings as a whole, through the gateway and in every service."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from webox_stack import User, eventually

FOLDERS, TAGS, SETTINGS = "/api/chat/folders", "/api/chat/tags", "/api/chat/settings"


async def rename(user: User, path: str, name: str, new: str) -> Any:
    return await user.ask("PATCH", f"{path}/{quote(name, safe='')}", json={"name": new})


async def test_folders(user: User, conversation: int) -> None:
    path = f"/api/chat/conversations/{conversation}"
    await user.ask("PATCH", path, json={"folder": "Été/2026 ?"})
    default = {"name": "Général", "count": 0}
    assert await user.get(FOLDERS) == {"folders": [default, {"name": "Été/2026 ?", "count": 1}]}
    renamed = await rename(user, FOLDERS, "Été/2026 ?", "Idées")
    assert renamed == {"folders": [default, {"name": "Idées", "count": 1}]}
    removed = await user.delete(f"{FOLDERS}/{quote('Idées')}")
    assert removed == {"folders": [{"name": "Général", "count": 1}]}
    await user.delete(f"{FOLDERS}/{quote('Général')}", expect=409)


async def test_tags_and_what_search_knows_of_them(user: User, conversation: int) -> None:
    path = f"/api/chat/conversations/{conversation}/tags"
    for tag in ("q/a", "marketing"):
        await user.post(path, {"tag": tag})
    assert await rename(user, TAGS, "Q/A", "questions") == {
        "tags": [{"name": "marketing", "count": 1}, {"name": "questions", "count": 1}]
    }
    assert await user.delete(f"{TAGS}/marketing") == {"tags": [{"name": "questions", "count": 1}]}

    async def followed() -> None:
        assert (await user.get("/api/chat/search?q=marketing&tag=questions"))["total"] == 1

    await eventually(followed)


async def test_language_and_time_zone_are_followed_everywhere(
    user: User, conversation: int
) -> None:
    chosen = {"language": "en", "time_zone": "Pacific/Kiritimati"}
    changed = await user.ask("PATCH", SETTINGS, json=chosen)
    assert changed == chosen | {"default_providers": None, "default_models": None}
    assert await user.get(SETTINGS) == changed

    async def dashboard() -> None:
        (activity,) = (await user.get("/api/dashboard/recent-activity"))["activities"]
        assert activity["title"] == "AI conversation"

    async def search() -> None:
        (found,) = (await user.get("/api/chat/search?q=marketing"))["results"]
        there = datetime.fromisoformat(found["created_at"]) + timedelta(hours=14)
        assert found["date"] == there.strftime("%d/%m/%Y %H:%M")

    async def export() -> None:
        file = await user.http.get(f"/api/chat/conversations/{conversation}/export?format=txt")
        assert "Folder: " in file.text

    for follows in (dashboard, search, export):
        await eventually(follows)


async def test_sends_go_to_the_default_providers(user: User) -> None:
    chosen = {"default_providers": ["Claude"], "default_models": {"Claude": "claude-3-opus"}}
    await user.ask("PATCH", SETTINGS, json=chosen)
    sent = await user.send("Bonjour")
    assert {name: each["model"] for name, each in sent["replies"].items()} == {
        "Claude": "claude-3-opus"
    }
