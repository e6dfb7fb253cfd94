"""A user of a Webox: an account, a token, and the requests made with it."""

import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx

from webox_kit.testing import PLAIN_HTTP
from webox_stack.watching import Watching
from webox_stack.witness import EVENT_STREAM, Witness

PASSWORD = "canary-password-71f3"
# Longer than any test may take: a test's own limit says more than an httpx timeout.
PATIENCE = httpx.Timeout(150)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class User:
    """`http` sends the token with every request; `witness` saw all that it was answered."""

    http: httpx.AsyncClient
    id: int
    email: str
    token: str
    witness: Witness = field(default_factory=Witness)

    async def ask(self, method: str, path: str, *, expect: int = 200, **options: Any) -> Any:
        """The JSON of the answer, whose status must be the one expected."""
        response = await self.http.request(method, path, **options)
        said = f"{method} {path} answered {response.status_code}: {response.text[:2000]}"
        assert response.status_code == expect, said
        return response.json() if response.content else None

    async def get(self, path: str, **options: Any) -> Any:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Any:
        if body is not None:
            options["json"] = body
        return await self.ask("POST", path, **options)

    async def delete(self, path: str, **options: Any) -> Any:
        return await self.ask("DELETE", path, **options)

    async def send(self, message: str, *, expect: int = 200, **body: Any) -> Any:
        """Send's answer; `body` holds further members of the request."""
        return await self.post("/api/chat/send", {"message": message, **body}, expect=expect)

    @asynccontextmanager
    async def watching(
        self,
        path: str,
        body: Any = None,
        *,
        after: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[Watching]:
        """The stream that is answered: to a POST of `body`, or to a GET, from `after` on."""
        headers = {"Accept": EVENT_STREAM, **headers}
        if after:
            headers["Last-Event-ID"] = after
        method = "GET" if body is None else "POST"
        async with self.http.stream(method, path, json=body, headers=headers) as response:
            if response.status_code != 200:
                await response.aread()
                raise AssertionError(f"{path} answered {response.status_code}: {response.text}")
            yield Watching(response, self.witness)

    async def token_with(self, *scopes: str) -> str:
        """A new personal access token of this user."""
        made = await self.post(
            "/api/auth/tokens", {"name": "a test's", "scopes": list(scopes)}, expect=201
        )
        token: str = made["token"]
        return token


@asynccontextmanager
async def opened(
    url: str, token: str | None = None, witness: Witness | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends `token`, if one is given, and keeps no cookies of others."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        base_url=url,
        headers=headers,
        timeout=PATIENCE,
        verify=PLAIN_HTTP,
        event_hooks=witness.hooks() if witness else {},
    ) as client:
        yield client


@asynccontextmanager
async def registered(url: str, name: str = "Marie Curie") -> AsyncIterator[User]:
    """A new user, signed in."""
    email = f"user-{os.getpid()}-{next(_numbers)}@example.org"
    async with opened(url) as client:
        account = {"email": email, "password": PASSWORD, "name": name}
        response = await client.post("/api/auth/register", json=account)
        assert response.status_code == 201, response.text
    async with signed_in(url, email, PASSWORD) as user:
        yield user


@asynccontextmanager
async def signed_in(url: str, email: str, password: str) -> AsyncIterator[User]:
    """A user that has an account already."""
    async with opened(url) as client:
        response = await client.post("/api/auth/login", json={"email": email, "password": password})
        assert response.status_code == 200, response.text
        answer = response.json()
    witness = Witness()
    async with opened(url, answer["access_token"], witness) as client:
        yield User(client, answer["user"]["id"], email, answer["access_token"], witness)
