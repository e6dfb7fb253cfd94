"""Once a conversation is deleted, everything else knows it no more."""

import asyncio

from webox_stack import DoubleProgram, User, eventually

# The promise to users, in seconds.
FORGOTTEN = 10


async def test_everything_forgets_a_deleted_conversation(user: User, conversation: int) -> None:
    kept = await user.send("Une autre stratégie", selected_providers=["GPT-4"])
    body = {"format": "txt", "conversation_ids": [conversation]}
    single = await user.post("/api/exports", body, expect=202)
    both = [conversation, kept["conversation_id"]]
    archive = await user.post("/api/exports", body | {"conversation_ids": both}, expect=202)

    async def everything_knows_it() -> None:
        assert (await user.get("/api/chat/search?q=marketing"))["total"] == 1
        assert len((await user.get("/api/dashboard/recent-projects"))["projects"]) == 2
        for job in (single, archive):
            assert (await user.get(f"/api/exports/{job['id']}"))["status"] == "done"

    await eventually(everything_knows_it)
    stats = await user.get("/api/dashboard/stats")
    await user.delete(f"/api/chat/conversations/{conversation}")

    async def search_forgets() -> None:
        assert (await user.get("/api/chat/search?q=marketing"))["results"] == []
        assert (await user.get("/api/chat/search?q=stratégie"))["total"] == 1

    async def dashboard_forgets() -> None:
        now = await user.get("/api/dashboard/stats")
        assert now["conversations"] == stats["conversations"] - 1 == 1
        assert now["generations"] == stats["generations"] == 2
        projects = (await user.get("/api/dashboard/recent-projects"))["projects"]
        assert [each["id"] for each in projects] == [kept["conversation_id"]]
        activities = (await user.get("/api/dashboard/recent-activity"))["activities"]
        assert [each["description"] for each in activities if "marketing" in str(each)] == []
        notifications = (await user.get("/api/dashboard/notifications"))["notifications"]
        assert [each["message"] for each in notifications if "marketing" in str(each)] == []

    async def exports_forget() -> None:
        for job in (single, archive):
            assert (await user.get(f"/api/exports/{job['id']}"))["status"] == "expired"
            await user.get(f"/api/exports/{job['id']}/download", expect=410)

    checks = (search_forgets, dashboard_forgets, exports_forget)
    await asyncio.gather(*(eventually(check, FORGOTTEN) for check in checks))
    await user.get(f"/api/chat/conversations/{conversation}/export?format=txt", expect=404)
    await user.post("/api/exports", body, expect=404)


async def test_a_reply_that_runs_is_cancelled(user: User, double: DoubleProgram) -> None:
    model = "delay:20000+deleted"
    sent = await user.send(
        "Une longue question",
        expect=202,
        selected_providers=["GPT-4"],
        selected_models={"GPT-4": model},
        wait={"seconds": 0},
    )

    async def asked() -> None:
        assert double.outcomes(model) == ["running"]

    await eventually(asked)
    await user.delete(f"/api/chat/conversations/{sent['conversation_id']}")

    async def left() -> None:
        assert double.outcomes(model) == ["aborted"]

    await eventually(left, seconds=5)
