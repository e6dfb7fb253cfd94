"""F27: the clock of one service's machine is wrong."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually

pytestmark = pytest.mark.fault("F27")

Healthy = Callable[[], Awaitable[None]]
DONE_SECONDS = 30
OFF_SECONDS = 600
# Longer than its lease (3 s here), which is renewed and not taken from the worker meanwhile.
LONG_MODEL = "delay:4000+wrong-clock"
TOO_FAR_SECONDS = 3600


@pytest.mark.parametrize(
    ("seconds", "services"),
    [
        (OFF_SECONDS, ["chat"]),
        (-OFF_SECONDS, ["exporter"]),
        (-OFF_SECONDS, ["gateway"]),
        (OFF_SECONDS, ["search", "dashboard"]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else f"{value:+}",
)
async def test_by_ten_minutes_and_nobody_notices(
    webox: Stack,
    user: User,
    double: DoubleProgram,
    slow_model: str,
    healthy: Healthy,
    seconds: int,
    services: list[str],
) -> None:
    model = f"{LONG_MODEL}-{slow_model}" if services == ["chat"] else slow_model
    programs = [name for service in services for name in webox.processes_of(service)]
    with webox.clocks_off(seconds, *programs):
        sent = await user.send(
            "Bonjour tulipe", selected_providers=["GPT-4"], selected_models={"GPT-4": model}
        )
        assert list(sent["ai_responses"]) == ["GPT-4"]
        assert sent["replies"]["GPT-4"]["attempt"] == 1
        order = {"format": "pdf", "conversation_ids": [sent["conversation_id"]]}
        job = await user.post("/api/exports", order, expect=202)

        async def all_done() -> dict[str, Any]:
            exported: dict[str, Any] = await user.get(f"/api/exports/{job['id']}")
            assert exported["status"] == "done"
            found = await user.get("/api/chat/search?q=tulipe")
            assert len(found["results"]) == 1
            assert (await user.get("/api/dashboard/stats"))["generations"] == 1
            assert len((await user.get("/api/dashboard/recent-activity"))["activities"]) == 2
            return exported

        exported = await eventually(all_done, DONE_SECONDS)
        assert (await user.http.get(exported["download_url"])).content.startswith(b"%PDF-")
        await all_moments_are_now(user, sent, exported)
    assert len(double.calls(model)) == 1, "its lease was stolen"
    # An operator is told of it.
    said = re.findall(r'"ahead_seconds": ?(-?\d+)', str(webox.logs.new()))
    assert [each for each in map(int, said) if abs(abs(each) - OFF_SECONDS) < 60]
    await healthy()


async def all_moments_are_now(user: User, sent: dict[str, Any], exported: dict[str, Any]) -> None:
    """They are the databases': what was made in the last minute says so, in all services."""
    conversation = await user.get(f"/api/chat/conversations/{sent['conversation_id']}")
    activity = await user.get("/api/dashboard/recent-activity")
    moments = [each["created_at"] for each in conversation["messages"]]
    moments += [each["created_at"] for each in activity["activities"]]
    moments += [exported["created_at"], exported["finished_at"], conversation["updated_at"]]
    assert {each["time"] for each in activity["activities"]} <= {"À l'instant", "Il y a 1 minute"}
    for moment in moments:
        assert abs((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()) < 120


async def test_by_an_hour_and_no_token_is_blamed_for_it(
    webox: Stack, user: User, healthy: Healthy
) -> None:
    """It is an outage that says what to look at, and it is over when the clock is right."""
    with webox.clocks_off(TOO_FAR_SECONDS, *webox.processes_of("gateway")):
        response = await user.http.get("/api/chat/conversations")
        assert response.status_code == 503
        assert "look at its clock" in response.json()["detail"]
        assert int(response.headers["Retry-After"]) > 0
        # What the gateway answers by itself is answered.
        assert (await user.get("/api/auth/me"))["id"] == user.id
    await user.get("/api/auth/me")
    assert await user.get("/api/chat/conversations")
    await healthy()
