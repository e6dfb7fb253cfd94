"""The double as a program of its own."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("webox-provider-double")


def test_says_its_port_serves_and_ends_cleanly(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    with subprocess.Popen(
        [PROGRAM, "--port", "0", "--port-file", port_file], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        said = json.loads(program.stdout.readline())
        assert said["port"] == int(port_file.read_text())
        with urllib.request.urlopen(f"{said['url']}/v1/models") as response:  # noqa: S310 - our own
            assert response.status == 200
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=10) == 0


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with subprocess.Popen([PROGRAM], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        port = str(json.loads(first.stdout.readline())["port"])
        second = subprocess.run(
            [PROGRAM, "--port", port], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        first.terminate()
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_imports_little() -> None:
    code = "import sys, webox_double.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"pydantic", "fastapi", "click", "sqlalchemy", "webox_kit", "webox_chat"}
