"""What one provider worker process does: calls a second, and memory with 500 replies in flight.

A worker of its own on a durable PostgreSQL and Redis, and the double. Messages to four providers
are stored beforehand, all their tasks are pushed at once, and the worker takes as many sends as it
may; the rate is that of the replies between the first tenth and the last.
"""

import asyncio
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.running import program, running_double_program
from webox_chat.messages.repository import MessageRepository
from webox_chat.messages.stored import Asking, NewMessage, ProviderChoice
from webox_chat.replies.schemas import FAN_OUT
from webox_gateway.keys import PUBLIC_KEY, SERVICE_SECRET, make_keys
from webox_kit.database import Database
from webox_kit.migrations import migrate
from webox_kit.tasks import TaskQueue, create_celery
from webox_local.servers import Servers, running_servers

PROVIDERS = ["One", "Two", "Three", "Four"]
DATABASE = "webox_chat"
SENDS = 2500
IN_FLIGHT = 400
LEAST_CALLS = 1000
REPLIES_HELD = 500
MOST_MEMORY_MB = 150
PATIENCE_SECONDS = 120

_PROVIDER = """
[providers.{name}]
protocol = "{protocol}"
base_url = "{url}/v1"
default_model = "ok"
extra_models = true
allow_private = true
concurrency = 1000
"""

_RATE = """
SELECT count(*), extract(epoch FROM max(finished_at) - min(finished_at))
FROM (SELECT finished_at, row_number() OVER (ORDER BY finished_at) AS place FROM reply
    WHERE finished_at IS NOT NULL) AS ended
WHERE place > (SELECT count(*) FROM reply) / 10
"""


@contextmanager
def running_worker(
    folder: Path, servers: Servers, double_url: str, sends: int
) -> Iterator[subprocess.Popen[bytes]]:
    registry = folder / "providers.toml"
    registry.write_text(
        "extends_default = false\n"
        + "".join(
            _PROVIDER.format(
                name=name, url=double_url, protocol="anthropic" if name == "Two" else "openai"
            )
            for name in PROVIDERS
        )
    )
    make_keys(folder / "keys")
    environment = {
        "WEBOX_DATABASE_URL": servers.postgres.url(DATABASE),
        "WEBOX_REDIS_URL": servers.redis.url(0),
        "WEBOX_BROKER_URL": servers.redis.broker_url(1),
        "WEBOX_IDENTITY_PUBLIC_KEY_FILE": str(folder / "keys" / PUBLIC_KEY),
        "WEBOX_SERVICE_SECRET_FILE": str(folder / "keys" / SERVICE_SECRET),
        "WEBOX_PROVIDERS_FILE": str(registry),
        "WEBOX_WORKER_SENDS": str(sends),
        "WEBOX_LOG_LEVEL": "WARNING",
    }
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(
            [program("webox-chat"), "worker"], env=environment, stdout=log, stderr=log
        ) as worker,
    ):
        try:
            yield worker
        finally:
            worker.terminate()
            worker.wait(60)


async def stored(database: Database, sends: int, model: str) -> list[tuple[int, int]]:
    """The ids of so many new messages, each to all providers, and of their users."""
    messages = MessageRepository(database)
    choices = [ProviderChoice(name, model, demo=False) for name in PROVIDERS]

    async def store(user_id: int) -> tuple[int, int]:
        new = NewMessage(user_id, f"q{user_id}", "q", choices, Asking())
        sent = await messages.start_conversation(
            new,
            title="q",
            folder="q",
            most_unfinished=1000,
            events=[],
            foretell=lambda _: None,
        )
        assert sent is not None
        return sent.id, user_id

    ids: list[tuple[int, int]] = []
    for start in range(0, sends, 8):
        numbers = range(start, min(start + 8, sends))
        ids += await asyncio.gather(*(store(number) for number in numbers))
    return ids


async def push(servers: Servers, ids: list[tuple[int, int]]) -> None:
    tasks = TaskQueue(create_celery("chat", servers.redis.broker_url(1)))
    for message_id, user_id in ids:
        await tasks.send(FAN_OUT, message_id, user_id, False)
    await tasks.close()


def until(servers: Servers, condition: str) -> None:
    """Waits until this SQL condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with servers.postgres.connect(DATABASE) as connection:
        while not connection.execute(f"SELECT {condition}").fetchone()[0]:
            connection.rollback()
            assert time.monotonic() < deadline, condition
            time.sleep(0.2)


def calls_a_second(folder: Path, servers: Servers, double_url: str) -> float:
    asyncio.run(_prepared(servers, SENDS, f"delay:{IN_FLIGHT}"))
    with running_worker(folder, servers, double_url, IN_FLIGHT // len(PROVIDERS)):
        until(servers, "NOT EXISTS (SELECT FROM reply WHERE finished_at IS NULL)")
        with servers.postgres.connect(DATABASE) as connection:
            count, seconds = connection.execute(_RATE).fetchone()
            failed = connection.execute("SELECT count(*) FROM reply WHERE status <> 'done'")
            assert failed.fetchone()[0] == 0
    return float(count / seconds)


def memory_with_replies_in_flight(folder: Path, servers: Servers, double_url: str) -> float:
    """The most that the worker's process takes, in MB."""
    sends = REPLIES_HELD // len(PROVIDERS)
    asyncio.run(_prepared(servers, sends, "delay:6000"))
    with running_worker(folder, servers, double_url, sends) as worker:
        until(servers, "NOT EXISTS (SELECT FROM reply WHERE status = 'queued')")
        most = 0.0
        ended = threading.Event()

        def watch() -> None:
            nonlocal most
            process = psutil.Process(worker.pid)
            while not ended.wait(0.2):
                most = max(most, process.memory_full_info().pss / 1e6)

        watching = threading.Thread(target=watch)
        watching.start()
        until(servers, "NOT EXISTS (SELECT FROM reply WHERE finished_at IS NULL)")
        ended.set()
        watching.join()
    return most


async def _prepared(servers: Servers, sends: int, model: str) -> None:
    database = Database(servers.postgres.url(DATABASE))
    try:
        await push(servers, await stored(database, sends, model))
    finally:
        await database.close()


async def _migrated(servers: Servers) -> None:
    database = Database(servers.postgres.url(DATABASE))
    try:
        await migrate(database, "webox_chat")
    finally:
        await database.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        with (
            running_double_program(folder) as double,
            running_servers(folder, forgetful=False) as servers,
        ):
            servers.postgres.create_databases([DATABASE])
            asyncio.run(_migrated(servers))
            rate = calls_a_second(folder, servers, double.url)
            print(
                f"{SENDS * len(PROVIDERS)} calls of {IN_FLIGHT} ms, {IN_FLIGHT} in flight, four a "
                f"send: {rate:.0f} a second (at least {LEAST_CALLS})"
            )
            memory = memory_with_replies_in_flight(folder, servers, double.url)
            print(
                f"{REPLIES_HELD} replies in flight: {memory:.0f} MB PSS (at most {MOST_MEMORY_MB})"
            )


if __name__ == "__main__":
    main()
