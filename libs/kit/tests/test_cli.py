import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from webox_kit.testing import Keys

PROBE = Path(__file__).parent / "probe"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(database_url: str, redis_url: str, broker_url: str, keys: Keys) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PROBE), os.environ.get("PYTHONPATH", "")]),
            "WEBOX_DATABASE_URL": database_url,
            "WEBOX_REDIS_URL": redis_url,
            "WEBOX_BROKER_URL": broker_url,
            "WEBOX_IDENTITY_PUBLIC_KEY_FILE": str(keys.public_key_file),
            "WEBOX_SERVICE_SECRET_FILE": str(keys.service_secret_file),
            **variables,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "webox_probe.cli", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class TestApi:
    def test_serves_and_ends_well_on_sigterm(self, start: Start) -> None:
        port = free_port()
        process = start("api", WEBOX_PORT=str(port))
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
            wait_until_serving(client, process)
            assert client.get("/healthz").json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
        assert process.returncode == 0, log
        assert '"service": "probe"' in log

    def test_a_broken_key_is_one_sentence(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "key.pem").write_text("no key")
        process = start("api", WEBOX_IDENTITY_PUBLIC_KEY_FILE=str(tmp_path / "key.pem"))
        assert_one_sentence(process, "key.pem holds no Ed25519 key in PEM")


class TestEvents:
    def test_waits_for_its_duty_and_ends_well_on_sigterm(self, start: Start) -> None:
        process = start("events")
        assert process.stdout
        assert process.stdout.readline() == "on duty\n"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
        assert process.returncode == 0, log

    def test_a_configuration_met_late_is_one_sentence(self, start: Start) -> None:
        process = start("events", WEBOX_NAMES='["broken"]')
        assert_one_sentence(process, "WEBOX_NAMES names a broken one: take it out.")


class TestMigrate:
    def test_ends_when_done(self, start: Start, empty_database_url: str) -> None:
        process = start("migrate", WEBOX_DATABASE_URL=empty_database_url)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0, log
        assert '"revision": "0002"' in log

    def test_a_missing_variable_is_one_sentence(self, start: Start) -> None:
        process = start("migrate", WEBOX_REDIS_URL="")
        assert_one_sentence(process, "WEBOX_REDIS_URL is not set.")


def wait_until_serving(client: httpx.Client, process: "subprocess.Popen[str]") -> None:
    for _ in range(500):
        assert process.poll() is None, process.communicate()[1]
        try:
            client.get("/healthz")
        except httpx.ConnectError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("it does not serve")


def assert_one_sentence(process: "subprocess.Popen[str]", sentence: str) -> None:
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 1
    assert sentence in complaint
    assert complaint.startswith("Error: ")
    assert complaint.count("\n") == 1
