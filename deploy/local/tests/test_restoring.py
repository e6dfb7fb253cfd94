"""A restore that does not come to its end. PostgreSQL is real, the services are stubs."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from webox_local.programs import SERVICES
from webox_local.servers import Servers

Webox = Any  # conftest's, which importlib mode does not let tests import

NAMES = "SELECT datname FROM pg_database WHERE datname LIKE 'webox%' ORDER BY 1"


class Kept:
    """A word in chat's database and a document, so that one sees which state is in use."""

    def __init__(self, webox: Webox) -> None:
        self._webox = webox
        self._postgres = Servers.of(webox.folder).postgres
        self._document = webox.home.exports / "1" / "document"

    def write(self, word: str) -> None:
        with self._postgres.connect("webox_chat") as database:
            database.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
            database.execute("DELETE FROM kept")
            database.execute("INSERT INTO kept VALUES (%s)", [word])
        self._document.parent.mkdir(exist_ok=True)
        self._document.write_text(word)

    def read(self) -> tuple[str, str]:
        with self._postgres.connect("webox_chat") as database:
            (word,) = database.execute("SELECT word FROM kept").fetchone()
        return word, self._document.read_text()

    def check_nothing_is_left_over(self) -> None:
        with self._postgres.connect() as database:
            names = [name for (name,) in database.execute(NAMES)]
        assert names == sorted(f"webox_{service}" for service in SERVICES)
        folders = {path.name for path in self._webox.folder.iterdir() if path.is_dir()}
        assert folders == {"exports", "index", "keys", "logs", "postgres", "redis", "run"}

    def check_all_run(self) -> None:
        self._webox.wait_until(lambda: self._webox.run("status").returncode == 0)


@pytest.fixture(scope="module")
def kept(running_webox: Webox) -> Kept:
    return Kept(running_webox)


@pytest.fixture
def backup(running_webox: Webox, kept: Kept, tmp_path: Path) -> Path:
    """Made when the word was `before`; by now it is `now`."""
    kept.write("before")
    file = tmp_path / "backup"
    made = running_webox.run("backup", str(file))
    assert made.returncode == 0, made.stderr
    kept.write("now")
    return file


@pytest.fixture
def held(running_webox: Webox) -> Iterator[Callable[[], None]]:
    """While it is there, `after-restore` does not end; called, waits until it has begun."""
    folder = Path(running_webox.environment["STUB_FOLDER"])
    (folder / "hold").touch()
    begun = folder / "chat-after-restore.json"
    begun.unlink(missing_ok=True)
    yield lambda: running_webox.wait_until(begun.exists)
    (folder / "hold").unlink(missing_ok=True)


def test_services_that_do_not_come_up_with_it_get_back_what_they_had(
    running_webox: Webox, kept: Kept, tmp_path: Path
) -> None:
    kept.write("before")
    poison = running_webox.home.exports / "1" / "poison"
    poison.touch()
    file = tmp_path / "backup"
    assert running_webox.run("backup", str(file)).returncode == 0
    poison.unlink()
    kept.write("now")

    done = running_webox.run("restore", "--yes", str(file))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: exporter-api cannot start: exporter-api does not like poison. "
        "All is as it was before."
    )
    assert kept.read() == ("now", "now")
    kept.check_nothing_is_left_over()
    kept.check_all_run()


def test_interrupted_before_the_services_stop_it_changes_nothing(
    running_webox: Webox, kept: Kept, backup: Path, held: Callable[[], None]
) -> None:
    pids = running_webox.pids()
    process = running_webox.start("restore", "--yes", str(backup))
    held()
    refused = running_webox.run("backup", str(backup.with_name("another")))
    assert refused.returncode == 1
    assert f"Another backup or restore of {running_webox.folder} is going on" in refused.stderr

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 1
    assert kept.read() == ("now", "now")
    kept.check_nothing_is_left_over()
    assert running_webox.pids() == pids


def test_killed_it_changes_nothing_and_the_next_one_clears_up(
    running_webox: Webox, kept: Kept, backup: Path, held: Callable[[], None]
) -> None:
    process = running_webox.start("restore", "--yes", str(backup))
    held()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert kept.read() == ("now", "now")
    (Path(running_webox.environment["STUB_FOLDER"]) / "hold").unlink()

    done = running_webox.run("restore", "--yes", str(backup))
    # The stub of search says that something differs.
    assert (done.returncode, kept.read()) == (1, ("before", "before")), done.stderr
    assert "Restored, but see above." in done.stdout
    kept.check_nothing_is_left_over()
    kept.check_all_run()
