import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, select

from webox_contracts.identity import Identity, Scope
from webox_gateway.accounts import passwords as passwords_module
from webox_gateway.accounts.passwords import Passwords
from webox_gateway.cli import main
from webox_gateway.models import account, session
from webox_gateway.settings import GatewaySettings
from webox_kit.errors import ConfigurationError
from webox_kit.event_tables import outbox
from webox_kit.identity import AssertionSigner, AssertionVerifier
from webox_kit.settings import read_secret
from webox_kit.testing import Keys

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

Run = Callable[..., Result]


@pytest.fixture
def run(
    database_url: str, redis_url: str, broker_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> Run:
    for name, value in {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BROKER_URL": broker_url,
        "IDENTITY_PUBLIC_KEY_FILE": keys.public_key_file,
        "IDENTITY_PRIVATE_KEY_FILE": keys.private_key_file,
        "SERVICE_SECRET_FILE": keys.service_secret_file,
    }.items():
        monkeypatch.setenv(f"WEBOX_{name}", str(value))
    return lambda *arguments: CliRunner().invoke(main, arguments)


def rows(database_url: str, table: Any) -> list[Any]:
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(select(table)))
    finally:
        engine.dispose()


class TestAdminCreate:
    def test_the_password_is_printed_once_and_works(self, run: Run, database_url: str) -> None:
        made = run("admin", "create", "--email", "admin@webox.local", "--if-none", "--json")
        assert made.exit_code == 0, made.output
        [line] = made.stdout.splitlines()
        shown = json.loads(line)
        assert shown["email"] == "admin@webox.local"
        assert len(shown["password"]) >= 16
        [row] = rows(database_url, account)
        assert (row.email, row.name, row.role) == ("admin@webox.local", "Admin", "admin")
        assert shown["password"] not in row.password_hash
        assert row.password_hash.startswith("$argon2id$")

    def test_if_none_leaves_what_is_there(self, run: Run, database_url: str) -> None:
        run("admin", "create", "--email", "admin@webox.local")
        second = run("admin", "create", "--email", "b@webox.local", "--if-none", "--json")
        assert second.exit_code == 3
        assert second.stdout == ""
        assert len(rows(database_url, account)) == 1

    def test_mistakes_are_one_sentence(self, run: Run) -> None:
        run("admin", "create", "--email", "admin@webox.local")
        for email in ("admin@webox.local", "nonsense"):
            failed = run("admin", "create", "--email", email)
            assert failed.exit_code == 1
            assert failed.stderr.startswith("Error: ")
            assert "Traceback" not in failed.output

    def test_a_missing_setting_is_one_sentence(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WEBOX_DATABASE_URL")
        failed = run("admin", "create", "--email", "admin@webox.local")
        assert failed.exit_code == 1
        assert failed.stderr == "Error: WEBOX_DATABASE_URL is not set.\n"


def test_deleting_a_user_tells_the_services(run: Run, database_url: str) -> None:
    run("admin", "create", "--email", "admin@webox.local")
    [row] = rows(database_url, account)
    assert run("user", "delete", "Admin@webox.local").exit_code == 0
    assert rows(database_url, account) == []
    assert rows(database_url, session) == []
    events = [orjson.loads(each.event) for each in rows(database_url, outbox)]
    assert [event["type"] for event in events] == [
        "gateway.user_registered",
        "gateway.user_deleted",
    ]
    assert events[1]["data"]["user_id"] == row.id
    assert events[1]["data"]["version"] > events[0]["data"]["version"]
    assert run("user", "delete", "admin@webox.local").exit_code == 1


class TestKeys:
    def test_they_fit_each_other(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        assert CliRunner().invoke(main, ["keys", str(folder)]).exit_code == 0
        secret = read_secret(folder / "service-secret")
        signer = AssertionSigner(folder / "identity-private.pem")
        verifier = AssertionVerifier("chat", folder / "identity-public.pem", secret)
        identity = Identity(user_id=7, role="user", scopes=frozenset({Scope.CHAT}))
        assert verifier.user(signer.sign(identity, "chat")) == identity
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_those_that_are_there_stay(self, tmp_path: Path) -> None:
        CliRunner().invoke(main, ["keys", str(tmp_path)])
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        again = CliRunner().invoke(main, ["keys", str(tmp_path)])
        assert again.stdout == ""
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


async def test_an_unknown_account_costs_as_much_as_a_known_one() -> None:
    passwords = Passwords()
    stored = await passwords.hash("canary-password-1")
    assert await passwords.matches(stored, "canary-password-1")
    assert not await passwords.matches(stored, "canary-password-2")
    assert not await passwords.matches(None, "canary-password-1")
    parameters = stored.rpartition("$")[0].rpartition("$")[0]
    assert passwords_module._UNKNOWN.startswith(parameters)  # noqa: SLF001 - what the test is about
    passwords.close()


def test_settings_name_what_is_wrong(make_settings: Any, keys: Keys) -> None:
    key = {"identity_private_key_file": keys.private_key_file}
    for wrong in ({"public_url": "webox.example"}, {"trusted_proxies": "10.0.0.0/33"}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong)).upper()):
            make_settings(GatewaySettings, **key, **wrong)
    settings = make_settings(GatewaySettings, **key, trusted_proxies="10.0.0.0/8, ::1")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
