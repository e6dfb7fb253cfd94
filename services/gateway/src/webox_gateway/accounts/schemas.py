"""What goes in and comes out of the account endpoints."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
)

from webox_contracts.identity import Scope
from webox_kit.text import Cleaned

MOST_TOKEN_DAYS = 3650

_EMAIL = re.compile(
    r"[^@\s\x00-\x20,;<>()\[\]\\\"]+@[^@\s.,;<>()\[\]\\\"]+(\.[^@\s.,;<>()\[\]\\\"]+)*"
)


def _is_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError("this is not an e-mail address")
    return value


Moment = Annotated[
    datetime,
    PlainSerializer(
        lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        return_type=str,
        when_used="json",
    ),
]
"""A time, written as the API writes times: in UTC, to the second."""

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    AfterValidator(_is_email),
    Cleaned,
]
Password = Annotated[str, StringConstraints(min_length=10, max_length=1024), Cleaned]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Cleaned
]


class Registration(BaseModel):
    email: Email
    password: Password
    name: Name


class Credentials(BaseModel):
    """No rule but the length: a password that is too short is a wrong one."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), Cleaned]
    password: Annotated[str, StringConstraints(max_length=1024), Cleaned]


class User(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    name: str
    role: Literal["user", "admin"]
    created_at: Moment


class SignedIn(BaseModel):
    """A session: its token, and for how many seconds it is good."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - RFC 6749's word
    expires_in: int
    user: User


class TokenRequest(BaseModel):
    name: Name
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    expires_in_days: Annotated[StrictInt, Field(ge=1, le=MOST_TOKEN_DAYS)] | None = None


class AccessToken(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class NewAccessToken(AccessToken):
    """`token` is the secret: shown this once, null when the same request is repeated."""

    token: str | None


class AccessTokens(BaseModel):
    tokens: list[AccessToken]
    next_cursor: str | None
