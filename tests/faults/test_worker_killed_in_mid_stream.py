"""F22: the worker dies while somebody watches what it passes on."""

from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from webox_stack import DoubleProgram, Stack, User
from webox_stack.watching import named, shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F22")

_numbers = count(1)


async def test_the_rerun_resets_what_was_shown_and_the_transcript_is_whole(
    webox: Stack, double: DoubleProgram, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    slow = f"drip:40+killed-{next(_numbers)}"
    body = {
        "message": "Bonjour",
        "selected_providers": ["GPT-4", "Claude", "Mistral"],
        "selected_models": {"GPT-4": slow, "Claude": slow},
    }
    async with user.watching("/api/chat/send", body) as stream:
        await stream.until("reply", provider="Mistral")
        for provider in ("GPT-4", "Claude"):
            if not any(each["provider"] == provider for each in named(stream.events, "delta")):
                await stream.until("delta", provider=provider)
        webox.kill("chat-worker")
        events = await stream.rest()
    resets = [each["provider"] for each in named(events, "reset")]
    assert sorted(resets) == ["Claude", "GPT-4"]
    expected = {
        "GPT-4": answer_text(slow, "Bonjour"),
        "Claude": answer_text(slow, "Bonjour"),
        "Mistral": answer_text("mistral-large", "Bonjour"),
    }
    assert shown(events) == expected
    assert events[-1].name == "done"
    assert events[-1].data["ai_responses"] == expected
    attempts = {name: each["attempt"] for name, each in events[-1].data["replies"].items()}
    assert attempts == {"GPT-4": 2, "Claude": 2, "Mistral": 1}
    assert len(double.calls(slow)) == 4
    # Who comes later sees none of it.
    async with user.watching(f"{stream.message}/stream") as later:
        assert named(await later.rest(), "reset") == []
    assert shown(later.events) == expected
    await healthy()


async def test_who_comes_back_after_the_crash_is_told_of_it_too(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    slow = f"drip:40+killed-{next(_numbers)}"
    body = {
        "message": "Bonjour",
        "selected_providers": ["GPT-4"],
        "selected_models": {"GPT-4": slow},
    }
    async with user.watching("/api/chat/send", body) as stream:
        last = await stream.until("delta")
    webox.kill("chat-worker")
    async with user.watching(f"{stream.message}/stream", after=last.id) as again:
        events = [*stream.events, *await again.rest()]
    assert len(named(events, "reset")) == 1
    assert shown(events) == {"GPT-4": answer_text(slow, "Bonjour")}
    await healthy()


async def test_a_crash_of_the_api_breaks_the_stream_and_it_is_resumed(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    slow = f"drip:40+killed-{next(_numbers)}"
    body = {
        "message": "Bonjour",
        "selected_providers": ["GPT-4", "Claude"],
        "selected_models": {"GPT-4": slow},
    }
    async with user.watching("/api/chat/send", body) as stream:
        last = await stream.until("delta", provider="GPT-4")
    webox.kill("chat-api", "gateway-api")
    await healthy()
    async with user.watching(f"{stream.message}/stream", after=last.id) as again:
        events = [*stream.events, *await again.rest()]
    assert named(events, "reset") == []
    assert shown(events)["GPT-4"] == answer_text(slow, "Bonjour")
    await healthy()
