"""Every process of a service dies at once, and comes back by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import Stack, User, eventually

Healthy = Callable[[], Awaitable[None]]


@pytest.mark.parametrize("service", ["search", "exporter", "dashboard"])
async def test_chat_goes_on_without_it(
    webox: Stack, user: User, service: str, healthy: Healthy
) -> None:
    webox.kill(*webox.processes_of(service))
    sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4", "Claude"])
    assert len(sent["ai_responses"]) == 2
    assert len((await user.get("/api/chat/conversations"))["conversations"]) == 1
    await healthy()
    await everything_knows(user, sent["conversation_id"])


@pytest.mark.parametrize("service", ["gateway", "chat"])
async def test_what_was_acknowledged_is_there_when_it_is_back(
    webox: Stack, user: User, slow_model: str, service: str, healthy: Healthy
) -> None:
    sent = await user.send(
        "Bonjour tulipe",
        expect=202,
        selected_providers=["GPT-4", "Claude"],
        selected_models={"GPT-4": slow_model},
        wait={"seconds": 0},
    )
    webox.kill(*webox.processes_of(service))
    await healthy()

    async def answered() -> None:
        answer = await user.get(f"/api/chat/messages/{sent['message_id']}")
        assert sorted(answer["ai_responses"]) == ["Claude", "GPT-4"]

    await eventually(answered, seconds=15)
    await everything_knows(user, sent["conversation_id"])


async def test_while_chat_is_away_others_say_so_or_go_on(
    webox: Stack, user: User, healthy: Healthy
) -> None:
    """What stands still is 503 with a time to try again, never 500 and never for long."""
    webox.kill("chat-api")
    answers = await asyncio.gather(
        *(
            user.http.get(path)
            for path in (
                "/api/chat/conversations",
                "/api/dashboard/stats",
                "/api/chat/search?q=tulipe",
                "/api/exports",
                "/api/auth/me",
            )
        )
    )
    assert [each.status_code for each in answers[1:]] == [200] * 4
    if answers[0].status_code != 200:  # unless it was back already
        assert answers[0].status_code in {502, 503}
        assert int(answers[0].headers["Retry-After"]) > 0
    await healthy()


async def everything_knows(user: User, conversation: int) -> None:
    async def known() -> None:
        found = await user.get("/api/chat/search?q=tulipe")
        assert [each["conversation_id"] for each in found["results"]] == [conversation]
        stats = await user.get("/api/dashboard/stats")
        assert (stats["conversations"], stats["generations"]) == (1, 2)

    await eventually(known)
    response = await user.http.get(
        f"/api/chat/conversations/{conversation}/export?format=txt",
        headers={"Prefer": "wait=40"},
    )
    assert response.status_code == 200
    assert "tulipe" in response.text
