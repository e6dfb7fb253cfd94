"""Moments as the API writes them: ISO 8601 in UTC, to the second, e.g. 2025-11-24T14:30:00Z."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[AwareDatetime, PlainSerializer(iso, return_type=str, when_used="json")]
"""A date of a response."""
