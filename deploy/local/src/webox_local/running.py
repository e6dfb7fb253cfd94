"""Reaching into a Webox that runs: stopping it, and its services' operator commands."""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

import psutil

from webox_local import processes, supervision
from webox_local.errors import CannotStartError
from webox_local.home import Home
from webox_local.keys import kept_keys
from webox_local.leftovers import end_leftovers, supervisor_process
from webox_local.programs import Installation, service_program
from webox_local.servers import Servers
from webox_local.settings import Settings
from webox_local.sockets import tidy_socket_folder

# Longer than `webox up` takes at most to end everything by itself.
STOP_SECONDS = 120


def down(home: Home) -> bool:
    """Stops what runs from `home`.

    Returns:
        Whether anything ran.
    """
    if not home.folder.is_dir():
        return False
    holder = home.holder()
    if holder:
        processes.end([psutil.Process(holder)], patience=STOP_SECONDS)
    left = end_leftovers(home, Servers.of(home.folder))
    tidy_socket_folder(home.folder)
    return left or bool(holder)


def become_operator_command(
    home: Home, service: str, arguments: Sequence[str], base: Mapping[str, str]
) -> None:
    """Turns this process into `webox-SERVICE ARGUMENTS`, with that service's environment.

    Raises:
        CannotStartError: Webox does not run, so that there is no database to work on.
    """
    environment = operator_environment(running_installation(home, base), service, base)
    program = service_program(service)
    os.execve(program, [program, *arguments], environment)  # noqa: S606 - no shell, our own program


def run_operator_commands(
    home: Home, services: Sequence[str], arguments: Sequence[str], base: Mapping[str, str]
) -> int:
    """Runs the same command of several services, one after the other: it may ask something.

    Returns:
        The highest of their exit codes.

    Raises:
        CannotStartError: Webox does not run, so that there is no database to work on.
    """
    installation = running_installation(home, base)
    return max(
        run_forked(arguments, {service: operator_environment(installation, service, base)})
        for service in services
    )


def run_forked(arguments: Sequence[str], environments: Mapping[str, Mapping[str, str]]) -> int:
    """Runs `webox-SERVICE ARGUMENTS` for several services at once, without starting Python anew.

    Args:
        arguments: What each is given.
        environments: The environment of each service's command.

    Returns:
        The highest of their exit codes.
    """
    from webox_local import launcher  # noqa: PLC0415 - takes a while to load

    programs = {service_program(service): each for service, each in environments.items()}
    if any(launcher.package_of(program) for program in programs):
        launcher.import_libraries()
    pids = [launcher.forked([program, *arguments], each) for program, each in programs.items()]
    try:
        return max([_exit_code(os.waitpid(pid, 0)[1]) for pid in pids])
    except BaseException:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        raise


def _exit_code(status: int) -> int:
    """As a shell has it: 128 and the signal for a program that one ended."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def operator_environment(
    installation: Installation, service: str, base: Mapping[str, str]
) -> dict[str, str]:
    return supervision.environment(base, "") | installation.environment(service)


def running_installation(home: Home, base: Mapping[str, str]) -> Installation:
    """The installation that runs from `home`.

    Raises:
        CannotStartError: There is none.
    """
    run = home.last_run()
    if run is None or supervisor_process(home) is None:
        raise CannotStartError("Webox is not running here: start it first, with `make up`.")
    return Installation(
        home,
        Settings.read(base, port=str(run.ports["gateway"])),
        Servers.of(home.folder),
        kept_keys(home.keys),
        run.ports,
    )
