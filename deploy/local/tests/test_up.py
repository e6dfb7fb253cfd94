"""`webox up`, from the first start to the last process gone. The services are stubs."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import psutil
import psycopg
import pytest
import redis

Webox = Any  # conftest's, which importlib mode does not let tests import


def database(webox: Webox, program: str) -> psycopg.Connection:
    url = webox.started_with(program)["environment"]["WEBOX_DATABASE_URL"]
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


class TestFirstStart:
    def test_says_where_it_is_and_how_to_sign_in_and_the_next_one_finds_the_data(
        self, webox: Webox
    ) -> None:
        started = webox.up()
        started.wait_until_it_answers()
        first = started.said()
        with database(webox, "chat-api") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'hello' AS word")
        store = webox.started_with("chat-worker")["environment"]["WEBOX_REDIS_URL"]
        with redis.Redis.from_url(store) as client:
            client.set("kept", "hello")
        assert started.end() == 0
        assert webox.processes() == []

        started = webox.up()
        started.wait_until_it_answers()
        second = started.said()
        with database(webox, "chat-api") as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("hello",)
        with redis.Redis.from_url(store) as client:
            assert client.get("kept") == b"hello"
        assert started.end(signal.SIGTERM) == 0
        assert webox.processes() == []

        password = re.search(r"with password (\S+)", first)
        assert password is not None
        assert f'{{"email": "admin@webox.local", "password": "{password[1]}"}}' in first
        assert "with password" not in second
        assert "admin create" in second

    def test_can_be_stopped_in_the_middle(self, webox: Webox) -> None:
        started = webox.up()
        webox.wait_until((webox.folder / "postgres").exists)
        assert started.end() == 0
        assert webox.processes() == []

    def test_can_be_stopped_while_programs_are_being_started(self, webox: Webox) -> None:
        started = webox.up()
        log = webox.home.logs / "supervisord.log"
        webox.wait_until(lambda: log.exists() and "spawned: 'search-api'" in log.read_text())
        assert started.end() == 0
        assert webox.processes() == []

    def test_in_a_path_too_deep_for_a_socket(self, webox: Webox) -> None:
        webox.move_home("deep" * 20, "and deeper with spaces" * 5)
        started = webox.up()
        started.wait_until_it_answers()
        sockets = webox.home.supervisor_socket.parent
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert not sockets.is_relative_to(webox.folder)
        assert started.end(signal.SIGHUP) == 0
        assert webox.processes() == []
        assert not sockets.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's run is every other test")
    def test_as_an_ordinary_user(self, webox: Webox) -> None:
        webox.become("unshare", "--user", "--map-user=1000", "--map-group=1000")
        started = webox.up()
        started.wait_until_it_answers()
        commands = [process.cmdline() for process in webox.processes()]
        assert any("postgres" in command[0] for command in commands)
        assert not any("unshare" in part for command in commands for part in command)
        assert started.end() == 0
        assert webox.processes() == []


class TestKilled:
    def test_the_next_start_ends_what_was_left(self, webox: Webox) -> None:
        started = webox.up()
        started.wait_until_it_answers()
        left = {process.pid for process in webox.processes()} - {started.process.pid}
        started.end(signal.SIGKILL)
        assert left <= {process.pid for process in webox.processes()}

        started = webox.up()
        started.wait_until_it_answers()
        assert not left & {process.pid for process in webox.processes()}
        assert webox.run("status").returncode == 0

    def test_also_when_the_supervisor_was_killed_too(self, webox: Webox) -> None:
        started = webox.up()
        started.wait_until_it_answers()
        supervisor = int(webox.home.supervisor_pidfile.read_text())
        started.end(signal.SIGKILL)
        psutil.Process(supervisor).kill()
        orphans = {process.pid for process in webox.processes()} - {supervisor}
        assert len(orphans) > 14

        assert webox.run("down").stdout == "Webox has stopped.\n"
        webox.wait_until(lambda: webox.processes() == [])

    def test_a_stranger_with_the_same_pid_is_left_alone(self, webox: Webox) -> None:
        webox.home.make()
        webox.home.begin_run("http://localhost:1", {"gateway": 1})
        with subprocess.Popen(["sleep", "60"]) as stranger:
            webox.home.supervisor_pidfile.write_text(str(stranger.pid))
            assert webox.run("down").stdout == "Webox is not running.\n"
            assert stranger.poll() is None
            stranger.kill()

    def test_killed_programs_come_back(self, webox: Webox) -> None:
        webox.up().wait_until_it_answers()
        before = webox.pids()
        killed = ("postgres", "redis", "chat-worker")
        for name in killed:
            psutil.Process(before[name]).kill()

        def all_are_back() -> bool:
            now = webox.pids()
            return all(now[name] not in {0, before[name]} for name in killed)

        webox.wait_until(all_are_back)
        webox.wait_until(lambda: answers(lambda: database(webox, "chat-api").close()))

    def test_the_supervisor_alone_ends_everything_with_a_sentence(self, webox: Webox) -> None:
        started = webox.up()
        started.wait_until_it_answers()
        psutil.Process(int(webox.home.supervisor_pidfile.read_text())).kill()
        assert started.process.wait(timeout=30) == 1
        assert "Error: The supervisor of all programs ended by itself" in started.said()
        assert webox.processes() == []


def answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except psycopg.OperationalError:
        return False
    return True


class TestRefusals:
    """One sentence, an exit code other than 0, no traceback, nothing left running."""

    def refused(self, webox: Webox, *arguments: str, **environment: str) -> str:
        webox.environment |= environment
        result = webox.run("up", *arguments)
        assert result.returncode == 1
        assert webox.processes() == []
        (sentence,) = [line for line in result.stderr.splitlines() if line]
        assert sentence.startswith("Error: ")
        return str(sentence.removeprefix("Error: "))

    def test_port_taken(self, webox: Webox) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            sentence = self.refused(webox, WEBOX_PORT=str(port))
        assert sentence == (
            f"Port {port} is already taken by {psutil.Process().name()} (pid {os.getpid()}): "
            "stop that program, or choose another port with WEBOX_PORT or --port."
        )

    def test_port_not_a_number(self, webox: Webox) -> None:
        assert self.refused(webox, WEBOX_PORT="http") == (
            "WEBOX_PORT is 'http'; it should be a port: 0 (any free one) to 65535."
        )

    def test_port_too_high(self, webox: Webox) -> None:
        assert "65535" in self.refused(webox, "--port", "65536")

    def test_host_not_of_this_machine(self, webox: Webox) -> None:
        assert "check WEBOX_HOST" in self.refused(webox, WEBOX_HOST="192.0.2.1")

    def test_demo_neither_0_nor_1(self, webox: Webox) -> None:
        assert self.refused(webox, WEBOX_DEMO="no") == "WEBOX_DEMO is 'no'; it should be 0 or 1."

    def test_providers_file_missing(self, webox: Webox) -> None:
        sentence = self.refused(webox, WEBOX_PROVIDERS_FILE="nowhere.toml")
        assert sentence.startswith("WEBOX_PROVIDERS_FILE=nowhere.toml cannot be read: No such file")

    def test_providers_file_not_toml(self, webox: Webox) -> None:
        file = webox.folder.parent / "providers.toml"
        file.write_text("[[provider]\n")
        sentence = self.refused(webox, WEBOX_PROVIDERS_FILE=str(file))
        assert f"WEBOX_PROVIDERS_FILE={file} is not TOML: " in sentence
        assert "line 1" in sentence

    def test_disk_missing(self, webox: Webox) -> None:
        webox.environment["WEBOX_HOME"] = "/nowhere/at/all"
        assert self.refused(webox) == (
            "The folder /nowhere/at, where all should be made, does not exist: is its disk mounted?"
        )

    def test_home_is_a_file(self, webox: Webox) -> None:
        webox.folder.write_text("")
        assert self.refused(webox) == f"The folder {webox.folder} cannot be made: File exists."

    def test_home_on_a_read_only_disk(self, webox: Webox) -> None:
        assert "cannot be made" in self.refused(webox, "--home", "/sys/webox")

    def test_home_with_a_character_the_supervisor_would_misread(self, webox: Webox) -> None:
        sentence = self.refused(webox, WEBOX_HOME=f"{webox.folder}%(x)s")
        assert "choose another folder with --home or WEBOX_HOME" in sentence

    def test_redis_server_named_wrongly(self, webox: Webox) -> None:
        sentence = self.refused(webox, WEBOX_REDIS_SERVER="/bin/true")
        assert sentence == "WEBOX_REDIS_SERVER=/bin/true is not a redis-server."

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a user namespace")
    def test_user_namespace_refused(self, webox: Webox) -> None:
        unshare = webox.folder.parent / "unshare"
        unshare.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted'; exit 1\n")
        unshare.chmod(0o700)
        sentence = self.refused(webox, PATH=f"{unshare.parent}:{os.environ['PATH']}")
        assert sentence.startswith("PostgreSQL does not run as root")
        assert sentence.endswith("start Webox as an ordinary user.")

    def test_a_service_that_says_what_is_wrong(self, webox: Webox) -> None:
        complaint = "chat-api WEBOX_PROVIDERS_FILE names a protocol nobody knows."
        sentence = self.refused(webox, STUB_COMPLAINT=complaint)
        assert sentence == f"chat-api cannot start: {complaint}"

    def test_data_of_another_postgresql(self, webox: Webox) -> None:
        webox.home.make()
        data = webox.folder / "postgres" / "data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("17\n")
        assert "was made by PostgreSQL 17, and this is PostgreSQL 18" in self.refused(webox)

    def test_disk_full(self, webox: Webox) -> None:
        webox.folder.mkdir()
        mount = f'mount -t tmpfs -o size=100m tmpfs {webox.folder} && exec "$0" "$@"'
        webox.become("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount)
        assert self.refused(webox) == (
            f"Only 104 MB are free on the disk of {webox.folder}; Webox needs 300 MB."
        )
