"""The dashboard's settings, beside those that every service has."""

from pydantic import Field

from webox_kit.settings import ServiceSettings


class DashboardSettings(ServiceSettings):
    storage_total_bytes: int = Field(default=10_000_000_000, ge=0)
    """What a user may store, as the dashboard shows it; it refuses nothing."""
