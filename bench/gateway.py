"""The gateway against nginx: `python -m bench.gateway`.

Both pass requests on to the same static kilobyte of the same nginx, one process each, over 32
kept-alive connections; the gateway checks a token as well. One load generator (wrk), the two in
turn, and the ratio of each turn; then 200 requests per second for what a request takes longer
than without anything between. Needs nginx and wrk on PATH.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from webox_gateway.keys import PRIVATE_KEY, PUBLIC_KEY, SERVICE_SECRET, make_keys
from webox_local.servers import Servers, running_servers

PATH = "/api/dashboard/bench"
CONNECTIONS = 32
PACED_RATE = 200
LEAST_RATIO = 0.10
MOST_ADDED_MS = 1.5
_CREDENTIALS = {"email": "bench@webox.local", "password": "bench-password"}
_NGINX = """
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json;
  keepalive_requests 100000000; keepalive_timeout 300;
  client_body_temp_path {folder}/{name}-1; proxy_temp_path {folder}/{name}-2;
  fastcgi_temp_path {folder}/{name}-3; uwsgi_temp_path {folder}/{name}-4;
  scgi_temp_path {folder}/{name}-5;
  upstream origin {{
    server 127.0.0.1:{origin}; keepalive 64; keepalive_requests 100000000;
  }}
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""
_KILOBYTE = "x" * 1024
_STATIC = f"location / {{ return 200 {_KILOBYTE}; }}"
_PROXY = """location / {
    proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
  }"""


@dataclass(frozen=True)
class Contestants:
    """Ports of the kilobyte itself, of nginx before it, and of the gateway; and its token."""

    origin: int
    nginx: int
    gateway: int
    gateway_process: int
    token: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.gateway")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    options = parser.parse_args()
    missing = [program for program in ("nginx", "wrk") if not _program(program)]
    if missing:
        sys.exit(f"bench.gateway needs {' and '.join(missing)} on PATH.")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with (
        tempfile.TemporaryDirectory(prefix="webox-bench-") as folder,
        _contestants(Path(folder)) as contestants,
    ):
        good = [
            _throughput(contestants, options.rounds, options.seconds),
            _added_latency(contestants, options.rounds, options.seconds),
        ]
        print(f"memory of the gateway afterwards: {_pss(contestants.gateway_process):.0f} MB (PSS)")
    sys.exit(0 if all(good) else 1)


def _throughput(contestants: Contestants, rounds: int, seconds: int) -> bool:
    ratios: list[float] = []
    for number in range(rounds):
        nginx = _wrk(contestants.nginx, contestants.token, seconds)
        gateway = _wrk(contestants.gateway, contestants.token, seconds)
        ratios.append(gateway / nginx)
        print(
            f"round {number + 1}: nginx {nginx:,.0f} requests/s, gateway {gateway:,.0f}, "
            f"ratio {ratios[-1]:.3f}"
        )
    median = statistics.median(ratios)
    print(f"requests/s: {median:.1%} of nginx's, median (at least {LEAST_RATIO:.0%} wanted)")
    return median >= LEAST_RATIO


def _added_latency(contestants: Contestants, rounds: int, seconds: int) -> bool:
    added: list[float] = []
    for number in range(rounds):
        through = {
            name: asyncio.run(_paced(port, contestants.token, seconds))
            for name, port in (
                ("nothing", contestants.origin),
                ("nginx", contestants.nginx),
                ("the gateway", contestants.gateway),
            )
        }
        added.append(through["the gateway"] - through["nothing"])
        print(
            f"round {number + 1}: median at {PACED_RATE} requests/s through "
            + ", ".join(f"{name} {value:.2f} ms" for name, value in through.items())
        )
    median = statistics.median(added)
    print(f"added: {median:.2f} ms, median (at most {MOST_ADDED_MS} ms wanted)")
    return median <= MOST_ADDED_MS


def _wrk(port: int, token: str, seconds: int) -> float:
    printed = subprocess.run(
        [
            *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"),
            *("-H", f"Authorization: Bearer {token}", f"http://127.0.0.1:{port}{PATH}"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if found is None or "Non-2xx" in printed:
        raise RuntimeError(f"wrk did not measure what it should:\n{printed}")
    return float(found[1])


async def _paced(port: int, token: str, seconds: int) -> float:
    """The median time of a request in ms, at a fixed rate whatever the answers take."""
    request = (
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
    took: list[float] = []

    async def ask(due: float) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"unexpected answer: {head!r}")
        await reader.readexactly(int(length[1]))
        took.append((time.perf_counter() - due) * 1000)
        idle.append((reader, writer))

    started = time.perf_counter()
    async with asyncio.TaskGroup() as asked:
        for number in range(seconds * PACED_RATE):
            due = started + number / PACED_RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.create_task(ask(time.perf_counter()))
    for _, writer in idle:
        writer.close()
    return statistics.median(took)


@contextlib.contextmanager
def _contestants(folder: Path) -> Iterator[Contestants]:
    origin, nginx, gateway = _free_ports(3)
    home = folder / "servers"
    home.mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_nginx(folder, "origin", origin, origin, _STATIC))
        stack.enter_context(_nginx(folder, "proxy", nginx, origin, _PROXY))
        servers = stack.enter_context(running_servers(home))
        process = stack.enter_context(_gateway(folder, servers, gateway, origin))
        yield Contestants(origin, nginx, gateway, process, _sign_in(gateway))


@contextlib.contextmanager
def _nginx(folder: Path, name: str, port: int, origin: int, location: str) -> Iterator[None]:
    config = folder / f"{name}.conf"
    config.write_text(
        _NGINX.format(
            folder=folder,
            name=name,
            port=port,
            origin=origin,
            location=location,
        )
    )
    with _running([_program("nginx") or "", "-c", str(config)], port):
        yield


@contextlib.contextmanager
def _gateway(folder: Path, servers: Servers, port: int, origin: int) -> Iterator[int]:
    make_keys(folder)
    servers.postgres.create_databases(["webox_gateway"])
    environment = {
        **os.environ,
        "WEBOX_PORT": str(port),
        "WEBOX_DATABASE_URL": servers.postgres.url("webox_gateway"),
        "WEBOX_REDIS_URL": servers.redis.url(0),
        "WEBOX_BROKER_URL": servers.redis.broker_url(1),
        "WEBOX_IDENTITY_PRIVATE_KEY_FILE": str(folder / PRIVATE_KEY),
        "WEBOX_IDENTITY_PUBLIC_KEY_FILE": str(folder / PUBLIC_KEY),
        "WEBOX_SERVICE_SECRET_FILE": str(folder / SERVICE_SECRET),
        "WEBOX_DASHBOARD_URL": f"http://127.0.0.1:{origin}",
        "WEBOX_LOG_LEVEL": "WARNING",
    }
    command = [str(Path(sys.executable).with_name("webox-gateway")), "api"]
    with _running(command, port, environment) as process:
        yield process


@contextlib.contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[int]:
    """Run `command` until the block ends, which begins once it listens on `port`."""
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_until_listening(process, port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


def _sign_in(port: int) -> str:
    _post(port, "/api/auth/register", {**_CREDENTIALS, "name": "Bench"})
    token: str = _post(port, "/api/auth/login", _CREDENTIALS)["access_token"]
    return token


def _post(port: int, path: str, body: dict[str, str]) -> dict[str, str]:
    request = Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request) as response:  # noqa: S310 - our own gateway
        answer: dict[str, str] = json.load(response)
    return answer


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


def _pss(process: int) -> float:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(rollup.partition("Pss:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
