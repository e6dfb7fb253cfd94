"""Which programs make up Webox, and what each finds in its environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from webox_local.home import Home
from webox_local.keys import Keys
from webox_local.ports import LOOPBACK, reachable
from webox_local.servers import Servers
from webox_local.settings import Settings

SERVICES: Mapping[str, tuple[str, ...]] = {
    "gateway": ("api", "events"),
    "chat": ("api", "events", "worker"),
    "search": ("api", "events"),
    "exporter": ("api", "events", "worker"),
    "dashboard": ("api", "events"),
}
CONSUMING = tuple(service for service in SERVICES if service != "gateway")
VERIFIED = {"search": "search", "dashboard": "dashboard", "exports": "exporter"}
"""What can be verified, and whose it is."""
DEMO = "provider-double"
PACKAGES = {service: f"webox_{service}" for service in SERVICES} | {DEMO: "webox_double"}
LISTENING = (*SERVICES, DEMO)
# Console scripts are installed beside the Python that runs this one.
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Program:
    """A program the supervisor keeps up.

    Args:
        stop_as_group: Whether its children are asked to stop as well, or left to it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_as_group: bool = True


@dataclass(frozen=True)
class Installation:
    """Everything the environment of a program is made from."""

    home: Home
    settings: Settings
    servers: Servers
    keys: Keys
    ports: Mapping[str, int]

    def environment(self, service: str) -> dict[str, str]:
        """The variables of every process of `service`, and of its operator commands."""
        return self._common() | self._where(service) | self._own(service)

    def url(self, service: str) -> str:
        """Where `service` is reached from this machine."""
        host = reachable(self.settings.host) if service == "gateway" else LOOPBACK
        return f"http://{host}:{self.ports[service]}"

    def _common(self) -> dict[str, str]:
        urls = {f"WEBOX_{service.upper()}_URL": self.url(service) for service in SERVICES}
        return urls | {
            "WEBOX_REDIS_URL": self.servers.redis.url(),
            "WEBOX_BROKER_URL": self.servers.redis.broker_url(),
            "WEBOX_IDENTITY_PUBLIC_KEY_FILE": str(self.keys.public_key_file),
            "WEBOX_SERVICE_SECRET_FILE": str(self.keys.service_secret_file),
        }

    def _where(self, service: str) -> dict[str, str]:
        return {
            "WEBOX_HOST": self.settings.host if service == "gateway" else LOOPBACK,
            "WEBOX_PORT": str(self.ports[service]),
            "WEBOX_DATABASE_URL": self.servers.postgres.url(database_name(service)),
        }

    def _own(self, service: str) -> dict[str, str]:
        match service:
            case "gateway":
                return {"WEBOX_IDENTITY_PRIVATE_KEY_FILE": str(self.keys.private_key_file)}
            case "chat":
                return self._providers()
            case "search":
                return {"WEBOX_INDEX_DIR": str(self.home.index)}
            case "exporter":
                return {"WEBOX_FILES_URL": f"file://{quote(str(self.home.exports))}"}
            case _:
                return {}

    def _providers(self) -> dict[str, str]:
        variables = {"WEBOX_DEMO": str(int(self.settings.demo))}
        if self.settings.demo:
            variables["WEBOX_DEMO_URL"] = f"http://{LOOPBACK}:{self.ports[DEMO]}"
        if self.settings.providers_file:
            variables["WEBOX_PROVIDERS_FILE"] = str(self.settings.providers_file)
        return variables


def database_name(service: str) -> str:
    return f"webox_{service}"


def service_program(service: str) -> str:
    """The path of a service's own command."""
    return str(SCRIPTS / f"webox-{service}")


def server_programs(servers: Servers) -> list[Program]:
    return [
        Program(
            "postgres",
            tuple(servers.postgres.command()),
            stop_signal=servers.postgres.stop_signal.name.removeprefix("SIG"),
            # It tells its own processes how to end; a signal past it looks like a crash to it.
            stop_as_group=False,
        ),
        Program("redis", tuple(servers.redis.command())),
    ]


def webox_programs(installation: Installation) -> list[Program]:
    programs = [
        Program(
            f"{service}-{process}",
            (service_program(service), process),
            installation.environment(service),
            # Its children are in the middle of documents, which they may finish.
            stop_as_group=(service, process) != ("exporter", "worker"),
        )
        for service, processes in SERVICES.items()
        for process in processes
    ]
    if installation.settings.demo:
        programs.append(_demo(installation.ports[DEMO]))
    return programs


def _demo(port: int) -> Program:
    return Program(DEMO, (service_program(DEMO), "--host", LOOPBACK, "--port", str(port)))
