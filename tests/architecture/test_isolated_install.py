"""Each service, installed alone, has all it needs: it needs nothing it does not declare."""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))

IMPORT_ALL = """
import importlib, importlib.metadata, importlib.util, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith(".testing"):  # a plugin of pytest, for development
        importlib.import_module(name)
there = [name for name in sys.argv[2:] if importlib.util.find_spec(name)]
versions = {each.name: each.version for each in importlib.metadata.distributions()}
report = {"folder": package.__path__[0], "modules": names, "there": there, "versions": versions}
print(json.dumps(report))
"""


class Installed(NamedTuple):
    folder: Path
    modules: list[str]
    there: list[str]
    versions: dict[str, str]
    help: str


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    assert found, "uv is missing: make .venv/ready"
    return found


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def install_alone(service: str, folder: Path) -> Installed:
    """A fresh environment with the service and its libraries, by their own declarations."""
    own = [f"webox-{name}" for name in ("contracts", "kit", service)]
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    run(
        *(uv(), "pip", "install", "--quiet", "--python", python, "-c", "requirements.lock"),
        *(f"--reinstall-package={name}" for name in own),  # as it is now, not as cached
        *("./libs/contracts", "./libs/kit", f"./services/{service}"),
    )
    others = [f"webox_{name}" for name in (*SERVICES, "double", "local") if name != service]
    report = json.loads(run(python, "-Ic", IMPORT_ALL, f"webox_{service}", "pytest", *others))
    usage = run(folder / "bin" / f"webox-{service}", "--help")
    return Installed(**{**report, "folder": Path(report["folder"])}, help=usage)


@pytest.fixture(scope="module")
def installs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Installed]]:
    folder = tmp_path_factory.mktemp("installs")
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return {
            service: pool.submit(install_alone, service, folder / service) for service in SERVICES
        }


@pytest.mark.parametrize("service", SERVICES)
class TestInstalledAlone:
    def test_every_module_imports(
        self, installs: dict[str, Future[Installed]], service: str
    ) -> None:
        installed = installs[service].result()
        assert f"webox_{service}.cli" in installed.modules

    def test_the_command_runs(self, installs: dict[str, Future[Installed]], service: str) -> None:
        usage = installs[service].result().help
        assert usage.startswith(f"Usage: webox-{service} ")
        for command in ("api", "events", "migrate"):
            assert f"\n  {command} " in usage

    def test_brings_all_its_files(
        self, installs: dict[str, Future[Installed]], service: str
    ) -> None:
        source = ROOT / "services" / service / "src" / f"webox_{service}"
        assert files(source) <= files(installs[service].result().folder)

    def test_nothing_else_stood_in(
        self, installs: dict[str, Future[Installed]], service: str
    ) -> None:
        assert installs[service].result().there == []

    def test_versions_are_the_locked_ones(
        self, installs: dict[str, Future[Installed]], service: str
    ) -> None:
        lock = (ROOT / "requirements.lock").read_text()
        locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", lock, re.MULTILINE))
        for name, version in installs[service].result().versions.items():
            normal = re.sub(r"[-_.]+", "-", name).lower()
            if not normal.startswith("webox-"):
                assert locked.get(normal) == version, name


def files(folder: Path) -> set[str]:
    """Below `folder`, without what Python compiled."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
