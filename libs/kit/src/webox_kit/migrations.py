"""Bringing a service's database to the newest of its migrations.

Migrations live in the service's package, `migrations/0001_….py` and so on, in one line:
each file's revision is its number, so that what is pending can be told without Alembic,
which is imported only when there is something to do.
"""

import asyncio
from importlib import import_module, resources
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from webox_kit.database import Database, advisory_key
from webox_kit.logs import get_logger

log = get_logger(__name__)

_LOCK = advisory_key("webox:migrations")
_POLL_SECONDS = 0.2
_DATABASE_SECONDS = 60.0


def migrations_of(package: str) -> Path:
    """The folder with the migrations of `package`, e.g. `webox_chat`."""
    return Path(str(resources.files(package))) / "migrations"


def newest_revision(package: str) -> str:
    numbers = [file.name[:4] for file in migrations_of(package).glob("[0-9]*.py")]
    return max(numbers)


async def applied_revision(database: Database) -> str | None:
    async with database.engine.connect() as connection:
        exists = await connection.scalar(text("SELECT to_regclass('alembic_version')"))
        if exists is None:
            return None
        applied = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if applied is None else str(applied)


async def is_current(database: Database, package: str) -> bool:
    applied = await applied_revision(database)
    return applied is not None and applied >= newest_revision(package)


async def migrate(database: Database, package: str) -> None:
    """Apply what is pending, under a lock: of several processes one works, the others wait."""
    await wait_for_database(database)
    if await is_current(database, package):
        return
    async with database.engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        try:
            await connection.run_sync(_upgrade, package)
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            await connection.commit()
    log.info("migrated", revision=newest_revision(package))


async def wait_until_migrated(database: Database, package: str) -> None:
    """For processes that leave migrating to the service's `api`."""
    await wait_for_database(database)
    while not await is_current(database, package):  # noqa: ASYNC110 - another process migrates
        await asyncio.sleep(_POLL_SECONDS)


async def wait_for_database(database: Database) -> None:
    """Wait while PostgreSQL is not up yet, at most a minute."""
    async with asyncio.timeout(_DATABASE_SECONDS):
        while True:
            try:
                await database.ping()
            except (OperationalError, OSError):
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return


def _upgrade(connection: Connection, package: str) -> None:
    environment = import_module("alembic.runtime.environment")
    script = import_module("alembic.script")
    config = import_module("alembic.config").Config()
    folder = str(migrations_of(package)).replace("%", "%%")  # else interpolated
    config.set_main_option("script_location", folder)
    config.set_main_option("version_locations", folder)
    config.set_main_option("path_separator", "os")
    directory = script.ScriptDirectory.from_config(config)

    def upgrade(revision: tuple[str, ...], _context: object) -> object:
        return directory._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic.command does

    with environment.EnvironmentContext(config, directory, fn=upgrade) as context:
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()
