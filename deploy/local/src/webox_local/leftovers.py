"""What an earlier start left running, because it was killed before it could end it."""

import contextlib
from collections.abc import Iterator

import psutil

from webox_local import processes
from webox_local.home import Home
from webox_local.servers import Servers
from webox_local.supervision import RUN_TOKEN, Supervisor


def end_leftovers(home: Home, servers: Servers, *, patience: float = 45) -> bool:
    """Ends the supervisor, the programs and the servers of the last start that still run.

    Args:
        home: Whose start it was.
        servers: The servers of that home.
        patience: How many seconds each gets before it is killed.

    Returns:
        Whether there were any.
    """
    supervisor = supervisor_process(home)
    if supervisor:
        # It stops the servers after the others, and has patience with each.
        _end_supervisor(home, supervisor, patience=2 * patience)
    orphans = list(_orphans(home))
    processes.end(orphans, patience=patience)
    return servers.end_leftovers(patience=patience) or bool(supervisor or orphans)


def _end_supervisor(home: Home, supervisor: psutil.Process, *, patience: float) -> None:
    """Ends the supervisor, which ends all that it started, in the right order."""
    with contextlib.suppress(ConnectionError):
        Supervisor(home).shut_down()
    processes.end([supervisor], patience=patience)


def supervisor_process(home: Home) -> psutil.Process | None:
    return processes.process_from_pidfile(
        home.supervisor_pidfile, mentions=str(home.supervisor_configuration)
    )


def _orphans(home: Home) -> Iterator[psutil.Process]:
    run = home.last_run()
    for process in psutil.process_iter() if run else ():
        try:
            ours = run is not None and process.environ().get(RUN_TOKEN) == run.token
        except psutil.Error:
            continue
        if ours and process.pid != psutil.Process().pid:
            yield process
