"""The console script: search as it really runs, in two processes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from search_support.chat import ChatDouble
from search_support.waiting import until

from webox_kit.testing import Keys
from webox_search.settings import SearchSettings

Run = Callable[..., subprocess.Popen[str]]
SCRIPT = Path(sys.executable).parent / "webox-search"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def environment(settings: SearchSettings, port: int) -> dict[str, str]:
    named = {
        "database_url", "redis_url", "broker_url", "chat_url", "index_dir",
        "identity_public_key_file", "service_secret_file",
    }  # fmt: skip
    given = {f"WEBOX_{name.upper()}": str(getattr(settings, name)) for name in named}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WEBOX_")}
    return {**clean, **given, "WEBOX_PORT": str(port)}


@pytest.fixture
def run(environment: dict[str, str]) -> Iterator[Run]:
    """Start `webox-search …`; what still runs at the end is killed."""

    @contextmanager
    def process(*arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [SCRIPT, *arguments],
            env={**environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            yield running
            running.kill()

    with ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(process(*arguments, **more))


async def search(port: int, keys: Keys, q: str) -> list[int]:
    headers = keys.user_headers("search")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        try:
            response = await client.get("/api/chat/search", params={"q": q}, headers=headers)
        except httpx.ConnectError:
            return [-1]
    return [each["conversation_id"] for each in response.json().get("results", [])]


async def ended(process: subprocess.Popen[str]) -> int:
    return await asyncio.to_thread(process.wait, 20)


class TestProcesses:
    async def test_what_events_indexes_api_finds(
        self, run: Run, chat: ChatDouble, keys: Keys, port: int
    ) -> None:
        api, events = run("api"), run("events")
        conversation = await chat.start("Discussion marketing")

        await until(
            lambda: search(port, keys, "marketing"), lambda found: found == [conversation], 60
        )
        rebuild = run("rebuild")
        assert await ended(rebuild) == 0
        assert await search(port, keys, "marketing") == [conversation]

        for process in (api, events):
            process.send_signal(signal.SIGTERM)
        assert [await ended(events), await ended(api)] == [0, 0]

    async def test_a_killed_writer_is_followed_by_another(
        self, run: Run, chat: ChatDouble, keys: Keys, port: int
    ) -> None:
        run("api")
        killed = run("events")
        first = await chat.start("Discussion marketing")
        await until(lambda: search(port, keys, "marketing"), lambda found: found == [first], 60)

        killed.kill()
        second = await chat.start("Discussion marketing")
        run("events")

        await until(
            lambda: search(port, keys, "marketing"),
            lambda found: set(found) == {first, second},
            60,
        )


class TestConfiguration:
    @pytest.mark.parametrize("command", ["api", "events", "rebuild"])
    async def test_without_an_engine_it_says_what_to_set(self, run: Run, command: str) -> None:
        process = run(command, WEBOX_INDEX_DIR="")

        assert await ended(process) == 1
        assert process.stdout is not None
        output = process.stdout.read()
        assert "WEBOX_INDEX_DIR" in output
        assert "WEBOX_MEILISEARCH_URL" in output
        assert "Traceback" not in output
