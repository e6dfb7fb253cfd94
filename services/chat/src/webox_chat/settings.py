"""Settings of the chat service, beside those every service has."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from pydantic import Field, FilePath, field_validator

from webox_chat.budgets.schemas import Limits
from webox_kit.settings import ServiceSettings


class ChatSettings(ServiceSettings):
    """Read from `WEBOX_…`; durations are in seconds."""

    providers_file: FilePath | None = None
    default_providers: str = ""
    """Names, separated by commas; empty: the first two that are available."""

    demo: bool = True
    demo_url: str = ""

    wait_seconds: float = Field(default=60, ge=0, le=300)
    """How long a send waits for its replies before it answers 202."""

    lease_seconds: float = Field(default=30, gt=0)
    lease_renew_seconds: float = Field(default=10, gt=0)
    reconcile_seconds: float = Field(default=2, gt=0)
    enqueue_again_seconds: float = Field(default=10, gt=0)
    """How long a queued reply, or one whose lease ran out, waits before its task is sent again."""

    budgets: bool = False
    """Whether users may have limits of their own: `webox-chat budget`."""

    monthly_spend: Decimal | None = Field(default=None, ge=0)
    """US dollars that a user's replies may cost in a calendar month (UTC); none: no limit."""

    sends_a_minute: int | None = Field(default=None, ge=1)
    """How often a user may send, on average and at once; none: no limit."""

    max_attempts: int = Field(default=5, ge=1)
    worker_sends: int = Field(default=500, ge=1, le=10_000)
    """How many sends a worker process sees to at once; more wait for it or for another."""

    drain_seconds: float = Field(default=20, ge=0, le=600)
    """How long a worker that is told to stop waits for replies before it hands them back."""

    @field_validator("providers_file", mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        return Path(value).expanduser() if isinstance(value, str) else value

    @property
    def default_limits(self) -> Limits:
        return Limits(self.monthly_spend, self.sends_a_minute)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def enqueue_again(self) -> timedelta:
        return timedelta(seconds=self.enqueue_again_seconds)

    @property
    def default_provider_names(self) -> list[str]:
        return [name.strip() for name in self.default_providers.split(",") if name.strip()]
