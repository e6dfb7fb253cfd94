"""Ports of this machine: which are free, and who has one that is not."""

import errno
import random
import socket

import psutil

from webox_local.errors import CannotStartError

# Below the kernel's usual range for outgoing connections: one of those could otherwise sit on
# the port of a service that is just being started again.
INTERNAL = range(20_000, 32_000)
LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that nothing listens on."""
    candidates = random.sample(INTERNAL, k=len(INTERNAL))
    free = [port for port in candidates[: count * 20] if is_free(LOOPBACK, port)]
    return free[:count]


def reachable(host: str) -> str:
    """How to write, in a URL for this machine, the address of what listens on `host`."""
    if host in {"0.0.0.0", "::", "localhost"}:  # noqa: S104 - compared with, not listened on
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def is_free(host: str, port: int) -> bool:
    return _why_not(host, port) is None


def check_public_port(host: str, port: int) -> None:
    """Makes sure that the gateway can listen there.

    Raises:
        CannotStartError: It is taken, or not ours to take.
    """
    reason = _why_not(host, port)
    if reason is None:
        return
    if isinstance(reason, PermissionError):
        raise CannotStartError(
            f"Port {port} is reserved for root: choose one from 1024 on, with WEBOX_PORT or --port."
        )
    if isinstance(reason, socket.gaierror) or reason.errno != errno.EADDRINUSE:
        raise CannotStartError(
            f"Webox cannot listen on {host} port {port}: {reason.strerror}; check WEBOX_HOST."
        )
    raise CannotStartError(
        f"Port {port} is already taken{_by_whom(port)}: "
        "stop that program, or choose another port with WEBOX_PORT or --port."
    )


def _why_not(host: str, port: int) -> OSError | None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do: a port whose last connections are only lingering counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.pid and connection.laddr.port == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
