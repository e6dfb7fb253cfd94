"""Serving the door: uvicorn with the door's own protocol."""

from typing import Any

import uvicorn
from prometheus_client import start_http_server

from webox_gateway.door.app import Door
from webox_gateway.door.protocol import DoorProtocol
from webox_gateway.main import create_app
from webox_gateway.settings import GatewaySettings

_IDLE_SECONDS = 15
_GRACE_SECONDS = 20


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
    app = create_app(settings)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host)
    uvicorn.Server(server_config(app, host=settings.host, port=settings.port)).run()
