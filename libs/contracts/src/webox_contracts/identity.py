"""Who a request acts for, as the gateway asserts it to the services behind it."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

ASSERTION_HEADER = "x-webox-assertion"
"""Carries the gateway's signed assertion, or another service's on `/internal/*`."""

CLOCK = "clock"
"""Member of the problem by which a service refuses an assertion because of its time: the service's
own clock, in seconds since 1970."""

USER_ISSUER = "webox-gateway"
"""`iss` of assertions about users, signed with the gateway's Ed25519 key."""

SERVICE_ISSUER = "webox-service"
"""`iss` of assertions about services, signed (HS256) with the shared service secret."""


class Scope(StrEnum):
    CHAT = "chat"
    EXPORTS = "exports"
    DASHBOARD_READ = "dashboard:read"
    EVENTS_WRITE = "events:write"
    ADMIN = "admin"


class Identity(BaseModel):
    """The user a request acts for, and what the token it came with may do."""

    model_config = ConfigDict(frozen=True)

    user_id: int
    role: Literal["user", "admin"]
    scopes: frozenset[Scope]
