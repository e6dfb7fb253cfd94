"""A local server, such as Ollama, is found by itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from webox_chat.providers import (
    ChatTurn,
    Provider,
    ProviderRegistryError,
    ProviderRequest,
    Registry,
)
from webox_double import Double, answer_text

MODELS = json.dumps({"data": [{"id": "llama3.2"}, {"id": "mistral"}, {"id": "llama3.2"}]}).encode()


def ollama(registry: Registry) -> Provider:
    provider = registry.find("Ollama")
    assert provider is not None
    return provider


def registry_at(url: str) -> Registry:
    return Registry.load(environ={"OLLAMA_HOST": url}, demo_url="http://127.0.0.1:9")


async def test_is_not_available_before_it_was_found() -> None:
    registry = registry_at("127.0.0.1:1")
    await registry.refresh()
    assert not ollama(registry).available
    assert ollama(registry).reason == "nothing answers at http://127.0.0.1:1"
    assert registry.find("Demo A") is not None


async def test_its_models_are_those_it_has(scripted: Any) -> None:
    async with scripted(MODELS, content_type="application/json") as server:
        registry = registry_at(server.url)
        await registry.refresh()
    assert ollama(registry).available
    assert ollama(registry).models == ("llama3.2", "mistral")
    assert ollama(registry).default_model == "llama3.2"
    assert registry.find("Demo A") is None, "the demo is gone as soon as a real provider is there"


async def test_it_answers(double: Double, ask_provider: Any) -> None:
    registry = registry_at(double.url)
    await registry.refresh()
    request = ProviderRequest("ok", (ChatTurn("user", "?"),))
    async with registry.session() as session:
        asked = await ask_provider(ollama(registry), session, request)
    assert asked.text == answer_text("ok", "?")


async def test_it_is_asked_once_a_minute(scripted: Any) -> None:
    async with scripted(MODELS, content_type="application/json") as server:
        registry = registry_at(server.url)
        await asyncio.gather(*(registry.refresh() for _ in range(5)))
        await registry.refresh()
        assert len(server.bodies) == 1
        registry.refresh_seconds = 0
        await registry.refresh()
        assert len(server.bodies) == 2
    await registry.refresh()
    assert not ollama(registry).available, "it has gone"


@pytest.mark.parametrize(
    ("answer", "response"),
    [
        (b"not json", {}),
        (b"[]", {}),
        (b'{"data": 3}', {}),
        (b'{"data": [{"id": 3}, "x", {"id": ""}, {"id": "a\\nb"}]}', {}),
        (b'{"data": null}', {}),
        (MODELS, {"status": 500}),
        (MODELS, {"status": 302, "headers": {"Location": "/other"}}),
        (MODELS + b" " * 1_000_000, {}),
    ],
    ids=["text", "list", "number", "odd names", "none", "500", "redirect", "huge"],
)
async def test_what_is_no_list_of_models_is_no_provider(
    scripted: Any, answer: bytes, response: dict[str, Any]
) -> None:
    async with scripted(answer, content_type="application/json", **response) as server:
        registry = registry_at(server.url)
        await registry.refresh()
    assert not ollama(registry).available
    assert ollama(registry).reason


async def test_a_server_that_hangs_is_waited_for_a_moment(
    hanging_url: str,
) -> None:
    registry = registry_at(hanging_url)
    registry.probe_seconds = 0.1
    began = time.perf_counter()
    await registry.refresh()
    assert time.perf_counter() - began < 1
    assert not ollama(registry).available


@pytest.fixture
async def hanging_url() -> AsyncIterator[str]:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://localhost:11434/v1"),
        ("gpu.local", "http://gpu.local:11434/v1"),
        ("gpu.local:8080", "http://gpu.local:8080/v1"),
        (":8080", "http://localhost:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),  # noqa: S104 - what Ollama's own variable often is
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("http://gpu.local", "http://gpu.local:80/v1"),
        ("https://gpu.local/ollama/v1/", "https://gpu.local:443/ollama/v1"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(value: str, url: str) -> None:
    assert ollama(registry_at(value)).endpoint.base_url == url


@pytest.mark.parametrize("value", ["ftp://x", "http://u:p@x", "x:notaport", "http://[::1"])
def test_a_wrong_ollama_host_is_one_sentence(value: str) -> None:
    with pytest.raises(ProviderRegistryError, match=r"^OLLAMA_HOST: .* \(provider 'Ollama'\)\.$"):
        registry_at(value)
