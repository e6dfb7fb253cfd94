"""What a start was asked for, by options and environment."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webox_local.errors import CannotStartError
from webox_local.ports import LOOPBACK

HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class Settings:
    """`port` 0 means any free one."""

    host: str
    port: int
    demo: bool
    providers_file: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str], *, port: str | None = None) -> "Settings":
        """Reads the variables WEBOX_HOST, WEBOX_PORT, WEBOX_DEMO and WEBOX_PROVIDERS_FILE.

        Args:
            environment: Where to read them.
            port: The port as the user typed it; goes before the variable.

        Raises:
            CannotStartError: One is not usable; the sentence names it.
        """
        asked = {name: value for name, value in environment.items() if value}
        if port is None:
            chosen = _port("WEBOX_PORT", asked.get("WEBOX_PORT", "8000"))
        else:
            chosen = _port("--port", port)
        return cls(
            host=asked.get("WEBOX_HOST", LOOPBACK),
            port=chosen,
            demo=_switch("WEBOX_DEMO", asked.get("WEBOX_DEMO", "1")),
            providers_file=_providers_file(asked.get("WEBOX_PROVIDERS_FILE")),
        )


def _port(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= HIGHEST_PORT:
        return int(text)
    raise CannotStartError(
        f"{name} is {text!r}; it should be a port: 0 (any free one) to {HIGHEST_PORT}."
    )


def _switch(name: str, text: str) -> bool:
    if text not in {"0", "1"}:
        raise CannotStartError(f"{name} is {text!r}; it should be 0 or 1.")
    return text == "1"


def _providers_file(named: str | None) -> Path | None:
    """The named file as an absolute path; the chat service checks what it says."""
    if named is None:
        return None
    path = Path(named).expanduser().absolute()
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CannotStartError(
            f"WEBOX_PROVIDERS_FILE={named} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise CannotStartError(f"WEBOX_PROVIDERS_FILE={named} is not TOML: {error}.") from error
    return path
