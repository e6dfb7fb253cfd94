"""What the gateway can be told, besides what every service is."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, FilePath, field_validator
from pydantic_settings import NoDecode

from webox_kit.settings import ServiceSettings

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class LoginLimit:
    """So many `tries` in a `window`, per account and per address."""

    tries: int
    window: timedelta


class GatewaySettings(ServiceSettings):
    """`public_url` is the address that browsers use, when a proxy in front changes `Host`.

    `X-Forwarded-*` is believed from `trusted_proxies` only: addresses or networks, separated
    by commas. `metrics_port` serves /metrics without a token, for the internal network; 0: not.
    """

    identity_private_key_file: FilePath
    registration: bool = True
    session_days: int = Field(default=14, ge=1, le=365)
    public_url: str | None = None
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    login_tries: int = Field(default=10, ge=1)
    login_window_seconds: int = Field(default=900, ge=1)
    body_seconds: float = Field(default=12.0, gt=0)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("write it like https://webox.example.org")
        return url.rstrip("/")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())

    def login_limit(self) -> LoginLimit:
        return LoginLimit(self.login_tries, timedelta(seconds=self.login_window_seconds))

    def origins(self) -> dict[str, str]:
        """Where the services are, by name."""
        return {
            "chat": self.chat_url,
            "search": self.search_url,
            "exporter": self.exporter_url,
            "dashboard": self.dashboard_url,
        }
