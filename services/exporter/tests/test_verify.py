"""`webox-exporter verify`: every job that is done has its file, whole, and nothing else has one."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from webox_exporter.cli import main
from webox_exporter.settings import ExporterSettings
from webox_kit.runtime import Runtime
from webox_kit.testing import Keys, RunCli, RunCommand

from .conftest import Exporter, FakeChat, message

CANARY = "canary"


@pytest.fixture
def verify(run_cli: RunCli, settings: ExporterSettings) -> RunCommand:
    return partial(run_cli, main, settings, "verify", "--pause", "0")


@pytest.fixture
def folder(settings: ExporterSettings) -> Path:
    return Path(settings.files_url.removeprefix("file://"))


async def export(exporter: Exporter, chat: FakeChat, number: int) -> dict[str, Any]:
    chat.add(number, [message(number, CANARY)])
    return await exporter.done({"format": "md", "conversation_ids": [number]})


def file_of(folder: Path, job: dict[str, Any]) -> Path:
    [file] = [each for each in (folder / job["id"]).iterdir() if each.is_file()]
    return file


async def test_whole_files_and_those_under_way_are_no_difference(
    exporter: Exporter, chat: FakeChat, folder: Path, verify: RunCommand
) -> None:
    await export(exporter, chat, 1)
    queued = await exporter.ordered({"format": "md", "conversation_ids": [1]})
    (folder / queued["id"]).mkdir()
    (folder / queued["id"] / "half.part").write_text(CANARY)

    result = await verify()

    assert (result.exit_code, result.stdout) == (0, "exporter: no differences.\n")


async def test_lost_cut_changed_and_forgotten_files_are_listed(
    exporter: Exporter,
    chat: FakeChat,
    folder: Path,
    verify: RunCommand,
    runtime: Runtime[ExporterSettings],
) -> None:
    whole, lost, cut, changed, gone = [await export(exporter, chat, n) for n in range(1, 6)]
    files = {job["id"]: file_of(folder, job) for job in (lost, cut, changed, gone)}
    files[lost["id"]].unlink()
    files[cut["id"]].write_bytes(files[cut["id"]].read_bytes()[:-1])
    files[changed["id"]].write_bytes(files[changed["id"]].read_bytes()[:-1] + b"!")
    async with runtime.database.transaction() as session:
        await session.execute(text("UPDATE export SET status = 'expired' WHERE id = :id"), gone)
    (folder / "strange.pdf").write_text(CANARY)

    result = await verify("--json")

    assert result.exit_code == 1
    found = {each["id"]: each for each in map(json.loads, result.stdout.splitlines())}
    keys = {job: str(file.relative_to(folder)) for job, file in files.items()}
    assert found.keys() == {*keys.values(), "strange.pdf"}
    assert found[keys[lost["id"]]]["model"] == "-"
    assert found[keys[cut["id"]]]["model"].startswith(f"{cut['size_bytes'] - 1} bytes ")
    assert found[keys[changed["id"]]]["model"].startswith(f"{changed['size_bytes']} bytes sha256 ")
    for stray in (keys[gone["id"]], "strange.pdf"):
        assert found[stray]["source"] == "-"
        assert "of no job that is done" in found[stray]["model"]
    assert whole["id"] not in result.output
    assert CANARY not in result.output


async def test_other_services_read_what_has_a_file(
    exporter: Exporter, chat: FakeChat, keys: Keys
) -> None:
    jobs = [await export(exporter, chat, number) for number in (1, 2, 3)]
    await exporter.ordered({"format": "md", "conversation_ids": [1]})

    async def page(**query: Any) -> Any:
        headers = keys.service_headers("exporter", "dashboard")
        answer = await exporter.client.get("/internal/exports", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["exports"]

    found = await page(limit=2)
    found += await page(after=found[-1]["id"])
    assert [(each["id"], each["size_bytes"]) for each in found] == [
        (job["id"], job["size_bytes"]) for job in jobs
    ]
    assert {each["user_id"] for each in found} == {1}
    refused: Callable[..., Any] = exporter.client.get
    assert (await refused("/internal/exports")).status_code == 401
    assert (await exporter.get("/internal/exports")).status_code == 401
