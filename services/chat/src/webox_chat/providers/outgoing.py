"""Where Webox connects to: only to addresses that the provider's entry allows.

A base URL is the administrator's, but its name may come to mean another address later. So the
addresses are checked after they were resolved, by the connector that then connects to exactly
these. Nothing is followed, no proxy of the environment is used, and nothing is unpacked.
"""

import socket
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.tracing import Trace

PrivateAllowed = Callable[[str, int], bool]
"""Whether the provider at this host and port may be at a private address."""

KEEPALIVE_SECONDS = 30.0
USER_AGENT = "Webox"

_SHARED = IPv4Address("100.64.0.0"), IPv4Address("100.127.255.255")
_NAT64 = IPv6Network("64:ff9b::/96")


class RefusedAddressError(OSError):
    """A name resolved to an address that its provider's entry does not allow."""


@lru_cache(maxsize=1024)
def address_allowed(address: str, *, private: bool) -> bool:
    """Public addresses always; loopback and private networks only with `private`.

    Link-local addresses, where clouds keep their credentials, and multicast never.
    """
    ip = _embedded(ip_address(address.partition("%")[0]))
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    if ip.is_global:
        return True
    shared = isinstance(ip, IPv4Address) and _SHARED[0] <= ip <= _SHARED[1]
    return private and (ip.is_private or ip.is_loopback or shared)


def _embedded(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


class GuardedResolver(AbstractResolver):
    """Resolves a name and leaves out what is not allowed; raises when nothing is left."""

    def __init__(self, private_allowed: PrivateAllowed) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._private_allowed = private_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        private = self._private_allowed(host, port)
        found = await self._inner.resolve(host, port, family)
        allowed = [each for each in found if address_allowed(each["host"], private=private)]
        if not allowed:
            raise RefusedAddressError(f"{host} is at an address that is not allowed")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


class GuardedConnector(aiohttp.TCPConnector):
    """Connects to allowed addresses only, given as names or as numbers."""

    def __init__(self, private_allowed: PrivateAllowed) -> None:
        super().__init__(
            resolver=GuardedResolver(private_allowed),
            limit=0,
            keepalive_timeout=KEEPALIVE_SECONDS,
        )
        self._private_allowed = private_allowed

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name is the parent's
    ) -> aiohttp.connector.Connection:
        """As every connector, but an address in the URL itself never meets the resolver."""
        host, port = req.url.host or "", req.url.port or 0
        if _is_address(host):
            private = self._private_allowed(host, port)
            if not address_allowed(host, private=private):
                raise RefusedAddressError(f"{host} is an address that is not allowed")
        return await super().connect(req, traces, timeout)


def guarded_session(private_allowed: PrivateAllowed) -> aiohttp.ClientSession:
    """The one kind of session that providers are asked with; made inside the running loop."""
    return aiohttp.ClientSession(
        connector=GuardedConnector(private_allowed),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
