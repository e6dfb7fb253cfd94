"""Databases of the embedded PostgreSQL: dumped as of one moment, restored beside, and swapped."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Self

from webox_local.errors import BackupError
from webox_local.postgres import PostgresServer, binary

if TYPE_CHECKING:
    import psycopg

CHUNK = 1 << 20
RESTORING = "_restoring"
REPLACED = "_replaced"


class Snapshots:
    """What databases hold at moments of their own, for as long as a `with` block lasts.

    PostgreSQL has no snapshot over several databases: each gets one, in the order it is asked.
    """

    def __init__(self, postgres: PostgresServer, databases: Sequence[str]) -> None:
        self._postgres = postgres
        self._databases = databases
        self._connections: dict[str, psycopg.Connection] = {}
        self._ids: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Connects to all, so that taking a snapshot takes no time."""
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            for name in self._databases:
                self._connections[name] = stack.enter_context(self._postgres.connect(name))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, database: str) -> None:
        connection = self._connections[database]
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._ids[database] = str(_value(connection, "SELECT pg_export_snapshot()"))

    def size(self, database: str) -> int:
        """The bytes that the database takes on disk."""
        query = "SELECT pg_database_size(current_database())"
        return int(str(_value(self._connections[database], query)))

    def dump(self, database: str, write: Callable[[bytes], None]) -> None:
        """Writes the snapshot of `database` in pg_dump's custom format.

        Raises:
            BackupError: pg_dump could not.
        """
        command = [
            str(binary("pg_dump")),
            "--format=custom",
            "--statistics",
            f"--snapshot={self._ids[database]}",
            database,
        ]
        environment = self._postgres.client_environment()
        with _client(command, environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            while chunk := process.stdout.read(CHUNK):
                write(chunk)


def load(postgres: PostgresServer, dump: IO[bytes], database: str, *, role: str) -> None:
    """Restores `dump` into an empty database, in one transaction, all of it owned by `role`.

    Raises:
        BackupError: pg_restore could not.
    """
    command = [
        str(binary("pg_restore")),
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        f"--dbname={database}",
    ]
    environment = postgres.client_environment(role)
    with _client(command, environment, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        # Where it has ended before, it says why.
        with contextlib.suppress(BrokenPipeError):
            while chunk := dump.read(CHUNK):
                process.stdin.write(chunk)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


@contextlib.contextmanager
def beside(postgres: PostgresServer, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Within the block there are empty databases beside those of `names`, with the same owners.

    Yields:
        Their names, by the names of those they are beside. Those that have not taken their
        place by the end are dropped.
    """
    made = {name: name + RESTORING for name in names}
    drop(postgres, made.values())
    try:
        with postgres.connect() as connection:
            for name, new in made.items():
                postgres.create_role(connection, name)
                postgres.create_database(connection, new, owner=name)
        yield made
    finally:
        drop(postgres, made.values())


def swap(postgres: PostgresServer, new: Mapping[str, str], *, old: str) -> None:
    """Puts databases in the place of others, all in one transaction; whoever is connected goes.

    Args:
        postgres: The server that has them.
        new: By the name that each is to have, the name it has.
        old: What the names of those that were there get appended.
    """
    from psycopg import sql  # noqa: PLC0415 - takes a while to load

    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with postgres.connect() as connection:
        _disconnect(connection, [*new, *new.values()])
        with connection.transaction():
            for name, beside_it in new.items():
                for before, after in ((name, name + old), (beside_it, name)):
                    connection.execute(rename.format(sql.Identifier(before), sql.Identifier(after)))


def drop(postgres: PostgresServer, names: Iterable[str]) -> None:
    """Drops those of the databases that are there."""
    from psycopg import sql  # noqa: PLC0415 - as above

    with postgres.connect() as connection:
        for name in names:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


def _disconnect(connection: "psycopg.Connection", databases: Sequence[str]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY(%s)",
        [list(databases)],
    )


def _value(connection: "psycopg.Connection", query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None  # noqa: S101 - both queries have exactly one
    return row[0]


@contextlib.contextmanager
def _client(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program of PostgreSQL's within the block, and waits for its end.

    Raises:
        BackupError: It failed; the sentence has its reason.
    """
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
            list(command),
            env=_without_postgres(os.environ) | dict(environment),
            stdin=stdin,
            stdout=stdout,
            stderr=said,
        ) as process,
    ):
        try:
            yield process
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        if code:
            said.seek(0)
            raise BackupError(f"PostgreSQL could not: {_reason(said.read().decode())}")


def _without_postgres(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would bend its programs to another server."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines or ["it gave no reason"])[0]
