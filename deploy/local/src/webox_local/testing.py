"""A pytest plugin: one real PostgreSQL and one real Redis for a whole test session.

Both live in a temporary folder, in memory where there is room, and end with the session. What a
killed session left running is ended by the next one.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from psycopg import sql

from webox_local.postgres import PostgresServer
from webox_local.servers import Servers, running_servers

PREFIX = "webox-test-"
# A database is made there in a twentieth of the time.
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - shared, but only this user reads what mkdtemp makes
ROOM_BYTES = 2_000_000_000
OWNER = "owner"
REDIS_DATABASES = 512
STRATEGY = "file_copy"

MakeDatabase = Callable[..., str]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis, started for this session."""
    _end_what_killed_sessions_left()
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_fastest_folder()))
    _write_owner(home)
    try:
        with running_servers(home) as servers:
            yield servers
    finally:
        shutil.rmtree(home, ignore_errors=True)


class DisposableDatabases:
    """Makes and drops databases of the session's PostgreSQL, all owned by one plain role."""

    ROLE = "webox_test"

    def __init__(self, postgres: PostgresServer) -> None:
        self._postgres = postgres
        self._connection = postgres.connect()
        self._numbers = itertools.count(1)
        postgres.create_role(self._connection, self.ROLE)

    def make(self, *, template: str | None = None) -> str:
        """Makes a database and returns its SQLAlchemy URL.

        Args:
            template: The URL of a database to copy, to which nobody may be connected then;
                without it the new one is empty.
        """
        name = f"webox_test_{next(self._numbers)}"
        self._connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}").format(
                sql.Identifier(name),
                sql.Identifier(self.ROLE),
                sql.Identifier(_name(template) if template else "template0"),
                sql.SQL(STRATEGY),
            )
        )
        return self._postgres.url(name, role=self.ROLE)

    def drop(self, url: str) -> None:
        """Drops the database behind `url`, whoever is still connected to it."""
        self._connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name(url)))
        )

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def disposable_databases(servers: Servers) -> Iterator[DisposableDatabases]:
    databases = DisposableDatabases(servers.postgres)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def make_database(disposable_databases: DisposableDatabases) -> MakeDatabase:
    """`make_database()` makes an empty database and returns its SQLAlchemy URL.

    `make_database(template=url)` copies the one behind `url`, to which nobody may be connected
    then: migrate one for the session, copy it for each test.
    """
    return disposable_databases.make


@pytest.fixture(scope="session")
def drop_database(disposable_databases: DisposableDatabases) -> Callable[[str], None]:
    """`drop_database(url)` drops what `make_database` made."""
    return disposable_databases.drop


@pytest.fixture
def database_url(disposable_databases: DisposableDatabases) -> Iterator[str]:
    """The URL of an empty database, dropped after the test."""
    url = disposable_databases.make()
    yield url
    disposable_databases.drop(url)


@pytest.fixture(scope="session")
def redis_numbers() -> Iterator[int]:
    """Numbers of Redis databases, used in turn; 0 and 1 stay free."""
    return itertools.cycle(range(2, REDIS_DATABASES))


@pytest.fixture
def redis_url(servers: Servers, redis_numbers: Iterator[int]) -> str:
    """The redis-py URL of an empty database of this test's own."""
    return servers.redis.url(_emptied(servers, next(redis_numbers)))


@pytest.fixture
def broker_url(servers: Servers, redis_numbers: Iterator[int]) -> str:
    """The Celery broker URL of an empty database of this test's own."""
    return servers.redis.broker_url(_emptied(servers, next(redis_numbers)))


def _emptied(servers: Servers, number: int) -> int:
    with redis.Redis.from_url(servers.redis.url(number)) as client:
        client.flushdb()
    return number


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _write_owner(home: Path) -> None:
    me = psutil.Process()
    (home / OWNER).write_text(f"{me.pid} {me.create_time()}", encoding="utf-8")


def _fastest_folder() -> Path | None:
    """None is wherever temporary folders are."""
    try:
        return IN_MEMORY if shutil.disk_usage(IN_MEMORY).free > ROOM_BYTES else None
    except OSError:
        return None


def _end_what_killed_sessions_left() -> None:
    folders = {Path(tempfile.gettempdir()), IN_MEMORY}
    for owner in chain.from_iterable(each.glob(f"{PREFIX}*/{OWNER}") for each in folders):
        if owner.stat().st_uid == os.getuid() and not _lives(owner.read_text(encoding="utf-8")):
            Servers.of(owner.parent).end_leftovers()
            shutil.rmtree(owner.parent, ignore_errors=True)


def _lives(owner: str) -> bool:
    pid, _, create_time = owner.partition(" ")
    try:
        return bool(psutil.Process(int(pid)).create_time() == float(create_time))
    except (psutil.Error, ValueError):
        return False
