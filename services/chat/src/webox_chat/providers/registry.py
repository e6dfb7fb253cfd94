"""Who can be asked: the providers of the registry files, and what is known of them now."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from webox_chat.providers.base import Endpoint
from webox_chat.providers.discovery import PROBE_SECONDS, Discovered, discover
from webox_chat.providers.entries import (
    DEMO_NAMES,
    ProviderEntry,
    ProviderRegistryError,
    checked_url,
    read_entries,
)
from webox_chat.providers.outgoing import guarded_session
from webox_chat.providers.provider import Model, ProtocolName, Provider

REFRESH_SECONDS = 60.0
OLLAMA_PORT = 11434
# A program of our own, on this machine, that nobody pays for.
DEMO_CONCURRENCY = 1000
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Registry:
    """Made once per process by `load`; its providers are snapshots, found anew for each use."""

    def __init__(self, providers: Mapping[str, Provider], discovered: frozenset[str]) -> None:
        self._providers = dict(providers)
        self._to_discover = discovered
        self._refreshed_at: float | None = None
        self._refreshing = asyncio.Lock()
        self.refresh_seconds = REFRESH_SECONDS
        self.probe_seconds = PROBE_SECONDS

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        demo_url: str | None = None,
        *,
        demo: bool = True,
    ) -> Self:
        """Reads the registry files and the keys; opens no connection.

        `demo_url` is where the provider double listens, without `/v1`; none, or `demo` false,
        means no demo providers.

        Raises:
            ProviderRegistryError: one sentence that names file, provider and field.
        """
        entries = read_entries(file)
        providers = {name: _provider(name, entry, environ) for name, entry in entries.items()}
        if demo and demo_url:
            providers |= {each.name: each for each in _demo_providers(demo_url)}
        return cls(providers, frozenset(n for n, entry in entries.items() if entry.discover))

    def all(self) -> tuple[Provider, ...]:
        """Every provider, available or not; the demo ones only while no real one is available."""
        real = tuple(each for each in self._providers.values() if not each.demo)
        if any(each.available for each in real):
            return real
        return tuple(self._providers.values())

    def available(self) -> tuple[Provider, ...]:
        """Those that can be asked now."""
        return tuple(each for each in self.all() if each.available)

    def find(self, name: str) -> Provider | None:
        """The provider with exactly this name, among `all()`."""
        return next((each for each in self.all() if each.name == name), None)

    def cost(
        self, provider: str, model: str, input_tokens: int | None, output_tokens: int | None
    ) -> Decimal | None:
        """Of an answer of this provider's model, as `Provider.cost` says."""
        known = self._providers.get(provider)
        return known.cost(model, input_tokens, output_tokens) if known else None

    def session(self) -> aiohttp.ClientSession:
        """What `Provider.ask` needs: make one per process in its running loop, and close it."""
        return guarded_session(self.allows_private)

    def allows_private(self, host: str, port: int) -> bool:
        """Whether an entry with this host and port allows a private address."""
        return (host.lower(), port) in {
            _host_and_port(each.endpoint.base_url)
            for each in self._providers.values()
            if each.allow_private
        }

    async def refresh(self) -> None:
        """Looks again which local servers run, at most once a minute; never raises."""
        if not self._to_discover or self._is_fresh():
            return
        async with self._refreshing:
            if self._is_fresh():
                return
            await self._discover_all()
            self._refreshed_at = time.monotonic()

    def _is_fresh(self) -> bool:
        if self._refreshed_at is None:
            return False
        return time.monotonic() - self._refreshed_at < self.refresh_seconds

    async def _discover_all(self) -> None:
        names = sorted(self._to_discover)
        async with self.session() as session:
            found = await asyncio.gather(
                *(
                    discover(session, self._providers[n].endpoint.base_url, self.probe_seconds)
                    for n in names
                )
            )
        for name, what in zip(names, found, strict=True):
            self._providers[name] = _with_discovered(self._providers[name], what)


def _provider(name: str, entry: ProviderEntry, environ: Mapping[str, str]) -> Provider:
    key, reason = _key(entry.api_key_env, environ)
    base_url = _base_url(name, entry, environ)
    if entry.discover and reason is None:
        reason = _not_running(base_url)
    return Provider(
        name=name,
        protocol=entry.protocol,
        endpoint=Endpoint(
            base_url=base_url,
            api_key=key,
            limits=entry.timeouts.limits(),
            max_tokens_field=entry.max_tokens_field,
            stream_options=entry.stream_options,
        ),
        catalog=_catalog(entry),
        default_model=entry.default_model or "",
        extra_models=entry.extra_models,
        available=reason is None,
        reason=reason,
        retry=entry.retry.policy(),
        concurrency=entry.concurrency,
        circuit=entry.circuit.policy(entry.timeouts.limits()),
        fallback=entry.fallback,
        allow_private=entry.allow_private,
    )


def _catalog(entry: ProviderEntry) -> tuple[Model, ...]:
    listed = tuple(model.model(name) for name, model in entry.models.items())
    names = {name for model in listed for name in (model.name, *model.aliases)}
    if entry.default_model is None or entry.default_model in names:
        return listed
    return (Model(entry.default_model), *listed)


def _key(variable: str | None, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The key, and why the provider is not available if that is for the key."""
    if variable is None:
        return None, None
    key = environ.get(variable, "").strip()
    if not key:
        return None, f"set {variable}"
    if not (key.isascii() and key.isprintable()):
        return None, f"{variable} holds characters that no key has"
    return key, None


def _base_url(name: str, entry: ProviderEntry, environ: Mapping[str, str]) -> str:
    """The entry's address, or the one of its variable, which may be shortened as OLLAMA_HOST is."""
    variable = entry.base_url_env
    value = environ.get(variable, "").strip() if variable else ""
    if not value:
        return entry.base_url
    try:
        return _full_url(value, entry.base_url)
    except ValueError as error:
        raise ProviderRegistryError(f"{variable}: {error} (provider {name!r}).") from None


def _full_url(value: str, usual: str) -> str:
    """`0.0.0.0`, `:8080`, `host`, `host:port` or a whole address; the path is the usual one's."""
    if set(value) & set("@?#"):
        raise ValueError("must have no user, password, query or fragment")
    path = urlsplit(usual).path
    url = urlsplit(value if "://" in value else f"http://{value}")
    host = url.hostname or "localhost"
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - what a server listens on is asked at the loopback
        host = "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    port = url.port or (_DEFAULT_PORTS.get(url.scheme) if "://" in value else OLLAMA_PORT)
    return checked_url(f"{url.scheme}://{host}:{port}{url.path.rstrip('/') or path}")


def _demo_providers(demo_url: str) -> tuple[Provider, ...]:
    try:
        endpoint = Endpoint(base_url=checked_url(demo_url) + "/v1")
    except ValueError as error:
        raise ProviderRegistryError(f"WEBOX_DEMO_URL: {error}.") from None
    names: tuple[tuple[str, ProtocolName, str], ...] = (
        (DEMO_NAMES[0], "openai", "demo-a"),
        (DEMO_NAMES[1], "anthropic", "demo-b"),
    )
    return tuple(
        Provider(
            name,
            protocol,
            endpoint,
            (Model(model),),
            model,
            demo=True,
            allow_private=True,
            concurrency=DEMO_CONCURRENCY,
        )
        for name, protocol, model in names
    )


def _with_discovered(provider: Provider, found: Discovered) -> Provider:
    """The provider with the models its server has; what the registry says of them is kept."""
    if found.models is None:
        reason = _not_running(provider.endpoint.base_url)
        return replace(provider, available=False, reason=reason)
    if not found.models:
        return replace(provider, available=False, reason="it has no model yet: pull one")
    known = {model.name: model for model in provider.catalog}
    catalog = tuple(known.get(name, Model(name)) for name in found.models)
    default = provider.default_model
    return replace(
        provider,
        catalog=catalog,
        default_model=default if default in found.models else found.models[0],
        available=True,
        reason=None,
    )


def _not_running(base_url: str) -> str:
    url = urlsplit(base_url)
    return f"nothing answers at {url.scheme}://{url.netloc}"


def _host_and_port(base_url: str) -> tuple[str, int]:
    url = urlsplit(base_url)
    return url.hostname or "", url.port or _DEFAULT_PORTS[url.scheme]
