"""Where a request really comes from, and whether over TLS: what proxies say, if they may."""

from collections.abc import Sequence
from ipaddress import ip_address

from webox_gateway.settings import Network


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The client's address: the last one in X-Forwarded-For that is no trusted proxy's.

    What stands further left was said by the client itself.
    """
    address = peer
    for claimed in reversed((forwarded_for or "").split(",")):
        if not claimed.strip() or not is_trusted(address, trusted):
            break
        address = claimed.strip()
    return address


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def is_secure(
    scheme: str, peer: str, forwarded_proto: str | None, trusted: Sequence[Network]
) -> bool:
    """Whether the client speaks TLS, to us or to a trusted proxy."""
    if forwarded_proto is not None and is_trusted(peer, trusted):
        return forwarded_proto.split(",")[-1].strip().lower() == "https"
    return scheme == "https"
