"""The walls of the design: listed for every member, seen to hold, and seen to break the lint."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
DOORS = ("consumers", "endpoints", "service", "tasks")


def members() -> list[Path]:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    found = (path for pattern in workspace["members"] for path in ROOT.glob(pattern))
    return sorted(path for path in found if (path / "pyproject.toml").exists())


def package_of(member: Path) -> str:
    [package] = (member / "src").glob("webox_*")
    return package.name


PACKAGES = {package_of(member): member / "src" / package_of(member) for member in members()}
SERVICES = [package_of(member) for member in members() if member.parent.name == "services"]
LIBRARIES = ("webox_kit", "webox_contracts")
BESIDE = ("webox_double", "webox_local")


@pytest.fixture(scope="module")
def linter() -> configparser.ConfigParser:
    """The contracts, as the linter reads them."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read(ROOT / ".importlinter")
    return parser


class TestLists:
    """A new member must be put into the contracts; a new service into each that is about them."""

    def test_every_member_is_linted(self, linter: configparser.ConfigParser) -> None:
        assert set(linter["importlinter"]["root_packages"].split()) == PACKAGES.keys()

    def test_every_member_has_its_side(self) -> None:
        assert PACKAGES.keys() == {*SERVICES, *LIBRARIES, *BESIDE}

    @pytest.mark.parametrize(
        ("contract", "key", "pattern"),
        [
            ("services-apart", "modules", r"^{}$"),
            ("one-way", "layers", r"\b{}\b"),
            ("double-and-local-outside", "forbidden_modules", r"^{}$"),
            ("production-alone", "source_modules", r"^{}$"),
        ],
    )
    def test_every_service_is_in_every_contract(
        self, linter: configparser.ConfigParser, contract: str, key: str, pattern: str
    ) -> None:
        listed = linter[f"importlinter:contract:{contract}"][key]
        for service in SERVICES:
            assert re.search(pattern.format(service), listed, re.MULTILINE), service

    def test_nothing_is_excused(self, linter: configparser.ConfigParser) -> None:
        assert not [name for name in linter.sections() if "ignore_imports" in linter[name]]


class Crossing(NamedTuple):
    """`package/file` imports what it must not, which `contract` forbids."""

    contract: str
    file: str
    imported: str

    @property
    def edge(self) -> str:
        module = self.file.removesuffix(".py").replace("/", ".")
        return f"{module} -> {self.imported}"


def door_files() -> Iterator[str]:
    for service in SERVICES:
        source = PACKAGES[service].parent
        for door in DOORS:
            yield from (str(path.relative_to(source)) for path in source.rglob(f"{door}.py"))


def crossings() -> Iterator[Crossing]:
    for service, other in zip(SERVICES, SERVICES[1:] + SERVICES[:1], strict=True):
        yield Crossing("Services never import each other", f"{service}/crossing.py", other)
    one_way = "Services build on kit, kit on contracts, and never back"
    yield Crossing(one_way, "webox_kit/crossing.py", SERVICES[0])
    yield Crossing(one_way, "webox_contracts/crossing.py", "webox_kit")
    yield Crossing(one_way, "webox_contracts/crossing.py", SERVICES[0])
    plain = "Contracts know neither the web, the database nor the queue"
    for library in ("celery", "fastapi", "redis", "sqlalchemy"):
        yield Crossing(plain, "webox_contracts/crossing.py", library)
    for file in door_files():
        yield Crossing("Doors and services know no SQL", file, "sqlalchemy")
        if file.endswith("service.py"):
            for library in ("celery", "fastapi"):
                yield Crossing("What decides knows neither HTTP nor Celery", file, library)
    for beside in BESIDE:
        for service in SERVICES:
            outside = "The provider double and the local run know no service"
            yield Crossing(outside, f"{beside}/crossing_{service}.py", service)
        for package in (*SERVICES, *LIBRARIES):
            alone = "Services need neither the provider double nor the local run"
            yield Crossing(alone, f"{package}/crossing_{beside}.py", beside)


class Report:
    """What lint-imports said of the tree in `folder`."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(ROOT / ".importlinter", folder)
        run = subprocess.run(
            [LINT, "--no-cache"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.failed = run.returncode != 0
        self.text = run.stdout + run.stderr
        self.broken = set(re.findall(r"^(.+) BROKEN$", self.text, re.MULTILINE))

    def section(self, contract: str) -> str:
        """Which imports broke the contract."""
        _, _, details = self.text.partition("Broken contracts")
        _, _, section = details.partition(f"\n{contract}\n---")
        return re.split(r"\n.+\n-----", section)[0]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A copy of all packages with every crossing in it."""
    folder = tmp_path_factory.mktemp("crossed")
    for name, source in PACKAGES.items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for crossing in crossings():
        with (folder / crossing.file).open("a") as file:
            file.write(f"\nimport {crossing.imported}\n")
    return Report(folder)


class TestCrossing:
    def test_none_is_crossed(self, tmp_path: Path) -> None:
        for name, source in PACKAGES.items():
            (tmp_path / name).symlink_to(source)
        report = Report(tmp_path)
        assert not report.failed, report.text

    def test_breaks_the_lint(self, crossed: Report) -> None:
        assert crossed.failed
        assert crossed.broken == {crossing.contract for crossing in crossings()}

    @pytest.mark.parametrize("crossing", list(crossings()), ids=lambda each: each.edge)
    def test_each_is_named(self, crossed: Report, crossing: Crossing) -> None:
        assert f"{crossing.edge} (l." in crossed.section(crossing.contract)


def calls_to_commit(source: str) -> list[str]:
    """What `source` calls `commit` on, by name."""
    return [
        ast.unparse(node.func.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
    ]


def knows_the_database(source: str) -> bool:
    return (
        re.search(r"^\s*(from|import) (sqlalchemy|psycopg|webox_kit)\b", source, re.MULTILINE)
        is not None
    )


class TestCommits:
    """They happen in kit only, so that an event can never be forgotten beside its change.

    The search index has commits of its own kind, behind an interface that knows no database.
    """

    INDEX = PACKAGES["webox_search"] / "index"

    @pytest.mark.parametrize("package", sorted({*PACKAGES} - {"webox_kit", "webox_local"}))
    def test_nobody_else_commits(self, package: str) -> None:
        found = {
            str(path.relative_to(ROOT)): receivers
            for path in PACKAGES[package].rglob("*.py")
            if not path.is_relative_to(self.INDEX)
            and (receivers := set(calls_to_commit(path.read_text())) - {"self._index"})
        }
        assert found == {}

    def test_the_index_knows_no_database(self) -> None:
        committing = [
            path for path in self.INDEX.rglob("*.py") if calls_to_commit(path.read_text())
        ]
        assert committing
        assert not [path.name for path in committing if knows_the_database(path.read_text())]

    def test_would_be_found(self) -> None:
        assert calls_to_commit("async def f(s):\n    await s.commit()\n") == ["s"]
        assert calls_to_commit("commit(1)\nx = s.commit\n") == []
        assert knows_the_database("from sqlalchemy import text")
        assert not knows_the_database("import tantivy")


class Migration(NamedTuple):
    file: str
    revision: str
    down_revision: str | None


def migrations_of(service: str) -> list[Migration]:
    found = []
    for path in sorted((PACKAGES[service] / "migrations").glob("*.py")):
        values = {
            target.id: node.value.value
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        found.append(Migration(path.name, values["revision"], values["down_revision"]))
    return found


class TestMigrations:
    @pytest.mark.parametrize("service", SERVICES)
    def test_stand_in_one_line(self, service: str) -> None:
        migrations = migrations_of(service)
        assert migrations, "a service has at least its tables"
        numbers = [f"{number:04}" for number in range(1, len(migrations) + 1)]
        assert [each.revision for each in migrations] == numbers
        assert [each.down_revision for each in migrations] == [None, *numbers[:-1]]
        for each in migrations:
            assert re.fullmatch(rf"{each.revision}_[a-z0-9_]+\.py", each.file)
