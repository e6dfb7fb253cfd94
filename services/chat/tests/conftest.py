"""One running chat service for all tests: its api, worker and events, and a provider double."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from webox_chat.main import create_app
from webox_chat.models import conversation
from webox_chat.settings import ChatSettings
from webox_double import Double, running_double
from webox_kit.database import Database
from webox_kit.event_tables import outbox
from webox_kit.testing import Keys, serve
from webox_local.servers import Servers

REGISTRY = """
extends_default = false

[providers."GPT-4"]
protocol = "openai"
base_url = "{url}/v1"
api_key_env = "TEST_KEY"
default_model = "ok"
extra_models = true
allow_private = true
timeouts = {{ connect = 1, first_token = 5, idle = 5, total = 20 }}
retry = {{ tries = 2, first_wait = 0.01, longest_wait = 1 }}

[providers.Claude]
protocol = "anthropic"
base_url = "{url}/v1"
api_key_env = "TEST_KEY"
default_model = "ok"
extra_models = true
allow_private = true
timeouts = {{ connect = 1, first_token = 5, idle = 5, total = 20 }}
retry = {{ tries = 2, first_wait = 0.01, longest_wait = 1 }}

[providers.Mistral]
protocol = "openai"
base_url = "{url}/v1"
models = {{ small = {{}}, large = {{}} }}
default_model = "small"
allow_private = true

[providers.Locked]
protocol = "openai"
base_url = "{url}/v1"
default_model = "ok"
api_key_env = "A_KEY_THAT_IS_NOT_SET"
extra_models = true
allow_private = true
"""


@dataclass(frozen=True)
class StreamEvent:
    name: str
    id: str
    data: Any


class Stream:
    """A message's server-sent events, one after the other."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.retry: str | None = None
        self._lines = response.aiter_lines()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                yield StreamEvent(fields["event"], fields["id"], json.loads(fields["data"]))
                fields = {}
            self.retry = fields.pop("retry", self.retry)

    async def until(self, name: str, **data: Any) -> list[StreamEvent]:
        """The events up to the next of this name with these members of its data."""
        events = []
        async for event in self:
            events.append(event)
            if event.name == name and data.items() <= event.data.items():
                return events
        raise AssertionError(f"the stream ended without {name}: {events}")

    async def rest(self) -> list[StreamEvent]:
        return [event async for event in self]


@dataclass
class Chat:
    """A client of the running service, as one user of their own."""

    client: httpx.AsyncClient
    keys: Keys
    user_id: int

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self.keys.user_headers("chat", self.user_id) | options.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def send(self, message: str = "Bonjour", **more: Any) -> dict[str, Any]:
        answer = await self.post("/api/chat/send", json={"message": message, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    @asynccontextmanager
    async def stream(self, path: str, method: str = "GET", **options: Any) -> AsyncIterator[Stream]:
        headers = self.keys.user_headers("chat", self.user_id)
        headers |= {"Accept": "text/event-stream"} | options.pop("headers", {})
        async with self.client.stream(method, path, headers=headers, **options) as response:
            if response.status_code != 200:
                await response.aread()
            yield Stream(response)

    def send_streaming(
        self, message: str = "Bonjour", headers: dict[str, str] | None = None, **more: Any
    ) -> AbstractAsyncContextManager[Stream]:
        body = {"message": message, **more}
        return self.stream("/api/chat/send", "POST", json=body, headers=headers or {})

    async def internal(self, path: str, **query: str | int) -> httpx.Response:
        headers = self.keys.service_headers("chat", "tests")
        return await self.client.get(path, params=query, headers=headers)


@pytest.fixture(scope="session")
async def double() -> AsyncIterator[Double]:
    async with running_double() as double:
        yield double


@pytest.fixture(scope="session")
def chat_settings(
    keys: Keys,
    servers: Any,
    redis_numbers: Iterator[int],
    make_database: Callable[[], str],
    double: Double,
    tmp_path_factory: pytest.TempPathFactory,
) -> ChatSettings:
    registry = tmp_path_factory.mktemp("registry") / "providers.toml"
    registry.write_text(REGISTRY.format(url=double.url))
    os.environ["TEST_KEY"] = "canary-key"
    return ChatSettings.load(
        database_url=make_database(),
        redis_url=servers.redis.url(next(redis_numbers)),
        broker_url=servers.redis.broker_url(next(redis_numbers)),
        identity_public_key_file=keys.public_key_file,
        service_secret_file=keys.service_secret_file,
        providers_file=registry,
        lease_seconds=2,
        lease_renew_seconds=0.5,
        reconcile_seconds=0.3,
        enqueue_again_seconds=1,
        testing=True,
    )


def environment_of(settings: ChatSettings) -> dict[str, str]:
    """The settings as a process of their own reads them."""
    values = {
        f"WEBOX_{name.upper()}": str(value)
        for name, value in settings.model_dump().items()
        if value is not None and value != ""
    }
    return os.environ | values


@contextmanager
def process(command: str, settings: ChatSettings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`webox-chat <command>` in a session of its own, ended with SIGTERM."""
    program = Path(sys.executable).parent / "webox-chat"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program, command],
            env=environment_of(settings),
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as running,
    ):
        try:
            yield running
        finally:
            running.terminate()
            running.wait(30)


@pytest.fixture(scope="session")
def settings_apart(
    chat_settings: ChatSettings,
    make_database: Callable[[], str],
    servers: Servers,
    redis_numbers: Iterator[int],
    double: Double,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., ChatSettings]:
    """`settings_apart(registry, **changes)`: of a service that shares nothing with the usual one.

    `registry` is a providers file with `{url}` where the double listens; None is the usual one.
    """

    def make(registry: str | None = None, **changes: Any) -> ChatSettings:
        if registry is not None:
            file = tmp_path_factory.mktemp("registry") / "providers.toml"
            file.write_text(registry.format(url=double.url))
            changes["providers_file"] = file
        apart = {
            "database_url": make_database(),
            "redis_url": servers.redis.url(next(redis_numbers)),
            "broker_url": servers.redis.broker_url(next(redis_numbers)),
        }
        return chat_settings.model_copy(update=apart | changes)

    return make


@asynccontextmanager
async def running_chat(settings: ChatSettings, logs: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A whole chat service: its api in this process, worker and events in their own."""
    async with serve(create_app(settings)) as client:
        with ExitStack() as stack:
            for command in ("worker", "events"):
                stack.enter_context(process(command, settings, logs / f"{command}.log"))
            yield client


@pytest.fixture(scope="session")
def run_chat() -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    return running_chat


@pytest.fixture(scope="session")
async def chat_service(
    chat_settings: ChatSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    async with running_chat(chat_settings, tmp_path_factory.mktemp("logs")) as client:
        yield client


_users = itertools.count(1)


@pytest.fixture
def chat(chat_service: httpx.AsyncClient, keys: Keys) -> Chat:
    """The service as a user whom no other test knows."""
    return Chat(chat_service, keys, next(_users))


@pytest.fixture
def other(chat_service: httpx.AsyncClient, keys: Keys) -> Chat:
    """The service as another user."""
    return Chat(chat_service, keys, next(_users))


@pytest.fixture(scope="session")
def new_user(keys: Keys) -> Callable[..., Chat]:
    """`new_user(client)`: a user whom no other test knows, of any chat service, or a given one."""
    return lambda client, user_id=None: Chat(client, keys, user_id or next(_users))


@pytest.fixture(scope="session")
def chat_process() -> Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]:
    return process


@pytest.fixture(scope="session", name="environment_of")
def environment_of_fixture() -> Callable[[ChatSettings], dict[str, str]]:
    return environment_of


@pytest.fixture
async def database(chat_settings: ChatSettings) -> AsyncIterator[Database]:
    """The running service's database."""
    database = Database(chat_settings.database_url)
    yield database
    await database.close()


async def published_events(database: Database, event_type: str) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        rows = await session.scalars(select(outbox.c.event).order_by(outbox.c.id))
        events = [orjson.loads(row) for row in rows]
    return [each["data"] for each in events if each["type"] == event_type]


@pytest.fixture
def published(database: Database) -> Callable[[str], Awaitable[list[dict[str, Any]]]]:
    """`await published(type)`: what every event of this type says, in their order."""
    return partial(published_events, database)


@pytest.fixture
def published_in() -> Callable[[ChatSettings, str], Awaitable[list[dict[str, Any]]]]:
    """The same of a service with these settings."""

    async def found(settings: ChatSettings, event_type: str) -> list[dict[str, Any]]:
        database = Database(settings.database_url)
        try:
            return await published_events(database, event_type)
        finally:
            await database.close()

    return found


@pytest.fixture
def insert_conversations(database: Database) -> Callable[..., Awaitable[None]]:
    """`await insert_conversations(user_id, count, folder=…)`: many at once, without messages."""

    async def insert(user_id: int, count: int, **columns: Any) -> None:
        row = {"user_id": user_id, "title": "x", "folder": "Général", "preview": "x", **columns}
        async with database.transaction() as session:
            await session.execute(conversation.insert(), [row] * count)

    return insert
