"""`webox restore`: a backup takes the place of all that a running Webox has.

Everything slow happens beside what is in use. The services stop for the moment in which the
databases change their names, in one transaction, and what was there before is kept until they
answer again. docs/adr/0018 has the steps, and what is left by a kill in each of them.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from webox_local import backup_file, dumps
from webox_local.backup import CONSUMERS_FIRST, sentences, server_version
from webox_local.backup_file import Backup, Manifest, dump_name
from webox_local.errors import BackupError, CannotStartError
from webox_local.home import SPACE_NEEDED, Home
from webox_local.postgres import PostgresServer
from webox_local.private_files import private_folder
from webox_local.programs import SERVICES, VERIFIED, Installation, database_name
from webox_local.readiness import Failures, wait_until_ready
from webox_local.running import (
    operator_environment,
    run_forked,
    running_installation,
)
from webox_local.stopping import signals_held_back, signals_interrupt
from webox_local.supervision import WEBOX, Supervisor
from webox_local.telling import step

SOURCES_FIRST = tuple(reversed(CONSUMERS_FIRST))
Agreed = Callable[[Manifest], bool]


def restore(home: Home, file: Path, base: Mapping[str, str], agreed: Agreed) -> bool:
    """Puts what `file` has in the place of what the Webox that runs from `home` has.

    Args:
        home: Where it runs.
        file: A backup, which is read wholly before anything is touched.
        base: The environment.
        agreed: Told what the backup is; whether to go on.

    Returns:
        Whether `webox verify` finds no difference afterwards.

    Raises:
        CannotStartError: Webox does not run.
        BackupError: The backup is none, damaged or of a newer Webox; or it could not be put in
            place, and all is as it was.
    """
    installation = running_installation(home, base)
    with (
        sentences(),
        signals_interrupt(),
        home.alone(),
        backup_file.opened(file) as backup,
    ):
        _check(installation, backup)
        if not agreed(backup.manifest):
            raise BackupError("Nothing was changed.")
        restoring = Restoring(installation, base)
        with restoring.beside(backup) as databases:
            restoring.fill(backup, databases)
            with signals_held_back():
                restoring.put_in_place(databases)
    return _settled(installation, base)


def _check(installation: Installation, backup: Backup) -> None:
    step("Reading the backup ...")
    manifest = backup.manifest
    here = server_version(installation.servers.postgres)
    if _major(manifest.postgresql) > _major(here):
        raise BackupError(
            f"The backup was made by PostgreSQL {manifest.postgresql}, and this is {here}: "
            "restore it with the version of Webox that made it."
        )
    if set(manifest.databases()) != {database_name(service) for service in SERVICES}:
        raise BackupError("The backup has not the databases of this Webox.")
    backup.check()
    free = shutil.disk_usage(installation.home.folder).free
    needed = manifest.unpacked_bytes() + SPACE_NEEDED
    if free < needed:
        raise BackupError(
            f"Only {free // 1_000_000} MB are free on the disk of {installation.home.folder}; "
            f"restoring takes {needed // 1_000_000} MB, beside what is in use."
        )


def _major(version: str) -> int:
    return int(version.partition(".")[0])


@dataclass(frozen=True)
class Restoring:
    """The steps, in the order in which they are taken."""

    installation: Installation
    base: Mapping[str, str]

    @property
    def _home(self) -> Home:
        return self.installation.home

    @property
    def _postgres(self) -> PostgresServer:
        return self.installation.servers.postgres

    @property
    def _new_exports(self) -> Path:
        return self._home.exports.with_name("exports.restoring")

    @property
    def _old_exports(self) -> Path:
        return self._home.exports.with_name("exports.replaced")

    @contextlib.contextmanager
    def beside(self, backup: Backup) -> Iterator[Mapping[str, str]]:
        """A place for all of it, which is gone at the end of the block, or has become the one."""
        try:
            shutil.rmtree(self._new_exports, ignore_errors=True)
            private_folder(self._new_exports)
            with dumps.beside(self._postgres, backup.manifest.databases()) as databases:
                yield databases
        finally:
            shutil.rmtree(self._new_exports, ignore_errors=True)

    def fill(self, backup: Backup, databases: Mapping[str, str]) -> None:
        for name, new in databases.items():
            step(f"Database {name} ...")
            with backup.open(dump_name(name)) as dump:
                dumps.load(self._postgres, dump, new, role=name)
        self._make_ready(databases)
        step("Exported documents ...")
        for name in backup.manifest.exports():
            target = self._new_exports / Path(name).relative_to(backup_file.EXPORTS)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(mode=0o600, exist_ok=False)
            with backup.open(name) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
                file.flush()
                os.fsync(file.fileno())

    def put_in_place(self, new: Mapping[str, str]) -> None:
        """Swaps while the services are stopped, and back again if they do not come up.

        Raises:
            BackupError: They did not, and have with what was there before.
        """
        step("Stopping the services ...")
        dumps.drop(self._postgres, [name + dumps.REPLACED for name in new])
        with self._services_stopped():
            self._swap_in(new)
        try:
            self._wait_until_ready()
        except CannotStartError as error:
            step("They do not come up: taking back what was there before ...")
            with self._services_stopped():
                self._swap_back(new)
            self._wait_until_ready()
            raise BackupError(f"{error} All is as it was before.") from error
        dumps.drop(self._postgres, [name + dumps.REPLACED for name in new])
        shutil.rmtree(self._old_exports, ignore_errors=True)

    def _make_ready(self, databases: Mapping[str, str]) -> None:
        """Each service what only it knows to do, while nobody uses its new database."""
        environments = {}
        for service in SERVICES:
            name = database_name(service)
            url = self._postgres.url(databases[name], role=name)
            environment = operator_environment(self.installation, service, self.base)
            environments[service] = environment | {"WEBOX_DATABASE_URL": url}
        if run_forked(["after-restore"], environments):
            raise BackupError("The backup does not fit this version of Webox: nothing was changed.")

    @contextlib.contextmanager
    def _services_stopped(self) -> Iterator[None]:
        supervisor = Supervisor(self._home)
        supervisor.stop_group(WEBOX)
        try:
            # What Redis and the index have is of other conversations, whose ids come again.
            with redis.Redis.from_url(self.installation.servers.redis.url()) as client:
                client.flushall()
            shutil.rmtree(self._home.index, ignore_errors=True)
            private_folder(self._home.index)
            yield
        finally:
            step("Starting the services ...")
            supervisor.start_group(WEBOX)

    def _swap_in(self, new: Mapping[str, str]) -> None:
        shutil.rmtree(self._old_exports, ignore_errors=True)
        self._home.exports.rename(self._old_exports)
        self._new_exports.rename(self._home.exports)
        try:
            dumps.swap(self._postgres, new, old=dumps.REPLACED)
        except BaseException:
            self._take_exports_back()
            raise

    def _swap_back(self, new: Mapping[str, str]) -> None:
        back = {name: name + dumps.REPLACED for name in new}
        dumps.swap(self._postgres, back, old=dumps.RESTORING)
        self._take_exports_back()

    def _take_exports_back(self) -> None:
        self._home.exports.rename(self._new_exports)
        self._old_exports.rename(self._home.exports)

    def _wait_until_ready(self) -> None:
        programs = Supervisor(self._home).programs
        url = self.installation.url("gateway")
        wait_until_ready(url, programs, Failures(self._home.logs), whole=True)


def _settled(installation: Installation, base: Mapping[str, str]) -> bool:
    """Waits until everything has been caught up with; whether nothing differs then."""

    def run(services: Iterable[str], *command: str) -> bool:
        environments = {each: operator_environment(installation, each, base) for each in services}
        return run_forked(command, environments) == 0

    step("Building the search index, and catching up with events ...")
    settled = [run(["search"], "rebuild", "--follow")]
    settled += [run([service], "caught-up") for service in SOURCES_FIRST]
    step("Verifying ...")
    return run(VERIFIED.values(), "verify") and all(settled)
