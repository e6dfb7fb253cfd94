"""Whether Webox answers yet, or a program of it cannot start."""

import http.client
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from webox_local.errors import CannotStartError
from webox_local.logs import last_line
from webox_local.supervision import ProgramState

OK = 200
DEGRADED = '"degraded"'
# How the services' command lines say that they cannot run as they are set up.
COMPLAINT = "Error: "
STARTS_GRANTED = 4
PAUSE = 0.05


class Failures:
    """Recognises programs that will not come up, from the states seen while waiting."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._pids: defaultdict[str, set[int]] = defaultdict(set)

    def sentences(self, programs: list[ProgramState]) -> list[str]:
        """What is wrong with programs set up wrongly, or ending again and again."""
        found = []
        for program in programs:
            if program.pid:
                self._pids[program.name].add(program.pid)
            elif program.state in {"BACKOFF", "EXITED", "FATAL"}:
                found += self._judge(program.name)
        return found

    def check(self, programs: list[ProgramState]) -> None:
        """Raises CannotStartError with the first of `sentences`, if there is one."""
        for sentence in self.sentences(programs):
            raise CannotStartError(sentence)

    def _judge(self, name: str) -> list[str]:
        words = last_line(self._logs / f"{name}.log")
        if words.startswith(COMPLAINT):
            return [f"{name} cannot start: {words.removeprefix(COMPLAINT)}"]
        if len(self._pids[name]) >= STARTS_GRANTED:
            return [f"{name} ends as soon as it has started: {words}"]
        return []


def wait_until_ready(
    url: str,
    programs: Callable[[], list[ProgramState]],
    failures: Failures,
    *,
    whole: bool = False,
    seconds: float = 120,
) -> None:
    """Returns once the gateway says that the system can serve.

    Args:
        url: The gateway's.
        programs: Says what has become of the programs.
        failures: Recognises those that will not come up.
        whole: Also wait for what the system can do without.
        seconds: How long to wait.

    Raises:
        CannotStartError: A program cannot start, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while problem := _problem(url, whole=whole):
        failures.check(programs())
        if time.monotonic() > deadline:
            raise CannotStartError(
                f"Webox did not become ready within {seconds:.0f} s: {problem.rstrip('.')}."
            )
        time.sleep(PAUSE)
    failures.check(programs())


def _problem(url: str, *, whole: bool) -> str | None:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"the gateway does not answer ({error})"
    finally:
        connection.close()
    if answer.status == OK and not (whole and DEGRADED in body):
        return None
    return f"the gateway answers {answer.status}: {body}"
