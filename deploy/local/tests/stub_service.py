"""Stands in for a service's command: it starts in no time and needs no database."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn


def serve() -> None:
    import http.server  # noqa: PLC0415 - most of the many stubs do without

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # As the real gateway, which is ready when the services behind it are.
            self.send_response(503 if os.environ.get("STUB_COMPLAINT") else 200)
            self.end_headers()
            self.wfile.write(b'{"status": "degraded"}' if is_poisoned() else b"{}")

        def log_message(self, *_: object) -> None: ...

    address = (os.environ["WEBOX_HOST"], int(os.environ["WEBOX_PORT"]))
    http.server.ThreadingHTTPServer(address, Ready).serve_forever()


def leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


def keep_environment(service: str, process: str) -> None:
    """Lets the test see what this program was started with."""
    seen = Path(os.environ["STUB_FOLDER"]) / f"{service}-{process}.json"
    seen.write_text(json.dumps({"argv": sys.argv, "environment": dict(os.environ)}))


def make_admin(arguments: list[str]) -> None:
    keep_environment("gateway", "admin")
    made = Path(os.environ["STUB_FOLDER"]) / "admin"
    if made.exists() and "--if-none" in arguments:
        sys.exit(3)
    made.touch()
    sys.stderr.write(json.dumps({"level": "info", "event": "a line of the log"}) + "\n")
    email = arguments[arguments.index("--email") + 1]
    answer = {"email": email, "password": f"pw-{os.urandom(4).hex()}"}
    sys.stdout.write(json.dumps(answer) + "\n")


def prepare_database(service: str) -> None:
    """As long as the test wants it to take."""
    keep_environment(service, "after-restore")
    while (Path(os.environ["STUB_FOLDER"]) / "hold").exists():
        time.sleep(0.02)


def is_poisoned() -> bool:
    """Whether there is a document that the exporter does not start with."""
    return Path(os.environ["STUB_FOLDER"], "home", "exports", "1", "poison").exists()


def complaint_of(service: str) -> str:
    if service == "exporter" and is_poisoned():
        return "exporter-api does not like poison."
    return os.environ.get("STUB_COMPLAINT", "")


def run(service: str, process: str) -> None:
    signal.signal(signal.SIGTERM, leave)
    complaint = complaint_of(service)
    if complaint.startswith(f"{service}-{process} "):
        sys.exit(f"Error: {complaint}")
    keep_environment(service, process)
    sys.stdout.write(f"{service} {process} has started\n")
    sys.stdout.flush()
    if process == "api":
        serve()
    while True:
        signal.pause()


if __name__ == "__main__":
    name = Path(sys.argv[0]).name.removeprefix("webox-")
    if sys.argv[1:3] == ["admin", "create"]:
        make_admin(sys.argv[3:])
    elif sys.argv[1] == "after-restore":
        prepare_database(name)
    elif sys.argv[1] == "scripts":
        sys.stdout.write("Latin, Thai\n")
        sys.exit(os.environ.get("STUB_COMPLAINT"))
    elif sys.argv[1] in {"caught-up", "rebuild"}:
        keep_environment(name, sys.argv[1])
    elif sys.argv[1] in {"dead-letters", "verify"}:
        keep_environment(name, sys.argv[1])
        sys.exit(int(name == "search" and sys.argv[1] == "verify"))
    else:
        run(name, sys.argv[1])
