"""What the images are made from, and the databases made on the first start."""

import os
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from webox_local.postgres import binary
from webox_local.programs import SERVICES
from webox_local.servers import Servers

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def copied(service: str) -> list[str]:
    """What COPY takes from the checkout, for an image of `service`."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [path.replace("${SERVICE}", service) for line in lines for path in line.split()]


def sent(path: str) -> bool:
    """Whether .dockerignore lets `path` into the build: of the rules that fit, the last decides."""
    let_in = True
    for rule in (DOCKER / "Dockerfile.dockerignore").read_text().split():
        pattern = rule.removeprefix("!")
        if fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
            let_in = rule.startswith("!")
    return let_in


class TestDockerfile:
    @pytest.mark.parametrize("service", SERVICES)
    def test_what_it_copies_is_there_and_sent(self, service: str) -> None:
        assert f"services/{service}" in copied(service)
        for path in copied(service):
            assert (ROOT / path).exists()
            assert sent(path), f"{path} is left out by .dockerignore"

    def test_nothing_private_is_sent(self) -> None:
        for path in (".env", ".git/config", ".venv/bin/python", ".webox/keys/identity-private.pem"):
            assert not sent(path), path

    def test_only_the_service_and_its_libraries_are_installed(self) -> None:
        assert copied("chat") == [
            "requirements.lock",
            "libs/contracts",
            "libs/kit",
            "services/chat",
        ]

    def test_tools_come_from_the_lock_by_hash(self) -> None:
        [program] = re.findall(r"awk '(.+)' requirements\.lock", DOCKERFILE)
        tools = subprocess.run(
            ["awk", program, ROOT / "requirements.lock"], capture_output=True, text=True, check=True
        ).stdout
        assert re.findall(r"^(\S+)==", tools, re.MULTILINE) == ["uv", "uv-build"]
        assert tools.count("--hash=sha256:") >= 2
        assert "--require-hashes" in DOCKERFILE
        assert "--constraints requirements.lock" in DOCKERFILE

    def test_runs_as_nobody_special(self) -> None:
        _, _, runtime = DOCKERFILE.rpartition("\nFROM ")
        assert re.findall(r"^USER (.+)$", runtime, re.MULTILINE) == ["webox"]
        assert "--uid 10001" in runtime


@pytest.fixture
def made_databases(servers: Servers) -> Iterator[dict[str, str]]:
    """The script has run on a real PostgreSQL; the passwords of its roles, by service."""
    passwords = {service: f"pass'word-{service}\\" for service in SERVICES}
    with servers.postgres.connect() as admin:
        admin.autocommit = True
        run_script(admin, passwords)
        yield passwords
        for service in SERVICES:
            name = sql.Identifier(f"webox_{service}")
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


def run_script(admin: psycopg.Connection, passwords: dict[str, str]) -> None:
    binaries = binary("psql").parent
    environment = {f"{name.upper()}_DATABASE_PASSWORD": word for name, word in passwords.items()}
    done = subprocess.run(
        [DOCKER / "postgres" / "create-databases.sh"],
        env={
            **environment,
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "POSTGRES_USER": admin.info.user,
            "PGHOST": admin.info.host,
            "PGPASSWORD": admin.info.password,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class TestDatabases:
    def test_each_service_has_its_own_and_no_other(
        self, servers: Servers, made_databases: dict[str, str]
    ) -> None:
        with servers.postgres.connect() as admin:
            host = admin.info.host
        for service, password in made_databases.items():
            for other in SERVICES:
                login = {"host": host, "user": f"webox_{service}", "password": password}
                if other == service:
                    with psycopg.connect(dbname=f"webox_{other}", **login) as connection:
                        connection.execute("CREATE TABLE mine (id int)")
                else:
                    with pytest.raises(psycopg.OperationalError, match="permission denied"):
                        psycopg.connect(dbname=f"webox_{other}", **login)
