"""The double answers as the real providers' documentation says."""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest

from webox_double import Double, answer_text, token_count

QUESTION = "Quelle heure est-il ? 😀"
TURNS = [
    {"role": "user", "content": "Bonjour"},
    {"role": "assistant", "content": "Bonjour !"},
    {"role": "user", "content": QUESTION},
]
OPENAI_KEY = {"Authorization": "Bearer sk-openai-4321"}
ANTHROPIC_KEY = {"x-api-key": "sk-ant-8765", "anthropic-version": "2023-06-01"}


def openai_body(model: str = "ok", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": TURNS} | more


def anthropic_body(model: str = "ok", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": TURNS, "max_tokens": 100} | more


def events_of(body: bytes) -> list[Any]:
    data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(each) if each != b"[DONE]" else "[DONE]" for each in data]


class TestOpenAI:
    async def test_a_whole_answer(self, double: Double, client: aiohttp.ClientSession) -> None:
        url = f"{double.url}/v1/chat/completions"
        async with client.post(url, json=openai_body()) as response:
            answer = await response.json()
        text = answer_text("ok", QUESTION)
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": text}
        assert answer["usage"]["completion_tokens"] == token_count(text)

    async def test_a_stream_with_usage(self, double: Double, client: aiohttp.ClientSession) -> None:
        body = openai_body(stream=True, stream_options={"include_usage": True})
        async with client.post(f"{double.url}/v1/chat/completions", json=body) as response:
            *chunks, last = events_of(await response.read())
        assert last == "[DONE]"
        deltas = [each["choices"][0]["delta"] for each in chunks if each["choices"]]
        assert "".join(each.get("content", "") for each in deltas) == answer_text("ok", QUESTION)
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
        asked = sum(token_count(turn["content"]) for turn in TURNS)
        assert chunks[-1]["usage"]["prompt_tokens"] == asked

    async def test_usage_only_when_asked_for(
        self, double: Double, client: aiohttp.ClientSession
    ) -> None:
        url = f"{double.url}/v1/chat/completions"
        async with client.post(url, json=openai_body(stream=True)) as response:
            assert b"usage" not in await response.read()

    async def test_content_may_be_a_list_of_parts(
        self, double: Double, client: aiohttp.ClientSession
    ) -> None:
        parts = [{"type": "text", "text": "Bon"}, {"type": "text", "text": "jour"}]
        body = {"model": "ok", "messages": [{"role": "user", "content": parts}]}
        async with client.post(f"{double.url}/v1/chat/completions", json=body) as response:
            answer = await response.json()
        assert answer["choices"][0]["message"]["content"] == answer_text("ok", "Bonjour")


class TestAnthropic:
    async def test_a_whole_answer(self, double: Double, client: aiohttp.ClientSession) -> None:
        async with client.post(
            f"{double.url}/v1/messages", json=anthropic_body(), headers=ANTHROPIC_KEY
        ) as response:
            answer = await response.json()
        assert answer["content"] == [{"type": "text", "text": answer_text("ok", QUESTION)}]
        assert answer["stop_reason"] == "end_turn"

    async def test_a_stream(self, double: Double, client: aiohttp.ClientSession) -> None:
        async with client.post(
            f"{double.url}/v1/messages", json=anthropic_body(stream=True), headers=ANTHROPIC_KEY
        ) as response:
            events = events_of(await response.read())
        kinds = list(dict.fromkeys(event["type"] for event in events))
        assert kinds == [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        texts = [each["delta"]["text"] for each in events if each["type"] == "content_block_delta"]
        assert "".join(texts) == answer_text("ok", QUESTION)

    @pytest.mark.parametrize(
        ("change", "headers"),
        [
            ({}, {}),
            ({"max_tokens": None}, ANTHROPIC_KEY),
            ({"temperature": 1.5}, ANTHROPIC_KEY),
            ({"messages": [{"role": "system", "content": "x"}]}, ANTHROPIC_KEY),
            ({"messages": [{"role": "user", "content": ""}]}, ANTHROPIC_KEY),
        ],
        ids=["version", "max_tokens", "temperature", "system", "empty"],
    )
    async def test_what_the_real_one_refuses_is_400(
        self,
        double: Double,
        client: aiohttp.ClientSession,
        change: dict[str, Any],
        headers: dict[str, str],
    ) -> None:
        body = anthropic_body() | change
        url = f"{double.url}/v1/messages"
        async with client.post(url, json=body, headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"]["type"] == "invalid_request_error"


class TestBadRequests:
    @pytest.mark.parametrize(
        "body",
        [b"{", b"[]", b"{}", b'{"model": "ok", "messages": []}', b'{"model": "ok","messages":[1]}'],
    )
    async def test_are_400(
        self, double: Double, client: aiohttp.ClientSession, body: bytes
    ) -> None:
        async with client.post(f"{double.url}/v1/chat/completions", data=body) as response:
            assert response.status == 400
        assert double.calls == []


class TestCalls:
    async def test_are_listed_and_forgotten(
        self, double: Double, client: aiohttp.ClientSession
    ) -> None:
        url = f"{double.url}/v1/chat/completions"
        async with client.post(url, json=openai_body(), headers=OPENAI_KEY) as response:
            await response.read()
        async with client.get(f"{double.url}/calls") as response:
            [call] = (await response.json())["calls"]
        assert call.pop("at").endswith("Z")
        assert call == {
            "protocol": "openai",
            "model": "ok",
            "key_tail": "4321",
            "messages": 3,
            "system": "",
            "stop": [],
            "outcome": "finished",
        }
        async with client.delete(f"{double.url}/calls") as response:
            assert response.status == 204
        assert double.calls == []

    @pytest.mark.parametrize("model", ["hang_headers", "hang_mid", "delay:60000"])
    async def test_say_when_the_client_left(
        self, double: Double, client: aiohttp.ClientSession, model: str
    ) -> None:
        url = f"{double.url}/v1/chat/completions"
        asking = asyncio.create_task(self._read(client, url, model))
        await double.until(lambda calls: len(calls) == 1)
        asking.cancel()
        await double.until(lambda calls: calls[0].outcome == "aborted")

    async def _read(self, client: aiohttp.ClientSession, url: str, model: str) -> None:
        async with client.post(url, json=openai_body(model, stream=True)) as response:
            await response.read()


class TestFailingSoManyTimes:
    async def test_counts_per_question(self, double: Double, client: aiohttp.ClientSession) -> None:
        url = f"{double.url}/v1/chat/completions"

        async def status_of(question: str) -> int:
            body = {"model": "500:2", "messages": [{"role": "user", "content": question}]}
            async with client.post(url, json=body) as response:
                return response.status

        assert [await status_of("a") for _ in range(3)] == [500, 500, 200]
        assert [await status_of("b") for _ in range(2)] == [500, 500]
        assert await status_of("a") == 500, "an answered question begins anew"

    async def test_says_when_to_come_back(
        self, double: Double, client: aiohttp.ClientSession
    ) -> None:
        url = f"{double.url}/v1/chat/completions"
        async with client.post(url, json=openai_body("429:1:7")) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")
        async with client.post(url, json=openai_body("429:1:7")) as response:
            assert response.status == 200


async def test_models_are_listed(double: Double, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{double.url}/v1/models") as response:
        ids = [model["id"] for model in (await response.json())["data"]]
    assert {"demo-a", "demo-b", "ok", "hang_mid"} <= set(ids)


class TestWhatModelsDoBesideAnswering:
    async def openai(self, double: Double, client: aiohttp.ClientSession, model: str) -> list[Any]:
        body = openai_body(model, stream=True)
        async with client.post(f"{double.url}/v1/chat/completions", json=body) as response:
            *chunks, last = events_of(await response.read())
        assert last == "[DONE]"
        return [chunk["choices"][0] for chunk in chunks]

    async def anthropic(
        self, double: Double, client: aiohttp.ClientSession, model: str
    ) -> list[Any]:
        body = anthropic_body(model, stream=True)
        url = f"{double.url}/v1/messages"
        async with client.post(url, json=body, headers=ANTHROPIC_KEY) as response:
            return events_of(await response.read())

    async def test_refusing(self, double: Double, client: aiohttp.ClientSession) -> None:
        text = answer_text("refusal", QUESTION)
        choices = await self.openai(double, client, "refusal")
        assert "".join(each["delta"].get("refusal", "") for each in choices) == text
        assert not any(each["delta"].get("content") for each in choices)
        assert choices[-1]["finish_reason"] == "content_filter"
        events = await self.anthropic(double, client, "refusal")
        assert events[-2]["delta"]["stop_reason"] == "refusal"

    async def test_calling_a_tool(self, double: Double, client: aiohttp.ClientSession) -> None:
        choices = await self.openai(double, client, "tool_call")
        calls = [c for each in choices for c in each["delta"].get("tool_calls", ())]
        assert [call["index"] for call in calls] == [0, 0, 0]
        arguments = "".join(call["function"].get("arguments", "") for call in calls)
        assert (calls[0]["function"]["name"], orjson.loads(arguments)["days"]) == ("get_weather", 3)
        assert choices[-1]["finish_reason"] == "tool_calls"
        events = await self.anthropic(double, client, "tool_call")
        kinds = [(each["type"], each.get("index")) for each in events][-8:]
        assert kinds == [
            ("content_block_delta", 0),
            ("content_block_stop", 0),
            ("content_block_start", 1),
            ("content_block_delta", 1),
            ("content_block_delta", 1),
            ("content_block_stop", 1),
            ("message_delta", None),
            ("message_stop", None),
        ]
        assert events[-2]["delta"]["stop_reason"] == "tool_use"

    async def test_reasoning(self, double: Double, client: aiohttp.ClientSession) -> None:
        choices = await self.openai(double, client, "reasoning")
        assert "".join(each["delta"].get("reasoning_content", "") for each in choices)
        events = await self.anthropic(double, client, "reasoning")
        started = [each for each in events if each["type"] == "content_block_start"]
        blocks = [(each["index"], each["content_block"]["type"]) for each in started]
        assert blocks == [(0, "thinking"), (1, "text")]

    async def test_streaming_at_a_pace(self, double: Double, client: aiohttp.ClientSession) -> None:
        before = time.time_ns()
        choices = await self.openai(double, client, "stream:5:20")
        text = "".join(each["delta"].get("content", "") for each in choices)
        pieces = [piece.split(":") for piece in text.split()]
        assert [int(number) for number, _ in pieces] == [0, 1, 2, 3, 4]
        times = [int(sent) for _, sent in pieces]
        assert before < times[0]
        assert times[-1] - times[0] >= 75_000_000
        events = await self.anthropic(double, client, "stream:3:1")
        deltas = [each for each in events if each["type"] == "content_block_delta"]
        assert len(deltas) == 3


@pytest.mark.parametrize("stop", [["a", "b", "c", "d"], None])
async def test_openai_takes_four_stops(
    double: Double, client: aiohttp.ClientSession, stop: list[str] | None
) -> None:
    url = f"{double.url}/v1/chat/completions"
    async with client.post(url, json=openai_body(stop=stop)) as response:
        assert response.status == 200
    async with client.post(url, json=openai_body(stop=["a"] * 5)) as response:
        assert response.status == 400
