"""The command line of a service: the same commands on a laptop, in compose and Kubernetes."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import click
import uvloop

from webox_kit import logs
from webox_kit.errors import ConfigurationError, WeboxError
from webox_kit.letter_commands import dead_letters_of
from webox_kit.references import referenced
from webox_kit.restore_commands import after_restore_of, caught_up_of
from webox_kit.verify_command import verify_of

T = TypeVar("T")

_NOT_STARTED = 3

DutiesFactory = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]


@dataclass(frozen=True)
class ServiceCommands:
    """Where a service's parts are, imported only by the command that needs them.

    `settings` is the settings class; `app` and `duties` are `module:attribute`, the latter an
    async context manager that takes the Runtime and yields the duties by name; `worker` is
    `module:attribute` of a function that runs the Celery worker until it ends. `consumes` is
    `module:attribute` of the services whose events it consumes, some of which may become dead
    letters. `verify` is `module:attribute` of an async context manager that takes the Runtime and
    yields what compares the service's model with its source; `after_restore` of an async function
    that is given a Session and takes out of a restored database what must not go on.
    """

    name: str
    settings: str
    app: str
    duties: str
    worker: str | None = None
    consumes: str | None = None
    verify: str | None = None
    after_restore: str | None = None


def service_cli(commands: ServiceCommands) -> click.Group:
    """`api`, `events`, `migrate`, `after-restore`, `caught-up`; the others where there are such."""

    @click.group(name=f"webox-{commands.name}", help=f"Webox, the {commands.name} service.")
    def main() -> None: ...

    @main.command(help="Serve HTTP; migrates the database first.")
    def api() -> None:
        with _sentences():
            _serve(commands)

    @main.command(help="Publish and consume events, reconcile: the duties done by one process.")
    def events() -> None:
        with _sentences():
            _load_settings(commands)
            uvloop.run(_until_terminated(_do_duties(commands)))

    @main.command(help="Bring the database to the newest migration, then end.")
    def migrate() -> None:
        with _sentences():
            _load_settings(commands)
            asyncio.run(_migrate(commands))

    if commands.worker is not None:

        @main.command(help="Run the Celery worker.")
        def worker() -> None:
            with _sentences():
                referenced(commands.worker or "")(_load_settings(commands))

    run = partial(operate, commands)
    main.add_command(after_restore_of(commands.name, commands.after_restore, run))
    main.add_command(caught_up_of(commands.consumes, run))
    if commands.consumes is not None:
        main.add_command(dead_letters_of(commands.name, run))
    if commands.verify is not None:
        main.add_command(verify_of(commands.name, run, commands.verify))
    return main


def operate(
    commands: ServiceCommands, work: Callable[[Any], Awaitable[T]], *, check_migrated: bool = True
) -> T:
    """What `work` answers, given the Runtime, for commands of operators.

    With `check_migrated` it is not even begun on a database that is not at the newest migration.

    Raises:
        click.ClickException: something is missing or away; one sentence says what.
    """

    async def run() -> T:
        migrations = import_module("webox_kit.migrations")
        runtime = _runtime(commands)
        async with runtime.closing():
            if check_migrated and not await migrations.is_current(
                runtime.database, runtime.package
            ):
                raise ConfigurationError(
                    f"The database is not at the newest migration: run `webox-{commands.name} "
                    "migrate` first."
                )
            return await work(runtime)

    with _sentences():
        _load_settings(commands)
        try:
            return asyncio.run(run())
        except WeboxError as error:
            raise click.ClickException(error.detail) from None
        except Exception as error:
            if not import_module("webox_kit.outages").is_outage(error):
                raise
            raise click.ClickException(_away(error)) from None


def _away(error: Exception) -> str:
    if "sqlalchemy" in type(error).__module__:
        return "The database is away: try again when it is back."
    return "Redis is away: try again when it is back."


@contextmanager
def _sentences() -> Iterator[None]:
    """A configuration that cannot work ends the command with one sentence, not a traceback."""
    try:
        yield
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


def _load_settings(commands: ServiceCommands) -> Any:
    settings = referenced(commands.settings).load()
    logs.configure_logging(commands.name, settings.log_level)
    return settings


def _serve(commands: ServiceCommands) -> None:
    import uvicorn  # noqa: PLC0415 - the other commands do without it

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.stopping.set()
            await super().shutdown(sockets)

    settings = _load_settings(commands)
    app = referenced(commands.app)(settings)
    # Having shut down, uvicorn raises the signal it got once more, for whoever had it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )
    server = Server(config)
    server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)


async def _migrate(commands: ServiceCommands) -> None:
    migrations = import_module("webox_kit.migrations")
    runtime = _runtime(commands)
    async with runtime.closing():
        await migrations.migrate(runtime.database, runtime.package)


async def _do_duties(commands: ServiceCommands) -> None:
    duties = import_module("webox_kit.duties")
    migrations = import_module("webox_kit.migrations")
    runtime = _runtime(commands)
    async with runtime.closing():
        await migrations.wait_until_migrated(runtime.database, runtime.package)
        async with referenced(commands.duties)(runtime) as by_name:
            await duties.Duties(runtime.database, runtime.name, by_name).run()


def _runtime(commands: ServiceCommands) -> Any:
    settings = referenced(commands.settings).load()
    return import_module("webox_kit.runtime").Runtime.create(commands.name, settings)


async def _until_terminated(work: Any) -> None:
    """Run `work` until SIGTERM or SIGINT, then let it clean up and end with success."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        sys.exit(0)
