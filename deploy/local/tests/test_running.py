"""Looking at a Webox that runs, and reaching into it. The services are stubs."""

import json
from typing import Any

import psutil

Webox = Any  # conftest's, which importlib mode does not let tests import

PROGRAMS = {
    "postgres",
    "redis",
    "gateway-api",
    "gateway-events",
    "chat-api",
    "chat-events",
    "chat-worker",
    "search-api",
    "search-events",
    "exporter-api",
    "exporter-events",
    "exporter-worker",
    "dashboard-api",
    "dashboard-events",
    "provider-double",
}


class TestStatus:
    def test_table(self, running_webox: Webox) -> None:
        result = running_webox.run("status")
        assert result.returncode == 0
        rows = [line.split() for line in result.stdout.splitlines()]
        assert rows[0] == ["PROGRAM", "STATE", "PID", "UP", "MEMORY"]
        assert {row[0] for row in rows[1:-2]} == PROGRAMS
        assert result.stdout.splitlines()[-1].startswith("Webox at http://localhost:")

    def test_json(self, running_webox: Webox) -> None:
        answer = json.loads(running_webox.run("status", "--json").stdout)
        assert answer["all_up"] is True
        assert {each["program"] for each in answer["programs"]} == PROGRAMS
        for each in answer["programs"]:
            assert psutil.pid_exists(each["pid"])
            assert each["memory_bytes"] > 1_000_000

    def test_nothing_runs(self, webox: Webox) -> None:
        result = webox.run("status")
        assert (result.returncode, result.stdout) == (3, "Webox is not running.\n")
        result = webox.run("status", "--json")
        assert (result.returncode, json.loads(result.stdout)["programs"]) == (3, [])


class TestSecondUp:
    def test_is_one_sentence_and_does_no_harm(self, running_webox: Webox) -> None:
        result = running_webox.run("up")
        assert result.returncode == 1
        assert result.stderr.startswith("Error: Webox runs already at http://localhost:")
        assert result.stderr.count("\n") == 1
        assert running_webox.run("status").returncode == 0


class TestEnvironment:
    def test_each_service_gets_what_it_needs_and_no_more(self, running_webox: Webox) -> None:
        seen = {name: running_webox.started_with(name)["environment"] for name in SERVICES}
        for name, environment in seen.items():
            service = name.partition("-")[0]
            assert f"/webox_{service}?host=" in environment["WEBOX_DATABASE_URL"]
            assert environment["MALLOC_ARENA_MAX"] == "2"
            assert ("WEBOX_IDENTITY_PRIVATE_KEY_FILE" in environment) == (service == "gateway")
            assert environment["WEBOX_CHAT_URL"] == seen["gateway-api"]["WEBOX_CHAT_URL"]
        assert len({environment["WEBOX_DATABASE_URL"] for environment in seen.values()}) == 5
        assert seen["chat-worker"]["WEBOX_DEMO_URL"].startswith("http://127.0.0.1:")

    def test_no_secret_is_in_an_argument_list(self, running_webox: Webox) -> None:
        folder = running_webox.folder
        secrets = [path.read_text().strip() for path in folder.rglob("*password")]
        secrets.append((folder / "keys" / "service-secret").read_text().strip())
        assert len(secrets) > 7
        arguments = " ".join(" ".join(each.cmdline()) for each in running_webox.processes())
        assert not [secret for secret in secrets if secret in arguments]

    def test_nothing_is_readable_by_others(self, running_webox: Webox) -> None:
        assert running_webox.folder.stat().st_mode & 0o777 == 0o700
        for path in running_webox.folder.rglob("*"):
            if path.is_file() and path.suffix in {".password", ".pem", ".conf", ".log", ".json"}:
                assert path.stat().st_mode & 0o077 == 0, path


SERVICES = PROGRAMS - {"postgres", "redis", "provider-double"}


class TestLogs:
    def test_of_a_service(self, running_webox: Webox) -> None:
        lines = running_webox.run("logs", "chat").stdout.splitlines()
        assert sorted(lines) == [
            "chat-api    | chat api has started",
            "chat-events | chat events has started",
            "chat-worker | chat worker has started",
        ]

    def test_of_one_program(self, running_webox: Webox) -> None:
        result = running_webox.run("logs", "chat-api", "-n", "1")
        assert result.stdout == "chat-api | chat api has started\n"

    def test_of_everything(self, running_webox: Webox) -> None:
        assert "ready to accept connections" in running_webox.run("logs").stdout

    def test_of_nobody(self, running_webox: Webox) -> None:
        result = running_webox.run("logs", "chatt")
        assert result.returncode == 1
        assert "There is no log of chatt; there are: chat-api, " in result.stderr


class TestOperatorCommands:
    def test_admin_create_is_the_gateways_own(self, running_webox: Webox) -> None:
        result = running_webox.run("admin", "create", "--email", "me@example.com")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["email"] == "me@example.com"
        seen = running_webox.started_with("gateway-admin")
        assert seen["argv"][1:] == ["admin", "create", "--email", "me@example.com"]
        assert "/webox_gateway?host=" in seen["environment"]["WEBOX_DATABASE_URL"]

    def test_needs_a_running_webox(self, webox: Webox) -> None:
        result = webox.run("admin", "create", "--email", "me@example.com")
        assert result.returncode == 1
        assert result.stderr == (
            "Error: Webox is not running here: start it first, with `make up`.\n"
        )

    def test_rebuild_asks_which(self, running_webox: Webox) -> None:
        result = running_webox.run("rebuild", "everything")
        assert result.returncode == 2
        assert "webox rebuild needs one of: " in result.stderr

    def test_dead_letters_are_those_of_every_service_that_consumes(
        self, running_webox: Webox
    ) -> None:
        result = running_webox.run("dead-letters", "list", "--json")
        assert result.returncode == 0, result.stderr
        for service in ("chat", "search", "exporter", "dashboard"):
            seen = running_webox.started_with(f"{service}-dead-letters")
            assert seen["argv"][1:] == ["dead-letters", "list", "--json"]
            assert f"/webox_{service}?host=" in seen["environment"]["WEBOX_DATABASE_URL"]

    def test_an_id_needs_its_service(self, running_webox: Webox) -> None:
        result = running_webox.run("dead-letters", "retry", "7")
        assert result.returncode == 2
        assert "say whose with --service" in result.stderr
        result = running_webox.run("dead-letters", "retry", "7", "--service", "search")
        assert result.returncode == 0, result.stderr
        seen = running_webox.started_with("search-dead-letters")
        assert seen["argv"][1:] == ["dead-letters", "retry", "7"]

    def test_verify_asks_every_service_and_fails_if_one_does(self, running_webox: Webox) -> None:
        result = running_webox.run("verify", "--json")
        assert result.returncode == 1, "the stub of search found something"
        for service in ("search", "dashboard", "exporter"):
            seen = running_webox.started_with(f"{service}-verify")
            assert seen["argv"][1:] == ["verify", "--json"]
        assert running_webox.run("verify", "exports").returncode == 0
        assert running_webox.started_with("exporter-verify")["argv"][1:] == ["verify"]
        assert running_webox.run("verify", "everything").returncode == 2


class TestDoctor:
    def test_all_is_well(self, running_webox: Webox) -> None:
        result = running_webox.run("doctor")
        assert result.returncode == 0, result.stdout
        assert all(line.startswith("ok  ") for line in result.stdout.splitlines())
        assert "Webox runs at http://localhost:" in result.stdout
        assert "PDFs print Latin, Thai\n" in result.stdout

    def test_says_what_is_not(self, webox: Webox) -> None:
        webox.environment |= {"WEBOX_DEMO": "maybe", "WEBOX_REDIS_SERVER": "/bin/true"}
        webox.environment["STUB_COMPLAINT"] = "No font here has all of: Thai."
        result = webox.run("doctor")
        assert result.returncode == 1
        wrong = [line for line in result.stdout.splitlines() if line.startswith("no  ")]
        assert [line.split()[1] for line in wrong] == ["Redis", "settings", "port", "scripts"]
        assert "No font here has all of: Thai." in wrong[-1]
        assert webox.processes() == []


class TestDown:
    def test_from_another_terminal(self, webox: Webox) -> None:
        started = webox.up()
        started.wait_until_it_answers()
        assert webox.run("down").stdout == "Webox has stopped.\n"
        assert started.process.wait(timeout=5) == 0
        assert webox.processes() == []
        assert webox.run("down").stdout == "Webox is not running.\n"
