"""Settings every service has, read from the environment once, when a process is composed."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, FilePath, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from webox_kit.errors import ConfigurationError

ENVIRONMENT_PREFIX = "WEBOX_"


class ServiceSettings(BaseSettings):
    """What every service needs to run. A service's own settings derive from this."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    database_url: str
    database_pool_size: int = Field(default=8, ge=2, le=100)
    redis_url: str
    broker_url: str
    identity_public_key_file: FilePath
    service_secret_file: FilePath
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    testing: bool = False

    gateway_url: str = "http://127.0.0.1:8000"
    chat_url: str = "http://127.0.0.1:8101"
    search_url: str = "http://127.0.0.1:8102"
    exporter_url: str = "http://127.0.0.1:8103"
    dashboard_url: str = "http://127.0.0.1:8104"

    outbox_kept_days: int = Field(default=7, ge=1)
    inbox_kept_days: int = Field(default=8, ge=1)
    stream_trim_seconds: float = Field(default=60, gt=0)
    stream_most_events: int = Field(default=1_000_000, ge=1000)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: one sentence that names the variable and what is wrong with it.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(_sentence(error)) from None
        except SettingsError as error:
            raise ConfigurationError(f"The environment cannot be read: {error}.") from None


def _sentence(error: ValidationError) -> str:
    return (
        "; ".join(_complaint(each["loc"], each["type"], each["msg"]) for each in error.errors())
        + "."
    )


def _complaint(path: tuple[str | int, ...], kind: str, message: str) -> str:
    message = message.removeprefix("Value error, ").rstrip(".")
    if not path:  # from a validator of the whole, which names the variables itself
        return message
    variable = ENVIRONMENT_PREFIX + "_".join(map(str, path)).upper()
    return f"{variable} is not set" if kind == "missing" else f"{variable} is wrong: {message}"


def read_secret(file: Path) -> bytes:
    """The shared service secret.

    Raises:
        ConfigurationError: it cannot be read, or is shorter than 32 bytes.
    """
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    if len(secret) < 32:  # noqa: PLR2004 - said in the sentence
        raise ConfigurationError(f"{file} holds a secret of under 32 bytes: make a longer one.")
    return secret
