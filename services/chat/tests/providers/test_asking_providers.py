"""Every behaviour of the double, in both protocols, over real HTTP."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest

from webox_chat.providers import ChatTurn, Finished, ProviderRequest, Registry
from webox_double import Double, answer_text, token_count

QUESTION = "Ça va ? 😀"
Ask = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.parametrize("protocol", ["openai", "anthropic"])


class TestAGoodAnswer:
    @pytest.mark.parametrize(
        "model",
        ["ok", "delay:30", "split_utf8", "crlf", "unknown_event", "dup_chunk", "drip"],
    )
    async def test_is_the_same_byte_for_byte(self, ask: Ask, protocol: str, model: str) -> None:
        asked = await ask(protocol, model)
        sent = answer_text(model, QUESTION)
        assert asked.text == sent
        assert asked.finished == Finished("stop", token_count(QUESTION), token_count(sent))
        assert asked.error is None

    async def test_tells_why_it_ended(self, ask: Ask, protocol: str) -> None:
        assert (await ask(protocol, "length")).finished.finish_reason == "length"

    async def test_may_be_a_refusal(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "refusal")
        assert asked.text == answer_text("refusal", QUESTION)
        assert asked.finished.finish_reason == "content_filter"

    async def test_shows_calls_of_tools(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "tool_call")
        text, _, block = asked.text.partition("\n\n```json\n")
        assert text == answer_text("tool_call", QUESTION)
        call, fence = block[:-4], block[-4:]
        assert json.loads(call) == {
            "name": "get_weather",
            "arguments": {"city": "Orléans", "days": 3},
        }
        assert (fence, asked.finished.finish_reason) == ("\n```", "tool_calls")

    async def test_keeps_what_was_thought_apart(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "reasoning")
        assert asked.text == answer_text("reasoning", QUESTION)
        assert asked.reasoning == "On me demande quelque chose ; réfléchissons. 🤔"

    async def test_comes_piece_by_piece_as_it_is_sent(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "stream:5:20")
        assert [piece.split(":")[0] for piece in asked.pieces] == ["0", "1", "2", "3", "4"]

    async def test_comes_as_it_is_written(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "demo-a")
        assert len(asked.pieces) > 20
        assert asked.text == answer_text("demo-a", QUESTION)

    async def test_has_no_nul_and_no_lone_surrogate(self, ask: Ask, protocol: str) -> None:
        asked = await ask(protocol, "nul")
        assert asked.text.endswith("a\ufffdbc\ufffdd😀")
        assert asked.finished is not None
        asked.text.encode()

    async def test_of_10_mb_is_cut_at_1_mb_and_the_call_ended(
        self, ask: Ask, double: Double, protocol: str
    ) -> None:
        asked = await ask(protocol, "10mb")
        assert len(asked.text.encode()) == 1_000_000
        assert asked.finished == Finished("length", None, None, truncated=True)
        await double.until(lambda calls: calls[0].outcome == "aborted")

    @pytest.mark.parametrize("model", ["10mb", "gzip_bomb"])
    async def test_of_any_size_takes_little_memory(
        self, ask: Ask, protocol: str, model: str
    ) -> None:
        tracemalloc.start()
        try:
            await ask(protocol, model)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 100_000_000

    async def test_keeps_the_connection_for_the_next(
        self, ask: Ask, session: aiohttp.ClientSession, protocol: str
    ) -> None:
        connections = 0

        async def count(*_: object) -> None:
            nonlocal connections
            connections += 1

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(count)
        trace.freeze()
        session.trace_configs.append(trace)
        for _ in range(3):
            # The end of this one comes a moment after its terminator.
            assert (await ask(protocol, "crlf")).finished is not None
        assert connections == 1


class TestABrokenAnswer:
    """Its text is kept, it never counts as done, and it is not asked for again."""

    @pytest.mark.parametrize(
        ("model", "code"),
        [
            ("badjson", "bad_response"),
            ("error_after_200", "unavailable"),
            ("no_terminator", "cut"),
            ("cut:2", "cut"),
            ("hang_mid", "timeout"),
        ],
    )
    async def test_after_text(
        self, ask: Ask, double: Double, protocol: str, model: str, code: str
    ) -> None:
        asked = await ask(protocol, model)
        assert asked.finished is None
        assert asked.error.code == code
        assert asked.text
        assert answer_text(model, QUESTION).startswith(asked.text)
        assert len(double.calls) == 1

    @pytest.mark.parametrize(
        ("model", "code"),
        [
            ("hang_headers", "timeout"),
            ("redirect_private", "bad_response"),
            ("gzip_bomb", "bad_response"),
            ("401", "unauthorized"),
        ],
    )
    async def test_before_text(
        self, ask: Ask, double: Double, protocol: str, model: str, code: str
    ) -> None:
        asked = await ask(protocol, model)
        assert (asked.text, asked.finished) == ("", None)
        assert asked.error.code == code
        assert [call.protocol for call in double.calls] == [protocol]

    @pytest.mark.parametrize(
        ("model", "words"),
        [
            ("hang_headers", "begin to answer within 1 s"),
            ("hang_mid", "silent for 1 s"),
            ("gzip_bomb", "compressed"),
        ],
    )
    async def test_is_left_at_once_and_says_why(
        self, ask: Ask, double: Double, protocol: str, model: str, words: str
    ) -> None:
        asked = await ask(protocol, model)
        assert words in asked.error.detail
        await double.until(lambda calls: calls[0].outcome == "aborted")


class TestTheKey:
    async def test_is_sent_and_never_told(self, ask: Ask, double: Double, protocol: str) -> None:
        asked = await ask(protocol, "401")
        assert double.calls[0].key_tail == "cdef"
        assert asked.error.detail == "The provider answered 401: Incorrect API key provided: [key]."

    async def test_is_not_in_what_is_printed(self, ask: Ask, protocol: str) -> None:
        provider = ask.registry.find(protocol)  # type: ignore[attr-defined] # the fixture's class
        assert "sk-canary" not in repr(provider)


class TestTryingAgain:
    @pytest.mark.parametrize("model", ["429:2:0", "500:2", "cut:0:2"])
    async def test_answers_at_the_third_try(
        self, ask: Ask, double: Double, protocol: str, model: str
    ) -> None:
        asked = await ask(protocol, model)
        assert asked.text == answer_text(model, QUESTION)
        assert asked.finished.finish_reason == "stop"
        assert len(double.calls) == 3

    @pytest.mark.parametrize(
        ("model", "code"),
        [("429:9:0", "rate_limited"), ("500", "unavailable"), ("cut:0", "cut")],
    )
    async def test_gives_up_after_three(
        self, ask: Ask, double: Double, protocol: str, model: str, code: str
    ) -> None:
        asked = await ask(protocol, model)
        assert (asked.error.code, asked.error.retryable) == (code, True)
        assert len(double.calls) == 3

    async def test_waits_as_long_as_told(self, ask: Ask, protocol: str) -> None:
        began = time.perf_counter()
        asked = await ask(protocol, "429:1:0.2")
        assert asked.finished is not None
        assert 0.2 <= time.perf_counter() - began < 5

    async def test_does_not_wait_past_the_whole_limit(
        self, ask: Ask, double: Double, protocol: str
    ) -> None:
        asked = await ask(protocol, "429:1:4")
        assert asked.error.code == "rate_limited"
        assert len(double.calls) == 1


class TestLeaving:
    async def test_ends_the_call(
        self,
        registry: Registry,
        session: aiohttp.ClientSession,
        double: Double,
        protocol: str,
    ) -> None:
        provider = registry.find(protocol)
        assert provider is not None
        request = ProviderRequest("hang_mid", (ChatTurn("user", "?"),))
        async with aclosing(provider.ask(session, request)) as answer:
            await anext(answer)
        await double.until(lambda calls: calls[0].outcome == "aborted")

    async def test_works_by_cancelling_too(self, ask: Ask, double: Double, protocol: str) -> None:
        asking = asyncio.ensure_future(ask(protocol, "hang_headers"))
        await double.until(lambda calls: len(calls) == 1)
        asking.cancel()
        await double.until(lambda calls: calls[0].outcome == "aborted")
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_four_are_asked_at_once(ask: Ask, double: Double, protocol: str) -> None:
    model = "delay:300"
    asking = asyncio.gather(*(ask(protocol, model, str(n)) for n in range(4)))
    await double.until(lambda calls: [call.outcome for call in calls] == ["running"] * 4)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
