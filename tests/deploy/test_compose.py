"""docker-compose.yml: a valid file, of all that the local run starts, each with what it needs."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from webox_kit.settings import ServiceSettings
from webox_local.programs import SERVICES

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    f"{service}-{process}": (service, process)
    for service, processes in SERVICES.items()
    for process in processes
}
NOT_SET = "is not set, run deploy/docker/init.sh first"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<mark>[-?])(?P<word>[^}]*))?\}")


class NotSetError(Exception):
    """As `docker compose` says it."""


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """https://docs.docker.com/reference/compose-file/interpolation/, in every text below."""

    def replace(found: "re.Match[str]") -> str:
        name, mark, word = found["name"], found["mark"], found["word"]
        if given := variables.get(name):
            return given
        if mark == "-":
            return word
        raise NotSetError(f"required variable {name} is missing a value: {word}")

    if isinstance(value, dict):
        return {name: interpolated(item, variables) for name, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, variables) for item in value]
    return VARIABLE.sub(replace, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What init.sh writes."""
    root = tmp_path_factory.mktemp("checkout")
    run_init(root)
    return variables_in(root / ".env")


def run_init(root: Path) -> None:
    script = root / "deploy" / "docker" / "init.sh"
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "deploy" / "docker" / "init.sh", script)
    subprocess.run([script], check=True, capture_output=True)


def variables_in(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


TEXT = (ROOT / "docker-compose.yml").read_text()
VARIABLES = sorted({found["name"] for found in VARIABLE.finditer(TEXT)})
ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - inside a container


@pytest.fixture(scope="module")
def document(secrets: dict[str, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = interpolated(yaml.safe_load(TEXT), secrets)
    return loaded


@pytest.fixture(scope="module")
def services(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(document["services"])


class TestFile:
    def test_fits_the_specification(self, document: dict[str, Any]) -> None:
        schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
        jsonschema.Draft7Validator(schema).validate(document)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda services: services["redis"].update(comand=["x"]),
            lambda services: services["redis"].update(healthcheck={"test": 5}),
            lambda services: services["chat-api"]["depends_on"].update(redis={"condition": "up"}),
        ],
        ids=["unknown key", "wrong type", "unknown condition"],
    )
    def test_a_damaged_one_does_not(self, secrets: dict[str, str], damage: Any) -> None:
        damaged = interpolated(yaml.safe_load(TEXT), secrets)
        damage(damaged["services"])
        schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(schema).validate(damaged)

    def test_what_it_refers_to_is_there(self, document: dict[str, Any]) -> None:
        for name, service in document["services"].items():
            assert set(service.get("networks", [])) <= document["networks"].keys(), name
            assert set(service.get("secrets", [])) <= document["secrets"].keys(), name
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                there = (ROOT / source).exists() if "/" in source else source in document["volumes"]
                assert there, f"{name}: {volume}"
            for needed, how in service.get("depends_on", {}).items():
                other = document["services"][needed]
                if how["condition"] == "service_healthy":
                    assert "healthcheck" in other, f"{name} waits for {needed}"

    def test_images_are_pinned(self, services: dict[str, dict[str, Any]]) -> None:
        for name, service in services.items():
            assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?", service["image"]), name


class TestPasswords:
    @pytest.mark.parametrize(
        "missing", sorted({found["name"] for found in VARIABLE.finditer(TEXT)})
    )
    def test_are_asked_for_with_one_sentence(self, secrets: dict[str, str], missing: str) -> None:
        without = {name: value for name, value in secrets.items() if name != missing}
        if missing not in secrets:  # it can be left out
            interpolated(yaml.safe_load(TEXT), without)
            return
        with pytest.raises(NotSetError, match=f"{missing} is missing a value: {NOT_SET}"):
            interpolated(yaml.safe_load(TEXT), without)

    def test_none_has_a_default(self) -> None:
        for found in VARIABLE.finditer(TEXT):
            if re.search("PASSWORD|MASTER_KEY", found["name"]):
                assert (found["mark"], found["word"]) == ("?", NOT_SET), found["name"]
            elif found["name"].endswith("_KEY"):
                assert (found["mark"], found["word"]) == ("-", ""), found["name"]
        for line in TEXT.splitlines():
            assert not re.search(r"://[^$\s:]*:[^$\s/]+@", line), line

    def test_are_made_once_for_this_user_only(self, tmp_path: Path) -> None:
        run_init(tmp_path)
        file = tmp_path / ".env"
        made = variables_in(file)
        assert file.stat().st_mode & 0o777 == 0o600
        assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in made.values())
        assert len(set(made.values())) == len(made) == 8
        file.write_text("OPENAI_API_KEY=mine\n" + file.read_text().replace("REDIS_PASSWORD=", "X="))
        run_init(tmp_path)
        again = variables_in(file)
        assert again["REDIS_PASSWORD"] != made.pop("REDIS_PASSWORD")
        assert made.items() <= again.items()
        assert again["OPENAI_API_KEY"] == "mine"

    def test_are_not_committed(self) -> None:
        assert ".env" in (ROOT / ".gitignore").read_text().split()


def settings_of(service: str) -> type[ServiceSettings]:
    settings: type[ServiceSettings] = getattr(
        import_module(f"webox_{service}.settings"), f"{service.capitalize()}Settings"
    )
    return settings


class TestPrograms:
    def test_are_those_of_the_local_run_without_the_demo(
        self, services: dict[str, dict[str, Any]]
    ) -> None:
        assert services.keys() == {*PROGRAMS, "keys", "postgres", "redis", "meilisearch"}
        for name, (service, process) in PROGRAMS.items():
            assert services[name]["command"] == [f"webox-{service}", process]
            assert services[name]["build"]["args"] == {"SERVICE": service}
            assert services[name]["image"].startswith(f"webox/{service}:")
        chats = [services[name] for name, (service, _) in PROGRAMS.items() if service == "chat"]
        assert all(each["environment"]["WEBOX_DEMO"] == "0" for each in chats)

    @pytest.mark.parametrize("name", PROGRAMS)
    def test_find_the_settings_they_need(
        self,
        services: dict[str, dict[str, Any]],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        name: str,
    ) -> None:
        for variable in [each for each in os.environ if each.startswith("WEBOX_")]:
            monkeypatch.delenv(variable)
        mounted = mounts(services[name])
        for variable, value in services[name]["environment"].items():
            if variable.endswith("_FILE"):
                assert Path(value).parent in mounted, f"{variable} is not in a volume"
                (tmp_path / variable).touch()
                monkeypatch.setenv(variable, str(tmp_path / variable))
            else:
                monkeypatch.setenv(variable, value)
        settings = settings_of(PROGRAMS[name][0])
        loaded = settings.load()
        assert (loaded.host, loaded.port) == (ALL_INTERFACES, 8000)
        known = {f"WEBOX_{field.upper()}" for field in settings.model_fields}
        given = {each for each in services[name]["environment"] if each.startswith("WEBOX_")}
        assert given <= known, "nobody reads it"

    def test_reach_each_other_by_name(self, services: dict[str, dict[str, Any]]) -> None:
        for name in PROGRAMS:
            environment = services[name]["environment"]
            for service in SERVICES:
                assert environment[f"WEBOX_{service.upper()}_URL"] == f"http://{service}-api:8000"
            for variable in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
                [host] = re.findall(r"@(\w+):\d+/", environment[f"WEBOX_{variable}"])
                assert host in services

    def test_each_service_has_a_database_and_a_password_of_its_own(
        self, services: dict[str, dict[str, Any]], secrets: dict[str, str]
    ) -> None:
        for name, (service, _) in PROGRAMS.items():
            password = secrets[f"{service.upper()}_DATABASE_PASSWORD"]
            expected = (
                f"postgresql+psycopg://webox_{service}:{password}@postgres:5432/webox_{service}"
            )
            assert services[name]["environment"]["WEBOX_DATABASE_URL"] == expected

    def test_chat_gets_the_keys_of_every_shipped_provider(
        self, services: dict[str, dict[str, Any]]
    ) -> None:
        [registry] = (ROOT / "services/chat/src/webox_chat/providers").glob("*.toml")
        entries = list(walk(tomllib.loads(registry.read_text())))
        names = {value for key, value in entries if key in {"api_key_env", "base_url_env"}}
        assert names
        for name, (service, _) in PROGRAMS.items():
            given = {each for each in services[name]["environment"] if not each.startswith("WEBOX")}
            assert given == (names if service == "chat" else set()), name


class TestConfinement:
    def test_only_the_gateway_is_published(self, services: dict[str, dict[str, Any]]) -> None:
        published = {name: each["ports"] for name, each in services.items() if "ports" in each}
        assert published == {"gateway-api": ["127.0.0.1:8000:8000"]}

    def test_only_the_gateway_has_the_private_key(
        self, services: dict[str, dict[str, Any]]
    ) -> None:
        holders = {
            name
            for name, each in services.items()
            if any(volume.startswith("private-keys:") for volume in each.get("volumes", []))
        }
        assert holders == {"keys", "gateway-api", "gateway-events"}

    def test_only_gateway_and_chat_reach_out(self, services: dict[str, dict[str, Any]]) -> None:
        outside = {name for name, each in services.items() if "outside" in each.get("networks", [])}
        assert outside == {"gateway-api", "chat-api", "chat-events", "chat-worker"}

    @pytest.mark.parametrize("name", [*PROGRAMS, "keys"])
    def test_programs_can_do_little(self, services: dict[str, dict[str, Any]], name: str) -> None:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]

    def test_everything_has_a_memory_limit(self, services: dict[str, dict[str, Any]]) -> None:
        for name, service in services.items():
            assert service["deploy"]["resources"]["limits"]["memory"], name

    def test_everything_that_listens_is_watched(self, services: dict[str, dict[str, Any]]) -> None:
        listening = [name for name in services if name.endswith("-api")]
        for name in (*listening, "postgres", "redis", "meilisearch"):
            assert services[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
            assert services[name]["restart"] == "unless-stopped"
        for name in listening:
            *python, script = services[name]["healthcheck"]["test"]
            assert python == ["CMD", "python", "-c"]
            compile(script, name, "exec")


def mounts(service: dict[str, Any]) -> set[Path]:
    volumes = {Path(volume.split(":")[1]) for volume in service["volumes"]}
    return volumes | ({Path("/run/secrets")} if "secrets" in service else set())


def walk(value: Any) -> Any:
    """Every key and plain value below."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield from walk(item)
            else:
                yield key, item
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
