"""Serving the door: uvicorn with the door's own protocol."""

import ctypes
import gc
import signal
from typing import Any

import uvicorn
from prometheus_client import start_http_server

from webox_gateway.door.app import Door
from webox_gateway.door.protocol import DoorProtocol
from webox_gateway.main import create_app
from webox_gateway.settings import GatewaySettings

_IDLE_SECONDS = 15
_GRACE_SECONDS = 20
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1024 * 1024
# Requests leave hardly any cycles behind. Looking for them after every 700 new objects, as Python
# does by itself, takes an eighth of what the gateway can do.
_COLLECT_AFTER = (20_000, 50, 50)


def server_config(app: Door, **more: Any) -> uvicorn.Config:
    """How the door is served, with `more` options of uvicorn's.

    Proxy headers are ours to judge, so uvicorn leaves them alone.
    """
    options: dict[str, Any] = {
        "http": DoorProtocol,
        "loop": "uvloop",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": _IDLE_SECONDS,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
    }
    return uvicorn.Config(app, **{**options, **more})


def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way and return."""
    _give_large_memory_back()
    gc.set_threshold(*_COLLECT_AFTER)
    app = create_app(settings)
    # uvicorn raises the signal again when it has shut down; that is success, not a death.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host)
    uvicorn.Server(server_config(app, host=settings.host, port=settings.port)).run()


def _give_large_memory_back() -> None:
    """Argon2 takes 19 MiB a time, which glibc, left to itself, would keep after the first."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
