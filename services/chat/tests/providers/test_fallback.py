"""Who is asked in a provider's place, and when; who answers is told."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from webox_chat.providers import Asked, ChatTurn, ProviderRequest, Providers, Registry
from webox_double import Double, answer_text

QUESTION = "Ça va ?"
ENTRIES = """
extends_default = false
[providers.First]
protocol = "openai"
base_url = "{url}/v1"
fallback = "Second"
{limits}
[providers.First.models.ok]
aliases = ["gpt-3"]
[providers.First.models.small]
context_window = 100

[providers.Second]
protocol = "anthropic"
base_url = "{url}/v1"
fallback = "Third"
{limits}

[providers.Third]
protocol = "openai"
base_url = "{url}/v1"
{limits}

[providers.NoKey]
protocol = "openai"
base_url = "{url}/v1"
{limits}

[providers.Lonely]
protocol = "openai"
base_url = "{url}/v1"
fallback = "NoKey"
{limits}
"""


@pytest.fixture
async def providers(
    double: Double, registry_file: Callable[[str], Path], limits: str
) -> AsyncIterator[Providers]:
    content = ENTRIES.format(url=double.url, limits=limits)
    head, no_key, rest = content.partition("[providers.NoKey]")
    content = head + no_key + rest.replace("TEST_KEY", "UNSET_KEY", 1)
    registry = Registry.load(registry_file(content), {"TEST_KEY": "sk-1"})
    async with registry.session() as session, Providers(registry, session) as opened:
        yield opened


@pytest.fixture
def ask(providers: Providers, ask_all: Any) -> Any:
    def start(name: str, model: str, *earlier: ChatTurn) -> Any:
        request = ProviderRequest(model, (*earlier, ChatTurn("user", QUESTION)))
        return ask_all(providers.ask(name, request))

    return start


def names(asked: Any) -> list[tuple[str, str]]:
    return [(each.provider, each.model) for each in asked.whom]


class TestWhoAnswers:
    async def test_is_told_first(self, ask: Any) -> None:
        asked = await ask("First", "gpt-3")
        assert asked.whom == [Asked("First", "ok", context_cut=False)]
        assert asked.text == answer_text("ok", QUESTION)

    async def test_may_be_nobody(self, ask: Any) -> None:
        for name in ("Nobody", "NoKey"):
            asked = await ask(name, "ok")
            assert (asked.error.code, asked.whom) == ("unavailable", [])
            assert asked.error.detail == f"{name} is not available any more."

    async def test_is_told_with_what_was_left_out(self, ask: Any, double: Double) -> None:
        earlier = (ChatTurn("user", "x" * 300), ChatTurn("assistant", "y"))
        asked = await ask("First", "small", *earlier)
        assert asked.whom == [Asked("First", "small", context_cut=True)]
        assert double.calls[0].messages == 1
        asked = await ask("First", "ok", *earlier)
        assert asked.whom == [Asked("First", "ok", context_cut=False)]
        assert double.calls[1].messages == 3


class TestTheFallback:
    @pytest.mark.parametrize(
        ("model", "code"),
        [
            ("500", "unavailable"),
            ("401", "unauthorized"),
            ("429:9:0", "rate_limited"),
            ("hang_headers", "timeout"),
            ("cut:0", "cut"),
            ("gzip_bomb", "bad_response"),
        ],
    )
    async def test_answers_in_its_own_name(self, ask: Any, model: str, code: str) -> None:
        asked = await ask("First", model)
        assert names(asked) == [("First", model), ("Second", "ok")]
        assert asked.whom[0].instead_of is None
        assert asked.whom[1].instead_of.code == code
        assert asked.text == answer_text("ok", QUESTION)
        assert (asked.finished.finish_reason, asked.error) == ("stop", None)

    async def test_is_not_asked_once_text_was_shown(self, ask: Any) -> None:
        asked = await ask("First", "cut:2")
        assert names(asked) == [("First", "cut:2")]
        assert (asked.error.code, bool(asked.text)) == ("cut", True)

    async def test_is_not_asked_for_what_is_the_requests_fault(
        self, providers: Providers, ask_all: Any
    ) -> None:
        request = ProviderRequest("ok", (ChatTurn("user", "?"),), temperature=3)
        asked = await ask_all(providers.ask("First", request))
        assert (names(asked), asked.error.code) == ([("First", "ok")], "bad_response")

    async def test_counts_for_nothing_where_it_cannot_be_asked(self, ask: Any) -> None:
        asked = await ask("Lonely", "500")
        assert (names(asked), asked.error.code) == ([("Lonely", "500")], "unavailable")


async def test_a_fallback_of_a_fallback_is_not_asked(
    double: Double, registry_file: Callable[[str], Path], limits: str, ask_all: Any
) -> None:
    content = ENTRIES.format(url=double.url, limits=limits).replace("UNSET_KEY", "TEST_KEY")
    head, second, rest = content.partition("[providers.Second]")
    rest = rest.replace('default_model = "ok"', 'default_model = "500"', 1)
    registry = Registry.load(registry_file(head + second + rest), {"TEST_KEY": "sk-1"})
    async with registry.session() as session, Providers(registry, session) as providers:
        request = ProviderRequest("500", (ChatTurn("user", "?"),))
        asked = await ask_all(providers.ask("First", request))
    assert names(asked) == [("First", "500"), ("Second", "500")]
    assert asked.error.code == "unavailable"
