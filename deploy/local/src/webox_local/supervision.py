"""supervisord: its configuration, and talking to it."""

import os
import resource
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from webox_local.home import Home
from webox_local.private_files import kept_secret, write_private
from webox_local.programs import Program

USER = "webox"
SERVERS = "servers"
WEBOX = "webox"
OPEN_FILES = 4096
# What we set for each program, what would bend our PostgreSQL's clients to another server, and
# what would have the same libraries compiled at each start.
RESERVED = (
    "PYTHONDONTWRITEBYTECODE",
    "WEBOX_HOST",
    "WEBOX_PORT",
    "WEBOX_HOME",
    "WEBOX_DATABASE_URL",
    "WEBOX_REDIS_URL",
    "WEBOX_BROKER_URL",
    "WEBOX_IDENTITY_",
    "WEBOX_SERVICE_SECRET_FILE",
    "PG",
    "SUPERVISOR_",
)
RUN_TOKEN = "WEBOX_RUN"  # noqa: S105 - the name of a variable
PYTHON = {
    RUN_TOKEN: "",
    "PYTHONUNBUFFERED": "1",
    # Two malloc arenas instead of eight a core: a third less memory in threaded programs.
    "MALLOC_ARENA_MAX": "2",
}

SUPERVISORD = """\
[supervisord]
nodaemon = true
silent = true
{user}identifier = webox
minfds = {open_files}
logfile = {logs}/supervisord.log
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {pidfile}

[unix_http_server]
file = {socket}
chmod = 0700
username = {name}
password = {password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
# The servers have the lowest priority: started first, stopped last, when nobody needs them.
# Otherwise all start at once, and each program waits for what it needs.
GROUP = """
[group:{name}]
programs = {programs}
priority = {priority}
"""
PROGRAM = """
[program:{name}]
command = {command}
environment = {environment}
autorestart = true
; Its default gives up after three quick exits.
startretries = 1000000000
stopsignal = {stop_signal}
stopasgroup = {stop_as_group}
killasgroup = true
stopwaitsecs = 45
redirect_stderr = true
stdout_logfile = {logs}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


@dataclass(frozen=True)
class ProgramState:
    """`state` is supervisord's: STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL."""

    name: str
    state: str
    pid: int
    seconds_up: int


def write_configuration(home: Home, servers: Sequence[Program], webox: Sequence[Program]) -> None:
    """Writes the supervisor's configuration, which holds passwords and is 0600."""
    parts = [_main_part(home), _group(SERVERS, servers, 1), _group(WEBOX, webox, 2)]
    parts += [_program(home, program) for program in (*servers, *webox)]
    write_private(home.supervisor_configuration, "".join(parts))


def command(home: Home) -> list[str]:
    configuration = str(home.supervisor_configuration)
    return [sys.executable, "-m", "webox_local.launcher", "-c", configuration]


def environment(base: Mapping[str, str], token: str) -> dict[str, str]:
    """The environment of the supervisor, inherited by all it starts: the user's, cleaned."""
    kept = {name: value for name, value in base.items() if not name.startswith(RESERVED)}
    return kept | PYTHON | {RUN_TOKEN: token}


def _main_part(home: Home) -> str:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return SUPERVISORD.format(
        # Said aloud, or supervisord warns that it should not be root.
        user="user = root\n" if os.geteuid() == 0 else "",
        open_files=OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard),
        logs=home.logs,
        pidfile=home.supervisor_pidfile,
        socket=home.supervisor_socket,
        name=USER,
        password=_password(home),
    )


def _group(name: str, programs: Iterable[Program], priority: int) -> str:
    names = ",".join(program.name for program in programs)
    return GROUP.format(name=name, programs=names, priority=priority)


def _program(home: Home, program: Program) -> str:
    return PROGRAM.format(
        name=program.name,
        command=_literal(shlex.join(program.command)),
        environment=",".join(
            f'{name}="{_literal(value)}"' for name, value in program.environment.items()
        ),
        stop_signal=program.stop_signal,
        stop_as_group=str(program.stop_as_group).lower(),
        logs=home.logs,
    )


def _literal(text: str) -> str:
    """`text` without the supervisor's %(…)s expansions."""
    return text.replace("%", "%%")


def _password(home: Home) -> str:
    return kept_secret(home.keys / "supervisor-password")


class Supervisor:
    """The running supervisor of `home`, spoken to by its control socket.

    Every method raises ConnectionError when it does not answer.
    """

    def __init__(self, home: Home) -> None:
        url = f"unix://{home.supervisor_socket}"
        self._transport = SupervisorTransport(USER, _password(home), url)
        self._rpc = ServerProxy("http://localhost", transport=self._transport)

    def problem(self) -> str | None:
        """Why it does not answer; None when it does."""
        try:
            self._call("getState")
        except ConnectionError as error:
            return str(error)
        return None

    def programs(self) -> list[ProgramState]:
        return [
            ProgramState(
                info["name"],
                info["statename"],
                info["pid"],
                max(0, info["now"] - info["start"]) if info["pid"] else 0,
            )
            for info in self._call("getAllProcessInfo")
        ]

    def shut_down(self) -> None:
        """What SIGTERM does, only that supervisord notices it at once."""
        self._call("shutdown")

    def stop_group(self, name: str) -> None:
        """Stops the programs of a group, as at the end, and returns when they have ended."""
        self._call("stopProcessGroup", name)

    def start_group(self, name: str) -> None:
        """Starts those of a group that do not run, and does not wait for them."""
        self._call("startProcessGroup", name, False)

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._rpc.supervisor, method)(*arguments)
        except (OSError, HTTPException, RpcError) as error:
            self._transport.close()  # it would otherwise go on with the broken connection
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
