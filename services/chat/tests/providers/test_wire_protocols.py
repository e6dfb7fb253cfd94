"""What is sent, and the dialects that real providers speak beside their protocol."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from webox_chat.providers import ChatTurn, Finished, ProviderRequest, Registry

TURNS = (
    ChatTurn("user", "Bonjour"),
    ChatTurn("assistant", "Salut"),
    ChatTurn("user", "Ça va ?"),
)
DONE = b"data: [DONE]\n\n"


def openai_events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


OPENAI_ANSWER = openai_events(choice({"content": "Oui"}), choice({}, "stop")) + DONE
ANTHROPIC_ANSWER = b"".join(
    b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
    for event in (
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Oui"}},
        {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {}},
        {"type": "message_stop"},
    )
)


def load(registry_file: Callable[[str], Path], protocol: str, url: str, more: str) -> Registry:
    """A registry with the provider P at this address, and these further lines in its entry."""
    entry = (
        "extends_default = false\n"
        f'[providers.P]\nprotocol = "{protocol}"\nbase_url = "{url}/v1"\nallow_private = true\n'
        'default_model = "m"\napi_key_env = "K"\nretry.tries = 1\n'
    )
    return Registry.load(registry_file(entry + more), {"K": "sk-key-1234"})


@pytest.fixture
def exchange(registry_file: Callable[[str], Path], scripted: Any, ask_provider: Any) -> Any:
    """Asks a provider that answers in these bytes: what came of it, and what it was sent."""

    async def run(
        answer: bytes,
        request: ProviderRequest = ProviderRequest("m", TURNS),  # noqa: B008 - frozen
        protocol: str = "openai",
        entry: str = "",
        **response: Any,
    ) -> tuple[Any, Any]:
        async with scripted(answer, **response) as server:
            registry = load(registry_file, protocol, server.url, entry)
            async with registry.session() as session:
                return await ask_provider(registry.find("P"), session, request), server

    return run


class TestWhatIsSent:
    async def test_openai(self, exchange: Any) -> None:
        request = ProviderRequest("m", TURNS, "Sois bref.", 0.7, max_tokens=50, stop=("FIN", "."))
        asked, server = await exchange(OPENAI_ANSWER, request)
        assert (asked.text, asked.finished) == ("Oui", Finished("stop", None, None))
        assert server.bodies == [
            {
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Sois bref."},
                    {"role": "user", "content": "Bonjour"},
                    {"role": "assistant", "content": "Salut"},
                    {"role": "user", "content": "Ça va ?"},
                ],
                "stream": True,
                "stream_options": {"include_usage": True},
                "temperature": 0.7,
                "max_tokens": 50,
                "stop": ["FIN", "."],
            }
        ]
        assert server.headers[0]["Authorization"] == "Bearer sk-key-1234"
        assert server.headers[0]["Accept-Encoding"] == "identity"

    async def test_anthropic(self, exchange: Any) -> None:
        request = ProviderRequest("m", TURNS, "Sois bref.", temperature=1.7, stop=("FIN",))
        asked, server = await exchange(ANTHROPIC_ANSWER, request, "anthropic")
        assert (asked.text, asked.finished) == ("Oui", Finished("content_filter", 3, 1))
        assert server.bodies == [
            {
                "model": "m",
                "messages": [
                    {"role": "user", "content": "Bonjour"},
                    {"role": "assistant", "content": "Salut"},
                    {"role": "user", "content": "Ça va ?"},
                ],
                "system": "Sois bref.",
                "stream": True,
                "temperature": 1.0,
                "max_tokens": 4096,
                "stop_sequences": ["FIN"],
            }
        ]
        assert server.headers[0]["x-api-key"] == "sk-key-1234"
        assert server.headers[0]["anthropic-version"] == "2023-06-01"

    async def test_what_the_model_takes(self, exchange: Any) -> None:
        entry = (
            'max_tokens_field = "max_completion_tokens"\nstream_options = false\n'
            "[providers.P.models.m]\n"
            'max_output_tokens = 100\ntemperature = false\nstop = false\naliases = ["old"]\n'
        )
        request = ProviderRequest("old", TURNS, None, 0.7, max_tokens=1_000_000, stop=("FIN",))
        _, server = await exchange(OPENAI_ANSWER, request, entry=entry)
        [body] = server.bodies
        assert body.keys() == {"model", "messages", "stream", "max_completion_tokens"}
        assert (body["model"], body["max_completion_tokens"]) == ("m", 100)

    async def test_anthropic_asks_for_all_the_model_has(self, exchange: Any) -> None:
        entry = "[providers.P.models.m]\nmax_output_tokens = 64000\n"
        _, server = await exchange(ANTHROPIC_ANSWER, protocol="anthropic", entry=entry)
        assert server.bodies[0]["max_tokens"] == 64000


class TestDialects:
    @pytest.mark.parametrize(
        ("stream", "text", "finished"),
        [
            (  # Mistral's thinking models
                openai_events(
                    choice({"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}]}),
                    choice({"content": [{"type": "text", "text": "Oui"}]}),
                    choice({"content": ""}, "stop")
                    | {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
                )
                + DONE,
                "Oui",
                Finished("stop", 1, 2),
            ),
            (openai_events(choice({"refusal": "Non."}, "stop")) + DONE, "Non.", None),
            (  # the finish reason of a later chunk is null
                openai_events(
                    choice({"content": "Oui"}, "length"),
                    {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": -1}},
                )
                + DONE,
                "Oui",
                Finished("length", 5, None),
            ),
            (b"data:[DONE]\n\n", "", "cut"),
            (b"event: chunk\ndata: not json\n\n" + OPENAI_ANSWER, "Oui", None),
            (b"data: [1]\n\n" + OPENAI_ANSWER, "", "bad_response"),
            (openai_events({"choices": 3, "usage": "x"}) + OPENAI_ANSWER, "Oui", None),
            (b"data: \xff\xfe\n\n", "", "bad_response"),
            (b"data: " + b"[" * 100_000 + b"\n\n", "", "bad_response"),
            (b"data: " + b"x" * (4 << 20), "", "bad_response"),
            (b"", "", "cut"),
        ],
        ids=[
            "mistral", "refusal", "usage", "no-reason", "named", "no-object", "odd-shapes",
            "no-utf8", "deep", "huge-line", "empty",
        ],
    )  # fmt: skip
    async def test_openai(
        self,
        exchange: Any,
        stream: bytes,
        text: str,
        finished: Finished | str | None,
    ) -> None:
        asked, _ = await exchange(stream)
        assert asked.text == text
        if isinstance(finished, str):
            assert asked.error.code == finished
        else:
            assert asked.finished == (finished or Finished("stop", None, None))

    @pytest.mark.parametrize(
        ("error", "code", "retryable"),
        [
            ({"code": 429, "message": "slow"}, "rate_limited", True),
            ({"type": "insufficient_quota", "message": "pay"}, "rate_limited", False),
            ({"type": "overloaded_error"}, "unavailable", True),
            ({"code": "invalid_api_key"}, "unauthorized", False),
            ({"type": "invalid_request_error"}, "bad_response", False),
            ("something", "bad_response", False),
        ],
    )
    async def test_errors_inside_a_stream(
        self,
        exchange: Any,
        error: object,
        code: str,
        retryable: bool,
    ) -> None:
        asked, _ = await exchange(openai_events({"error": error}))
        assert (asked.error.code, asked.error.retryable) == (code, retryable)


class TestThinking:
    @pytest.mark.parametrize(
        "delta",
        [
            {"reasoning_content": "hm"},
            {"reasoning": "hm"},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        ],
        ids=["DeepSeek", "OpenRouter", "Mistral"],
    )
    async def test_of_openai_dialects(self, exchange: Any, delta: dict[str, Any]) -> None:
        asked, _ = await exchange(openai_events(choice(delta)) + OPENAI_ANSWER)
        assert (asked.reasoning, asked.text) == ("hm", "Oui")

    async def test_is_cleaned_and_cut_without_ending_the_answer(self, exchange: Any) -> None:
        thoughts = openai_events(
            choice({"reasoning": "a\x00b"}), *[choice({"reasoning": "x" * 300_000})] * 4
        )
        asked, _ = await exchange(thoughts + OPENAI_ANSWER)
        assert asked.reasoning.startswith("a\ufffdb")
        assert len(asked.reasoning.encode()) == 1_000_000
        assert (asked.text, asked.finished) == ("Oui", Finished("stop", None, None))


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": each} for each in deltas),
        {"type": "content_block_stop", "index": index},
    ]


class TestBlocks:
    async def test_of_anthropic_are_told_apart(self, exchange: Any) -> None:
        events = [
            *block(0, {"type": "redacted_thinking", "data": "xyz"}),
            *block(1, {"type": "thinking"}, {"type": "thinking_delta", "thinking": "hm"}),
            *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Un"}),
            *block(3, {"type": "tool_use", "name": "f", "input": {}}),
            *block(
                4,
                {"type": "tool_use", "name": "g", "input": {}},
                {"type": "input_json_delta", "partial_json": '{"a'},
                {"type": "input_json_delta", "partial_json": '": 1}'},
            ),
            *block(5, {"type": "server_tool_use"}, {"type": "input_json_delta"}),
            *block(6, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Deux"}),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ]
        asked, _ = await exchange(openai_events(*events), protocol="anthropic")
        first, second = ({"name": "f", "arguments": {}}, {"name": "g", "arguments": {"a": 1}})
        blocks = [f"```json\n{json.dumps(call, indent=2)}\n```" for call in (first, second)]
        assert asked.text == "\n\n".join(["Un", *blocks, "Deux"])
        assert asked.reasoning == "hm"
        assert asked.finished == Finished("tool_calls", None, None)


class TestCallsOfTools:
    @pytest.mark.parametrize(
        ("calls", "arguments"),
        [
            ([{"index": 0, "function": {"name": "f", "arguments": "{broken"}}], ["{broken"]),
            ([{"index": 0, "function": {"name": "f"}}], [{}]),
            ([{"function": {"name": "f", "arguments": n}} for n in "12"], [1, 2]),
            ([{"index": n, "function": {"name": "f", "arguments": "1"}} for n in (1, 0)], [1, 1]),
            ([{"function": {"arguments": "1"}}, 3, {"function": 4}], []),
        ],
        ids=["no JSON", "none", "no index", "several", "nonsense"],
    )
    async def test_are_shown(self, exchange: Any, calls: Any, arguments: list[Any]) -> None:
        events = [choice({"tool_calls": [call]}) for call in calls]
        asked, _ = await exchange(openai_events(*events, choice({}, "tool_calls")) + DONE)
        shown = [block for block in asked.text.split("```") if block.strip()]
        called = [json.loads(block.removeprefix("json")) for block in shown]
        assert called == [{"name": "f", "arguments": each} for each in arguments]

    async def test_are_no_longer_than_a_reply(self, exchange: Any) -> None:
        call = {"index": 0, "function": {"name": "f", "arguments": "x" * 300_000}}
        events = [choice({"tool_calls": [call]})] * 10
        asked, _ = await exchange(openai_events(*events, choice({}, "tool_calls")) + DONE)
        assert 900_000 < len(asked.text) <= 1_000_000


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "code", "retryable", "detail"),
        [
            (400, b'{"error": {"message": "too long"}}', "bad_response", False, "400: too long"),
            (402, b"{}", "unauthorized", False, "402"),
            (403, b'{"message": "no"}', "unauthorized", False, "403: no"),
            (404, b"<html>sk-key-1234", "bad_response", False, "404"),
            (
                429,
                b'[{"error": {"message": "a\\nb\\u0000"}}]',
                "rate_limited",
                True,
                "429: a b\ufffd",
            ),
            (429, b'{"error":{"code":"insufficient_quota"}}', "rate_limited", False, "429"),
            (503, b"", "unavailable", True, "503"),
            (529, b'{"error": {"message": "sk-key-12 or ey-1234"}}', "unavailable", True, None),
        ],
    )
    async def test_have_a_code_and_the_providers_words(
        self,
        exchange: Any,
        status: int,
        body: bytes,
        code: str,
        retryable: bool,
        detail: str | None,
    ) -> None:
        asked, _ = await exchange(body, status=status, content_type="application/json")
        assert (asked.error.code, asked.error.retryable) == (code, retryable)
        wanted = "529: [key] or ey-1234" if detail is None else detail
        assert asked.error.detail == f"The provider answered {wanted}"

    async def test_are_quoted_in_300_characters(self, exchange: Any) -> None:
        body = json.dumps({"error": {"message": "x" * 100_000}}).encode()
        asked, _ = await exchange(body, status=400)
        assert len(asked.error.detail) <= 300

    @pytest.mark.parametrize("content_type", ["text/html", "application/json"])
    async def test_a_page_is_no_answer(
        self,
        exchange: Any,
        content_type: str,
    ) -> None:
        asked, _ = await exchange(OPENAI_ANSWER, content_type=content_type)
        assert asked.error.code == "bad_response"
        assert asked.text == ""


def test_cost_is_exact(registry_file: Callable[[str], Path]) -> None:
    prices = '[providers.P.models.m]\ninput_price = "0.15"\noutput_price = "0.60"\n'
    provider = load(registry_file, "openai", "http://127.0.0.1", prices).find("P")
    assert provider is not None
    assert provider.cost("m", 1_000, 333) == Decimal("0.0003498")
    assert provider.cost("m", None, 3) is None
    assert provider.cost("other", 1, 1) is None
