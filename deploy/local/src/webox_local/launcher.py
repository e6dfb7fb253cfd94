"""supervisord, with one change: Webox's own programs are forked from it, not started anew.

Twelve Python programs that each import the same libraries take a minute of processor time to
start on a small machine, and a gigabyte of memory. Here the supervisor imports them once. A
program is then a fork of it, which is there at once, also when it comes back after a crash,
and shares that memory. Everything else is supervisord's own doing.
"""

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from supervisor import supervisord
from supervisor.options import ServerOptions
from supervisor.poller import Poller
from supervisor.states import SupervisorStates

from webox_local.process_title import set_process_title
from webox_local.programs import PACKAGES, SCRIPTS

PARTS = ("cli", "main", "consumers", "worker")
LIBRARIES = (
    "webox_kit.app",
    "webox_kit.duties",
    "webox_kit.migrations",
    "webox_kit.runtime",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)
CANNOT_RUN = 126
INTERRUPTED = 130
STOPPING_PAUSE = 0.05
# All that supervisord listens to.
HELD_BACK = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGUSR2,
}


class QuickAtTheEnd(Poller):  # type: ignore[misc] # supervisor has no types
    """supervisord's way to wait for events, without its whole seconds while it shuts down."""

    def poll(self, timeout: float) -> Any:
        stopping = self.options.mood < SupervisorStates.RUNNING
        return super().poll(STOPPING_PAUSE if stopping else timeout)


class ForkingOptions(ServerOptions):  # type: ignore[misc] # supervisor has no types
    """supervisord's options, in whose `execve` a forked child becomes the program."""

    def __init__(self) -> None:
        super().__init__()
        self.poller = QuickAtTheEnd(self)

    def fork(self) -> int:
        """Forks with signals held back, and leads the child to a process group of its own.

        The child has supervisord's signal handlers until it is a program. One that is stopped
        in that moment would lose the signal in them, and be waited for until it is killed.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        pid = os.fork()
        if pid:
            with contextlib.suppress(OSError):  # the child did it first, or has ended
                os.setpgid(pid, pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
        return pid

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        _take_default_signal_handlers()
        package = package_of(filename)
        if package is None:
            super().execve(filename, argv, env)
        else:
            become(f"{package}.cli", argv, env)


def forked(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Starts a program as a fork of this process, with the libraries that it has imported.

    Returns:
        Its pid, to be waited for.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        _take_default_signal_handlers()
        package = package_of(command[0])
        if package is None:
            os.execve(command[0], list(command), dict(env))  # noqa: S606 - no shell
        become(f"{package}.cli", command, env)
    finally:
        os._exit(CANNOT_RUN)


def import_libraries() -> None:
    """What every program of ours imports, so that forks of this process have it."""
    for module in LIBRARIES:
        import_module(module)


def package_of(filename: str) -> str | None:
    """The package behind a console script of ours; None for any other program."""
    path = Path(filename)
    service = path.name.removeprefix("webox-")
    return PACKAGES.get(service) if path.parent == SCRIPTS else None


def become(module: str, argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Runs `main` of `module` as if this process had been started for it, and ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    set_process_title(" ".join([Path(argv[0]).name, *argv[1:]]))
    os.environ.clear()
    os.environ.update(env)
    sys.argv = list(argv)
    # Not by leaving this function: the supervisor's frames below must not go on in this process.
    os._exit(_run(module))


def _take_default_signal_handlers() -> None:
    for number in HELD_BACK:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


def _run(module: str) -> int:
    """The exit code of the program."""
    try:
        import_module(module).main()
    except SystemExit as end:
        return _exit_code(end)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException:  # noqa: BLE001 - nobody above us would print it
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _exit_code(end: SystemExit) -> int:
    """As the interpreter would answer it: a code, or words for people."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def preload(options: Any) -> None:
    """Imports what the configured programs will need, so that they share it.

    One that cannot be imported says so in its own log, when it is started.
    """
    commands = [
        program.command.split()[0]
        for group in options.process_group_configs
        for program in group.process_configs
    ]
    gc.disable()  # nothing is thrown away meanwhile; looking for it takes a quarter of the time
    packages = {package for command in commands if (package := package_of(command))}
    parts = [f"{package}.{part}" for package in sorted(packages) for part in PARTS]
    for module in [*LIBRARIES, *parts] if packages else []:
        try:
            if find_spec(module):
                import_module(module)
        except Exception as error:  # noqa: BLE001 - the program itself will meet it, and end
            sys.stderr.write(f"{module} cannot be imported: {error!r}\n")
    gc.enable()
    gc.freeze()  # else each program's first collection would write to all the shared pages


def main() -> None:
    """Preloads, waits on standard input for the word to go, and is supervisord from then on.

    When the input ends without it, nobody wants it any more.
    """
    options = ForkingOptions()
    options.realize(sys.argv[1:])
    preload(options)
    if sys.stdin.buffer.read(1):
        options.first, options.test = True, False
        supervisord.go(options)
        options.close_httpservers()
        options.close_logger()


if __name__ == "__main__":
    main()
