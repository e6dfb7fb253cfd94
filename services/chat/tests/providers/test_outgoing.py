"""Where Webox connects to, and where not."""

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from webox_chat.providers import ChatTurn, Provider, ProviderRequest, Registry
from webox_chat.providers.outgoing import address_allowed, guarded_session
from webox_double import Double

REQUEST = ProviderRequest("ok", (ChatTurn("user", "?"),))
PRIVATE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1"]
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1"]  # noqa: S104 - data
DISGUISED = ["::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert address_allowed(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_when_the_entry_says_so(address: str) -> None:
    assert not address_allowed(address, private=False)
    assert address_allowed(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert not address_allowed(address, private=True)


@pytest.mark.parametrize("address", DISGUISED)
def test_a_disguise_does_not_help(address: str) -> None:
    assert not address_allowed(address, private=False)


@pytest.fixture
def provider(registry: Registry) -> Provider:
    found = registry.find("openai")
    assert found is not None
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_connection_to_a_private_address(
    double: Double, provider: Provider, ask_provider: Any, host: str
) -> None:
    url = f"http://{host}:{double.port}/v1"
    moved = replace(provider, endpoint=replace(provider.endpoint, base_url=url))
    async with guarded_session(lambda _host, _port: False) as session:
        asked = await ask_provider(moved, session, REQUEST)
    assert (asked.error.code, asked.error.retryable) == ("unavailable", False)
    assert "private network" in asked.error.detail
    assert double.calls == []


async def test_a_name_that_comes_to_mean_another_address_is_refused(
    double: Double,
    registry_file: Callable[[str], Path],
    ask_provider: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = (
        f'[providers.P]\nprotocol = "openai"\nbase_url = "http://public.example:{double.port}/v1"\n'
        'default_model = "ok"\n'
    )
    registry = Registry.load(registry_file(content), {})
    found = registry.find("P")
    assert found is not None
    loopback = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", double.port))
    async with registry.session() as session:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [loopback])
        asked = await ask_provider(found, session, REQUEST)
    assert "private network" in asked.error.detail
    assert double.calls == []


async def test_only_the_port_of_the_entry_is_allowed(double: Double, registry: Registry) -> None:
    assert registry.allows_private("127.0.0.1", double.port)
    assert not registry.allows_private("127.0.0.1", double.port + 1)
    assert not registry.allows_private("localhost", double.port)


async def test_any_other_session_is_refused(provider: Provider) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TypeError, match=r"Registry\.session"):
            await anext(provider.ask(session, REQUEST))


async def test_no_proxy_of_the_environment_sees_the_key(
    ask: Any, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await ask("openai", "ok")).finished is not None
    assert len(double.calls) == 1
