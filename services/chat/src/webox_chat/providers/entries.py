"""The registry's TOML: read, merged and checked. docs/providers.md documents every field."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from webox_chat.providers.base import TimeLimits
from webox_chat.providers.outgoing import address_allowed
from webox_chat.providers.provider import USUAL_CONCURRENCY, Model, ProtocolName
from webox_chat.providers.retry import RetryPolicy
from webox_kit.circuits import CircuitPolicy
from webox_kit.errors import ConfigurationError

DEFAULT_FILE = "default.toml"
DEMO_NAMES = ("Demo A", "Demo B")
_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,40}")
_LOCAL_NAMES = ("localhost", "host.docker.internal")

Price = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$", strip_whitespace=True),
]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class ProviderRegistryError(ConfigurationError):
    """The registry file cannot be used; one sentence names the file, the provider and the field."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelEntry(_Table):
    context_window: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    input_price: Price | None = None
    output_price: Price | None = None
    temperature: bool = True
    stop: bool = True
    aliases: tuple[ModelName, ...] = ()

    @model_validator(mode="after")
    def _both_prices(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price go together")
        return self

    def model(self, name: str) -> Model:
        return Model(
            name=name,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            input_price=Decimal(self.input_price) if self.input_price else None,
            output_price=Decimal(self.output_price) if self.output_price else None,
            takes_temperature=self.temperature,
            takes_stop=self.stop,
            aliases=self.aliases,
        )


class TimeLimitsEntry(_Table):
    connect: Seconds = 10
    first_token: Seconds = 60
    idle: Seconds = 60
    total: Seconds = 600

    def limits(self) -> TimeLimits:
        return TimeLimits(self.connect, self.first_token, self.idle, self.total)


class RetryEntry(_Table):
    tries: int = Field(default=3, ge=1, le=10)
    first_wait: Seconds = 0.5
    longest_wait: Seconds = 60

    def policy(self) -> RetryPolicy:
        return RetryPolicy(self.tries, self.first_wait, self.longest_wait)


class CircuitEntry(_Table):
    failures: int = Field(default=5, ge=1, le=1000)
    open_seconds: Seconds = 30

    def policy(self, limits: TimeLimits) -> CircuitPolicy:
        """A probe that has said nothing for longer than these limits allow is lost."""
        return CircuitPolicy(self.failures, self.open_seconds, limits.first_token + limits.idle)


class ProviderEntry(_Table):
    protocol: ProtocolName
    base_url: str
    base_url_env: Variable | None = None
    api_key_env: Variable | None = None
    default_model: ModelName | None = None
    models: dict[ModelName, ModelEntry] = {}
    extra_models: bool = False
    discover: bool = False
    allow_private: bool = False
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    timeouts: TimeLimitsEntry = TimeLimitsEntry()
    retry: RetryEntry = RetryEntry()
    concurrency: int = Field(default=USUAL_CONCURRENCY, ge=1, le=10_000)
    circuit: CircuitEntry = CircuitEntry()
    fallback: str | None = None
    enabled: bool = True

    @field_validator("base_url")
    @classmethod
    def _usable_url(cls, value: str) -> str:
        return checked_url(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        url = urlsplit(self.base_url)
        if not self.allow_private and _is_private(url.hostname or ""):
            raise ValueError("base_url is a private address: set allow_private = true to allow it")
        if url.scheme == "http" and self.api_key_env and not self.allow_private:
            raise ValueError("base_url must be https, or the key would travel in the clear")
        if self.default_model is None and not self.discover:
            raise ValueError("default_model is missing")
        if self.discover and self.api_key_env:
            raise ValueError("discover is for servers that need no key: leave out api_key_env")
        if self.models and not self.extra_models and not self.discover:
            known = {name for name, model in self.models.items() for name in (name, *model.aliases)}
            if self.default_model not in known:
                raise ValueError("default_model is not one of its models")
        return self


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """A file's providers as TOML wrote them, not yet checked."""

    name: str
    extends_default: bool
    tables: Mapping[str, Any]


def read_entries(file: Path | None) -> dict[str, ProviderEntry]:
    """The entries of the default registry and of `file`, by provider name, in order.

    A provider of `file` changes the fields it names of the default one with the same name.

    Raises:
        ProviderRegistryError: the file cannot be read, or something in it is wrong.
    """
    default = _parsed(DEFAULT_FILE, files(__package__).joinpath(DEFAULT_FILE).read_bytes())
    own = _parsed(str(file), _content(file)) if file is not None else None
    tables: dict[str, Any] = {}
    if own is None or own.extends_default:
        tables.update(default.tables)
    for name, table in own.tables.items() if own is not None else ():
        before = tables.get(name, {})
        tables[name] = {**before, **table} if isinstance(table, dict) else table
    entries = {}
    sources = {name: _source(name, own, default) for name in tables}
    for name, table in tables.items():
        entries[name] = _entry(sources[name], name, table)
    enabled = {name: entry for name, entry in entries.items() if entry.enabled}
    for name, entry in enabled.items():
        _check_fallback(sources[name], name, entry, enabled)
    return enabled


def checked_url(value: str) -> str:
    """`value` without a slash at its end.

    Raises:
        ValueError: it is not an http or https address that a path can be added to.
    """
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be an http:// or https:// address")
    if not url.hostname.isascii():
        raise ValueError("must have its host name in ASCII (punycode)")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must have no user, password, query or fragment")
    if url.port == 0:
        raise ValueError("must have a port above 0")
    return value.rstrip("/")


def _source(name: str, own: RegistryFile | None, default: RegistryFile) -> str:
    return own.name if own is not None and name in own.tables else default.name


def _check_fallback(
    file: str, name: str, entry: ProviderEntry, entries: Mapping[str, ProviderEntry]
) -> None:
    fallback = entry.fallback
    if fallback is not None and (fallback == name or fallback not in entries):
        raise ProviderRegistryError(
            f"{file}: provider {name!r}: fallback: {fallback!r} is not the name of another."
        )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ProviderRegistryError(
            f"{file}: the provider registry cannot be read ({error.strerror})."
        ) from error


def _parsed(name: str, content: bytes) -> RegistryFile:
    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProviderRegistryError(f"{name}: this is not TOML: {error}.") from error
    extends_default = document.pop("extends_default", True)
    tables = document.pop("providers", {})
    if document:
        raise ProviderRegistryError(
            f"{name}: {next(iter(document))} is unknown; "
            'there are extends_default and [providers."Name"].'
        )
    if not isinstance(extends_default, bool):
        raise ProviderRegistryError(f"{name}: extends_default must be true or false.")
    if not isinstance(tables, dict):
        raise ProviderRegistryError(f'{name}: providers must be tables, [providers."Name"].')
    return RegistryFile(name, extends_default, tables)


def _entry(file: str, name: str, table: object) -> ProviderEntry:
    where = f"{file}: provider {name!r}"
    if not _NAME.fullmatch(name):
        raise ProviderRegistryError(
            f"{where}: a name has 1 to 40 letters, digits, spaces, dots, - or _."
        )
    if name in DEMO_NAMES:
        raise ProviderRegistryError(f"{where}: this name belongs to the demo.")
    try:
        return ProviderEntry.model_validate(table)
    except ValidationError as error:
        raise ProviderRegistryError(f"{where}: {_first_fault(error)}.") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _is_private(host: str) -> bool:
    """Of what can be told without asking the network; names are checked when they are resolved."""
    if host in _LOCAL_NAMES:
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return not address_allowed(host, private=False)
