"""chat dies while a message is stored, before anybody is asked, or before it could say so."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from webox_stack import DoubleProgram, User, eventually

pytestmark = pytest.mark.fault("F06")

KNOWN_SECONDS = 5


@pytest.mark.parametrize("death", ["chat.before_task", "chat.after_commit"], indirect=True)
@pytest.mark.usefixtures("death")
async def test_a_retry_finds_the_message_and_everybody_hears_of_it_once(
    user: User,
    double: DoubleProgram,
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    async def send() -> httpx.Response:
        return await user.http.post(
            "/api/chat/send",
            json={
                "message": "Bonjour tulipe",
                "selected_providers": ["GPT-4", "Claude"],
                "selected_models": {"GPT-4": slow_model, "Claude": slow_model},
            },
            headers={"Idempotency-Key": "died-after-commit"},
        )

    assert not await went_well(send)

    async def retried() -> dict[str, Any]:
        response = await send()
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    answer = await eventually(retried)
    assert sorted(answer["ai_responses"]) == ["Claude", "GPT-4"]

    async def everybody_knows() -> None:
        found = await user.get("/api/chat/search?q=tulipe")
        assert [each["conversation_id"] for each in found["results"]] == [answer["conversation_id"]]
        stats = await user.get("/api/dashboard/stats")
        assert (stats["conversations"], stats["generations"]) == (1, 2)

    await eventually(everybody_knows, KNOWN_SECONDS)
    [only] = (await user.get("/api/chat/conversations"))["conversations"]
    shown = await user.get(f"/api/chat/conversations/{only['id']}")
    assert shown["messages"][0]["id"] == answer["message_id"]
    assert shown["message_count"] == len(shown["messages"]) == 3
    assert len(double.calls(slow_model)) == 2
    await healthy()


async def went_well(send: Callable[[], Awaitable[httpx.Response]]) -> bool:
    """Not if there is no answer, or that chat cannot be reached."""
    try:
        response = await send()
    except httpx.TransportError:
        return False
    return response.status_code not in {502, 503}
