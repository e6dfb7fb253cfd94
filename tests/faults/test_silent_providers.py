"""F18: a provider hangs before its first word, or in the middle of its answer."""

import time
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import User
from webox_stack.providers import FIRST_TOKEN_SECONDS, IDLE_SECONDS
from webox_stack.watching import named, shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F18")

OTHERS = ["GPT-4", "Claude", "Mistral"]
HELD_UP_SECONDS = 1
# What a loaded machine may take besides the provider's own limit.
ROOM_SECONDS = 5


@pytest.mark.parametrize(
    ("model", "limit", "told"),
    [
        ("hang_headers", FIRST_TOKEN_SECONDS, "did not begin to answer within 4 s"),
        ("hang_mid", IDLE_SECONDS, "fell silent for 2 s"),
    ],
)
async def test_it_fails_at_its_limit_and_holds_up_nobody(
    user: User,
    healthy: Callable[[], Awaitable[None]],
    model: str,
    limit: float,
    told: str,
) -> None:
    alone = await seconds_until_answered(user, OTHERS)
    began = time.monotonic()
    async with user.watching(
        "/api/chat/send",
        {
            "message": "Bonjour",
            "selected_providers": ["DeepSeek", *OTHERS],
            "selected_models": {"DeepSeek": model},
        },
    ) as stream:
        for _ in OTHERS:
            await stream.until("reply")
        assert time.monotonic() - began < alone + HELD_UP_SECONDS
        error = await stream.until("error")
        assert limit < time.monotonic() - began < limit + ROOM_SECONDS
        events = await stream.rest()
    assert error.data["problem"]["code"] == "timeout"
    assert told in error.data["problem"]["detail"]
    whole = answer_text(model, "Bonjour")
    text = shown(events).get("DeepSeek", "")
    # What it said before it fell silent stays, and is not taken for an answer.
    assert (text != "") == (model == "hang_mid")
    assert whole.startswith(text)
    assert text != whole
    [kept] = (await user.get(f"{stream.message}/replies/DeepSeek"))["replies"]
    assert (kept["status"], kept["content"]) == ("failed", text)
    assert sorted(named(events, "done")[0]["ai_responses"]) == sorted(OTHERS)
    await healthy()


async def seconds_until_answered(user: User, providers: list[str]) -> float:
    began = time.monotonic()
    await user.send("Bonjour", selected_providers=providers)
    return time.monotonic() - began
