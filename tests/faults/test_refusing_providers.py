"""F19: a provider refuses: too many requests, errors of its own, a key it does not know."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import count, pairwise
from typing import Any

import pytest
from webox_stack import PROVIDER_KEY, DoubleProgram, User
from webox_stack.watching import named

from webox_double import answer_text

pytestmark = pytest.mark.fault("F19")

_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]
# Both protocols.
PROVIDERS = ["GPT-4", "Claude"]


def model_of(behaviour: str) -> str:
    """Under a name of this test's own, by which its calls are counted."""
    return f"{behaviour}+refusal-{next(_numbers)}"


def waits(calls: list[dict[str, Any]]) -> list[float]:
    """The seconds between calls."""
    moments = [datetime.fromisoformat(call["at"]) for call in calls]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_429_is_asked_again_after_as_long_as_it_says(
    user: User, double: DoubleProgram, healthy: Healthy, provider: str
) -> None:
    model = model_of("429:2:1")
    sent = await user.send(
        "Bonjour", selected_providers=[provider], selected_models={provider: model}
    )
    assert sent["ai_responses"] == {provider: answer_text(model, "Bonjour")}
    first, second = waits(double.calls(model))
    # 1 s as told, and up to half a second of jitter, so that not all come back at once.
    assert 1 <= first < 1.5 + 1
    assert 1 <= second < 1.5 + 1
    await healthy()


@pytest.mark.parametrize(("behaviour", "code"), [("429", "rate_limited"), ("500", "unavailable")])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_after_three_tries_it_has_failed(
    user: User,
    double: DoubleProgram,
    healthy: Healthy,
    provider: str,
    behaviour: str,
    code: str,
) -> None:
    model = model_of(behaviour)
    sent = await user.send(
        "Bonjour", expect=502, selected_providers=[provider], selected_models={provider: model}
    )
    assert sent["errors"][provider]["code"] == code
    assert len(double.calls(model)) == 3
    await healthy()


async def test_500_is_asked_again_with_growing_pauses(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    model = model_of("500:2")
    sent = await user.send(
        "Bonjour", selected_providers=["GPT-4"], selected_models={"GPT-4": model}
    )
    assert sent["ai_responses"] == {"GPT-4": answer_text(model, "Bonjour")}
    first, second = waits(double.calls(model))
    assert first >= 0.25
    assert second >= 0.5
    await healthy()


async def test_a_wait_that_is_too_long_is_not_waited_for(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    model = model_of("429:9:300")
    sent = await user.send(
        "Bonjour", expect=502, selected_providers=["GPT-4"], selected_models={"GPT-4": model}
    )
    assert sent["errors"]["GPT-4"]["code"] == "rate_limited"
    assert len(double.calls(model)) == 1
    await healthy()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_401_is_never_asked_again_and_the_key_is_not_told(
    user: User, double: DoubleProgram, healthy: Healthy, provider: str
) -> None:
    model = model_of("401")
    response = await user.http.post(
        "/api/chat/send",
        json={
            "message": "Bonjour",
            "selected_providers": [provider],
            "selected_models": {provider: model},
        },
    )
    assert response.status_code == 502
    assert response.json()["errors"][provider]["code"] == "unauthorized"
    assert PROVIDER_KEY not in response.text
    assert len(double.calls(model)) == 1
    await healthy()


async def test_others_do_not_wait_for_one_that_is_asked_again(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    model = model_of("429:1:2")
    async with user.watching(
        "/api/chat/send",
        {
            "message": "Bonjour",
            "selected_providers": ["GPT-4", "Claude"],
            "selected_models": {"GPT-4": model},
        },
    ) as stream:
        await stream.until("reply", provider="Claude")
        assert len(double.calls(model)) < 2
        events = await stream.rest()
    assert [each["provider"] for each in named(events, "reply")] == ["Claude", "GPT-4"]
    await healthy()
