"""`webox backup`: all that cannot be made again, of a Webox that runs, in one file.

docs/adr/0018 says what is in it and why the order of the snapshots is what makes them fit.
"""

import contextlib
import importlib.metadata
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import redis

from webox_local import backup_file
from webox_local.backup_file import BackupWriter, Manifest, dump_name
from webox_local.dumps import Snapshots
from webox_local.errors import BackupError
from webox_local.home import Home
from webox_local.postgres import PostgresServer
from webox_local.private_files import private_folder
from webox_local.programs import database_name
from webox_local.running import running_installation
from webox_local.stopping import signals_interrupt
from webox_local.telling import step

CONSUMERS_FIRST = ("search", "dashboard", "exporter", "chat", "gateway")
"""Every service before those whose events it consumes, so that what it has applied has happened
there too, and what it has not yet applied is in their outboxes."""


def back_up(home: Home, file: Path, base: Mapping[str, str], *, replace: bool) -> Manifest:
    """Writes a backup of the Webox that runs from `home`.

    Args:
        home: Where it runs.
        file: The path of the backup; it is there only when it is whole.
        base: The environment.
        replace: Whether a file that is there already may go.

    Raises:
        CannotStartError: Webox does not run.
        BackupError: The file cannot be written, or another backup is going on.
    """
    postgres = running_installation(home, base).servers.postgres
    with (
        sentences(),
        signals_interrupt(),
        home.alone(),
        backup_file.written(file, replace=replace) as writer,
        _kept_exports(home) as kept,
        Snapshots(postgres, [database_name(service) for service in CONSUMERS_FIRST]) as snapshots,
    ):
        kept.keep(until=time.time())
        created_at = _take(snapshots, kept)
        for service in CONSUMERS_FIRST:
            _add_database(writer, snapshots, database_name(service))
        step("Exported documents ...")
        kept.add_to(writer)
        return writer.finish(
            webox=webox_version(), postgresql=server_version(postgres), created_at=created_at
        )


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """What goes wrong with the servers ends a command with one sentence.

    Raises:
        BackupError: Instead of their own errors.
    """
    try:
        yield
    except (psycopg.Error, redis.RedisError, ConnectionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BackupError(f"A server of Webox could not: {reason.rstrip('.')}.") from error


def webox_version() -> str:
    return importlib.metadata.version("webox-local")


def server_version(postgres: PostgresServer) -> str:
    with postgres.connect() as connection:
        number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


class KeptExports:
    """Finished documents, linked to a folder of their own, where nobody removes them."""

    def __init__(self, exports: Path, folder: Path) -> None:
        self._exports = exports
        self._folder = folder

    def keep(self, *, until: float) -> None:
        """Keeps what is there and was written up to `until`, a Unix time."""
        for path in self._exports.glob("*/*"):
            target = self._folder / path.relative_to(self._exports)
            with contextlib.suppress(FileNotFoundError):  # it has just been removed
                if not target.exists() and path.stat().st_mtime <= until:
                    target.parent.mkdir(exist_ok=True)
                    _link(path, target)

    def add_to(self, writer: BackupWriter) -> None:
        for path in sorted(self._folder.glob("*/*")):
            name = path.relative_to(self._folder).as_posix()
            writer.add_file(f"{backup_file.EXPORTS}/{name}", path)


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:  # not every file system has links
        shutil.copy2(path, target)


@contextlib.contextmanager
def _kept_exports(home: Home) -> Iterator[KeptExports]:
    folder = home.exports.with_name("exports.kept")
    # One that was killed has left it.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield KeptExports(home.exports, private_folder(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take(snapshots: Snapshots, kept: KeptExports) -> str:
    """Takes all snapshots within milliseconds; the moment, as the manifest has it.

    A document of a job that is done in the exporter's snapshot was complete by then. It is there
    before the snapshot or after it, if not both: removing waits for a commit and a second.
    """
    for service in CONSUMERS_FIRST:
        snapshots.take(database_name(service))
        if service == "exporter":
            kept.keep(until=time.time())
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _add_database(writer: BackupWriter, snapshots: Snapshots, database: str) -> None:
    step(f"Database {database} ...")
    with writer.member(dump_name(database), unpacked=snapshots.size(database)) as write:
        snapshots.dump(database, write)
