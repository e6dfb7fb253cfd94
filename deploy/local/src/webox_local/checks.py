"""What a start needs of this machine: the same checks for `webox up` and `webox doctor`."""

import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from webox_local import postgres, redis_server
from webox_local.errors import CannotStartError
from webox_local.home import Home
from webox_local.ports import check_public_port
from webox_local.programs import LISTENING, SCRIPTS, service_program
from webox_local.settings import Settings

MEMORY_NEEDED = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """`problem` is a sentence, or None when `what` is as it should be."""

    what: str
    detail: str
    problem: str | None = None


def examine(home: Home, environment: Mapping[str, str], *, port: str | None) -> list[Finding]:
    """Checks everything a start needs, one finding each; nothing is started."""
    checks: dict[str, Callable[[], str]] = {
        "Python": platform.python_version,
        "programs": _programs,
        "PostgreSQL": _postgres,
        "Redis": _redis,
        "folder": lambda: _folder(home),
        "settings": lambda: _settings(environment, port),
        "port": lambda: _port(home, environment, port),
        "memory": _memory,
        "scripts": _scripts,
    }
    return [_finding(what, check) for what, check in checks.items()]


def _finding(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, check())
    except CannotStartError as error:
        return Finding(what, "", str(error))


def _programs() -> str:
    missing = [name for name in LISTENING if not Path(service_program(name)).exists()]
    if missing:
        raise CannotStartError(
            f"Not installed in {SCRIPTS}: "
            f"{', '.join(f'webox-{name}' for name in missing)}; `make up` installs them."
        )
    return f"all installed in {SCRIPTS}"


def _postgres() -> str:
    postgres.check_may_run()
    return f"{postgres.VERSION}, {postgres.binary('postgres')}"


def _redis() -> str:
    program = redis_server.find_program()
    return f"{redis_server.dotted(program.version)}, {program.path}"


def _folder(home: Home) -> str:
    home.make()
    return str(home.folder)


def _settings(environment: Mapping[str, str], port: str | None) -> str:
    settings = Settings.read(environment, port=port)
    providers = settings.providers_file or "none"
    return f"providers file {providers}, demo {'on' if settings.demo else 'off'}"


def _port(home: Home, environment: Mapping[str, str], port: str | None) -> str:
    run = home.last_run()
    if run and home.holder():
        return f"Webox runs at {run.url}"
    settings = Settings.read(environment, port=port)
    check_public_port(settings.host, settings.port)
    return f"{settings.port} on {settings.host} is free"


def _memory() -> str:
    available = psutil.virtual_memory().available
    if available < MEMORY_NEEDED:
        raise CannotStartError(
            f"Only {available // 1_000_000} MB of memory are free; Webox needs about 1 GB."
        )
    return f"{available / 1e9:.1f} GB free"


def _scripts() -> str:
    """What the exporter's fonts can print, by its own word."""
    command = [service_program("exporter"), "scripts"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except OSError as error:
        raise CannotStartError(f"The exporter cannot be asked: {error}") from None
    if found.returncode:
        raise CannotStartError(found.stderr.strip().rpartition("\n")[2])
    return f"PDFs print {found.stdout.strip()}"
