"""F20 and F22: streams that are odd but right, that are broken, and that end too soon."""

from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from webox_stack import DoubleProgram, User
from webox_stack.watching import shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F20")

_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]
# One of each protocol.
PROVIDERS = ["GPT-4", "Claude"]
QUESTION = "Où est le café ? 日本語 😀"


@pytest.mark.parametrize(
    "behaviour", ["split_utf8", "crlf", "unknown_event", "dup_chunk", "drip", "length"]
)
async def test_an_odd_stream_gives_the_same_text_byte_for_byte(
    user: User, healthy: Healthy, behaviour: str
) -> None:
    body = {
        "message": QUESTION,
        "selected_providers": PROVIDERS,
        "selected_models": dict.fromkeys(PROVIDERS, behaviour),
    }
    async with user.watching("/api/chat/send", body) as stream:
        events = await stream.rest()
    expected = dict.fromkeys(PROVIDERS, answer_text(behaviour, QUESTION))
    assert shown(events) == expected
    answer = await user.get(stream.message)
    assert answer["ai_responses"] == expected
    assert {each["finish_reason"] for each in answer["replies"].values()} == {
        "length" if behaviour == "length" else "stop"
    }
    await healthy()


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("badjson", "bad_response"),
        ("error_after_200", "unavailable"),
        ("no_terminator", "cut"),
        ("cut:2", "cut"),
    ],
)
async def test_a_broken_stream_has_failed_and_its_partial_text_is_kept(
    user: User, double: DoubleProgram, healthy: Healthy, behaviour: str, code: str
) -> None:
    """It is not asked again either: some of it was shown."""
    model = f"{behaviour}+malformed-{next(_numbers)}"
    body = {
        "message": QUESTION,
        "selected_providers": PROVIDERS,
        "selected_models": dict.fromkeys(PROVIDERS, model),
    }
    async with user.watching("/api/chat/send", body) as stream:
        events = await stream.rest()
    texts = shown(events)
    answer = await user.get(stream.message)
    assert answer["ai_responses"] == {}
    for provider in PROVIDERS:
        assert answer["errors"][provider]["code"] == code
        [kept] = (await user.get(f"{stream.message}/replies/{provider}"))["replies"]
        assert (kept["status"], kept["error"]["code"]) == ("failed", code)
        assert kept["content"] == texts[provider] != ""
        assert answer_text(model, QUESTION).startswith(kept["content"])
    assert len(double.calls(model)) == len(PROVIDERS)
    await healthy()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_redirect_is_not_followed(
    user: User, double: DoubleProgram, healthy: Healthy, provider: str
) -> None:
    answer = await user.send(
        QUESTION,
        expect=502,
        selected_providers=[provider],
        selected_models={provider: "redirect_private"},
    )
    assert answer["errors"][provider]["code"] == "bad_response"
    # The double logs who follows under no model's name.
    assert double.calls("") == []
    await healthy()


@pytest.mark.fault("F22")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_stream_that_ends_before_anything_was_shown_is_asked_for_again(
    user: User, double: DoubleProgram, healthy: Healthy, provider: str
) -> None:
    model = f"cut:0:2+malformed-{next(_numbers)}"
    answer = await user.send(
        QUESTION, selected_providers=[provider], selected_models={provider: model}
    )
    assert answer["ai_responses"] == {provider: answer_text(model, QUESTION)}
    assert len(double.calls(model)) == 3
    await healthy()
