"""`webox up`: from nothing to an answering Webox, and back."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from webox_local import processes, supervision
from webox_local.errors import CannotStartError
from webox_local.home import Home
from webox_local.keys import kept_keys
from webox_local.leftovers import end_leftovers
from webox_local.logs import last_line
from webox_local.ports import check_public_port, free_ports, reachable
from webox_local.postgres import PostgresServer, check_may_run
from webox_local.programs import (
    LISTENING,
    SERVICES,
    Installation,
    database_name,
    server_programs,
    webox_programs,
)
from webox_local.readiness import Failures, wait_until_ready
from webox_local.servers import Servers
from webox_local.settings import Settings
from webox_local.sockets import tidy_socket_folder
from webox_local.stopping import StopRequested, signals_raise_stop_requested, stop_is_under_way
from webox_local.supervision import Supervisor
from webox_local.telling import own_command, progress, say
from webox_local.waiting import until_answering
from webox_local.welcome import first_admin, welcome

WATCH_SECONDS = 5


def up(home: Home, settings: Settings) -> None:
    """Starts everything, and returns once a signal has asked it to stop and nothing is left.

    Args:
        home: Where everything is kept.
        settings: What the user asked for.

    Raises:
        CannotStartError: It could not be started, or ended by itself; nothing is left either.
    """
    with signals_raise_stop_requested(), contextlib.suppress(StopRequested):
        home.make()
        with home.locked():
            installation = _prepare(home, settings)
            with _supervised(installation) as supervisor_process:
                _start(installation, supervisor_process)
                _watch(home, supervisor_process)
                raise CannotStartError(_ended_by_itself(home))


def _prepare(home: Home, settings: Settings) -> Installation:
    check_may_run()
    servers = Servers.of(home.folder)
    if end_leftovers(home, servers):
        progress("What an earlier start had left running is ended.")
    check_public_port(settings.host, settings.port)
    ports = dict(zip(LISTENING, free_ports(len(LISTENING)), strict=True))
    ports["gateway"] = settings.port or ports["gateway"]
    settings = replace(settings, port=ports["gateway"])
    return Installation(home, settings, servers, kept_keys(home.keys), ports)


@contextlib.contextmanager
def _supervised(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the supervisor, and ends it with all it started."""
    try:
        yield _launch(installation)
    finally:
        _stop(installation)


def _launch(installation: Installation) -> subprocess.Popen[bytes]:
    """Starts the supervisor, and sets up the servers while it imports what it has to."""
    home, servers = installation.home, installation.servers
    servers.redis.prepare()
    servers.postgres.prepare_folder()
    supervision.write_configuration(home, server_programs(servers), webox_programs(installation))
    run = home.begin_run(_public_url(installation), dict(installation.ports))
    process = processes.start(
        supervision.command(home),
        log=_supervisor_output(home),
        env=supervision.environment(os.environ, run.token),
        stdin=subprocess.PIPE,
    )
    servers.postgres.prepare()
    progress("PostgreSQL and Redis are set up.")
    _let_go(process)
    return process


def _let_go(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # it has ended already, which is noticed later
        if process.stdin:
            process.stdin.write(b"!")
            process.stdin.close()


def _start(installation: Installation, process: subprocess.Popen[bytes]) -> None:
    home, servers = installation.home, installation.servers
    supervisor = Supervisor(home)
    failures = Failures(home.logs)

    def ended() -> str | None:
        if process.poll() is not None:
            return _ended_by_itself(home)
        if not supervisor.problem():
            failures.check(supervisor.programs())
        return None

    until_answering({"The supervisor": supervisor.problem}, ended=ended)
    progress("All programs are starting.")
    _make_databases(servers.postgres, ended)
    wait_until_ready(installation.url("gateway"), supervisor.programs, failures)
    progress("They are ready.")
    account = first_admin(home, gateway_environment(installation))
    say(welcome(_public_url(installation), account))


def _watch(home: Home, process: subprocess.Popen[bytes]) -> None:
    """Returns when the supervisor has ended; until then tells of programs that do not stay up."""
    supervisor, failures = Supervisor(home), Failures(home.logs)
    told: set[str] = set()
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=WATCH_SECONDS)
        with contextlib.suppress(ConnectionError):
            for sentence in failures.sentences(supervisor.programs()):
                if sentence not in told:
                    say(f"{sentence} (`{own_command()} logs` has more)")
                told.add(sentence)


def _make_databases(postgres: PostgresServer, ended: Callable[[], str | None]) -> None:
    missing = postgres.not_yet_made(database_name(service) for service in SERVICES)
    if missing:
        until_answering({"PostgreSQL": postgres.problem}, ended=ended)
        postgres.create_databases(missing)
        progress("The databases are made.")


def gateway_environment(installation: Installation) -> dict[str, str]:
    return supervision.environment(os.environ, "") | installation.environment("gateway")


def _stop(installation: Installation) -> None:
    """Ends everything, found as the next start would find it; a second signal kills at once."""
    stop_is_under_way()
    say("Stopping Webox ...")
    home, servers = installation.home, installation.servers
    try:
        end_leftovers(home, servers)
    except StopRequested:
        stop_is_under_way()
        end_leftovers(home, servers, patience=0)
    tidy_socket_folder(home.folder)
    say("Webox has stopped.")


def _supervisor_output(home: Home) -> Path:
    return home.logs / "supervisord-output.log"


def _ended_by_itself(home: Home) -> str:
    reason = last_line(_supervisor_output(home))
    return f"The supervisor of all programs ended by itself: {reason}"


def _public_url(installation: Installation) -> str:
    host = reachable(installation.settings.host).replace("127.0.0.1", "localhost")
    return f"http://{host}:{installation.ports['gateway']}"
