"""`webox backup` under load, `webox restore` over what came since and on another machine."""

import asyncio
import hashlib
import itertools
import json
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from webox_stack import Stack, User, eventually, opened, registered, running_stack, signed_in
from webox_stack.programs import webox_command
from webox_stack.user import PASSWORD

from webox_local.servers import Servers

WORD = "tulipe"
FINAL = {"done", "failed", "cancelled"}
NOT_THERE = Path("/proc/no such folder")


class Load:
    """A user who sends without end; `acknowledged` are the messages, oldest first."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.acknowledged: list[int] = []

    async def run(self) -> None:
        for number in itertools.count():
            answer = await self.user.send(f"Question {number}", selected_providers=["GPT-4"])
            self.acknowledged.append(answer["message_id"])

    async def more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count

        async def arrived() -> None:
            assert len(self.acknowledged) >= wanted

        await eventually(arrived)


@dataclass(frozen=True)
class Before:
    """What there was when the backup was made, and what came and went afterwards."""

    file: Path
    email: str
    personal_token: str
    session: str
    conversations: dict[int, Any]
    stats: dict[str, Any]
    export: dict[str, Any]
    document: bytes
    load: Load
    sent_before: int
    """How many messages of the load were acknowledged before the backup was asked for."""

    sent_after: int
    """The index of the first one sent after it was made."""


@pytest.fixture(scope="module")
async def original(
    tmp_path_factory: pytest.TempPathFactory, webox_environment: dict[str, str]
) -> AsyncIterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("original"), webox_environment) as stack:
        yield stack


@pytest.fixture(scope="module")
async def before(original: Stack, tmp_path_factory: pytest.TempPathFactory) -> Before:
    """A Webox in use, backed up while somebody sends; then changed beyond recognition."""
    file = tmp_path_factory.mktemp("backups") / "webox.backup"
    async with AsyncExitStack() as stack:
        user = await stack.enter_async_context(registered(original.url))
        before = await used(user)
        load = Load(await stack.enter_async_context(registered(original.url)))
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(load.run())
            await load.more(5)
            sent_before = len(load.acknowledged)
            # So that the dashboard's database is behind, and its events are in chat's outbox.
            with original.frozen("dashboard-events"):
                await load.more(2)
                made = await webox_command(original.home.folder, "backup", str(file))
            assert made.returncode == 0, made.stderr
            sent_after = len(load.acknowledged) + 1
            await load.more(5)
            sending.cancel()
        assert "5 databases and 1 exported document" in made.stdout
        assert file.stat().st_mode & 0o777 == 0o600
        await changed_beyond_recognition(user, before)
    return replace(before, file=file, load=load, sent_before=sent_before, sent_after=sent_after)


async def used(user: User) -> Before:
    """Three conversations, tags, an export, a token; and the read models know of it all."""
    sent = [await user.send(f"{WORD} {number}") for number in range(3)]
    ids = [each["conversation_id"] for each in sent]
    await user.post(f"/api/chat/conversations/{ids[0]}/tags", {"tag": "marketing"})
    await user.post(f"/api/chat/conversations/{ids[0]}/favorite")
    job = await user.post(
        "/api/exports", {"format": "pdf", "conversation_ids": ids[:1]}, expect=202
    )

    async def all_is_known() -> tuple[Any, Any]:
        export = await user.get(f"/api/exports/{job['id']}")
        stats = await user.get("/api/dashboard/stats")
        assert export["status"] == "done"
        assert stats["conversations"] == len(ids)
        assert stats["storage_used_bytes"] == export["size_bytes"]
        await finds(user, len(ids))
        return export, stats

    export, stats = await eventually(all_is_known, seconds=60)
    return Before(
        file=NOT_THERE,
        email=user.email,
        personal_token=await user.token_with("chat"),
        session=user.token,
        conversations={each: await user.get(f"/api/chat/conversations/{each}") for each in ids},
        stats=stats,
        export=export,
        document=(await user.http.get(export["download_url"])).content,
        load=Load(user),
        sent_before=0,
        sent_after=0,
    )


async def changed_beyond_recognition(user: User, before: Before) -> None:
    first, second, third = before.conversations
    await user.delete(f"/api/exports/{before.export['id']}", expect=204)
    await user.delete(f"/api/chat/conversations/{first}")
    await user.post(f"/api/chat/conversations/{second}/tags", {"tag": "later"})
    await user.ask("PATCH", f"/api/chat/conversations/{third}", json={"title": "Autre chose"})
    await user.send(f"{WORD} later")
    job = await user.post(
        "/api/exports", {"format": "md", "conversation_ids": [second]}, expect=202
    )

    async def exported() -> None:
        assert (await user.get(f"/api/exports/{job['id']}"))["status"] == "done"

    await eventually(exported, seconds=60)


async def finds(user: User, conversations: int) -> None:
    found = await user.get(f"/api/chat/search?q={WORD}&limit=50")
    assert found["total"] == conversations


async def check_restored(webox: Stack, before: Before) -> None:
    """All that a user sees is as it was when the backup was made."""
    async with signed_in(webox.url, before.email, PASSWORD) as user:
        now = await user.get("/api/chat/conversations")
        assert {each["id"] for each in now["conversations"]} == set(before.conversations)
        for conversation, shown in before.conversations.items():
            assert await user.get(f"/api/chat/conversations/{conversation}") == shown
        await finds(user, len(before.conversations))
        assert await user.get("/api/dashboard/stats") == before.stats
        assert (await user.get("/api/exports"))["exports"] == [before.export]
        downloaded = await user.http.get(before.export["download_url"])
        assert downloaded.content == before.document
        assert hashlib.sha256(downloaded.content).hexdigest() == before.export["sha256"]
    async with opened(webox.url, before.personal_token) as client:
        assert (await client.get("/api/chat/conversations")).status_code == 200
    await check_load(webox, before)


async def check_load(webox: Stack, before: Before) -> None:
    """What was acknowledged before is there and gets its replies; what came later is not."""
    async with signed_in(webox.url, before.load.user.email, PASSWORD) as user:
        for message in before.load.acknowledged[before.sent_after :]:
            await user.get(f"/api/chat/messages/{message}", expect=404)

        async def is_final(message: int) -> None:
            replies = (await user.get(f"/api/chat/messages/{message}"))["replies"]
            assert {each["status"] for each in replies.values()} <= FINAL

        for message in before.load.acknowledged[: before.sent_before]:
            await eventually(partial(is_final, message))


class TestRestore:
    async def test_over_what_came_since(self, original: Stack, before: Before) -> None:
        async with registered(original.url, "Newcomer") as newcomer:
            await newcomer.send(f"{WORD} of a newcomer")
        with original.redis() as redis:
            redis.set("text of an answer", "that was given after the backup")
        restored = await webox_command(original.home.folder, "restore", "--yes", str(before.file))
        assert restored.returncode == 0, restored.stdout + restored.stderr
        assert "Restored: nothing differs." in restored.stdout
        await check_restored(original, before)
        async with opened(original.url, before.session) as client:
            assert (await client.get("/api/auth/me")).status_code == 401
        with original.redis() as redis:
            assert redis.get("text of an answer") is None
        await check_a_newcomer_finds_nothing_of_another(original, newcomer)
        assert leftovers(original) == []

    async def test_on_another_machine(
        self,
        before: Before,
        tmp_path_factory: pytest.TempPathFactory,
        webox_environment: dict[str, str],
    ) -> None:
        with running_stack(tmp_path_factory.mktemp("another"), webox_environment) as another:
            restored = await webox_command(
                another.home.folder, "restore", "--yes", str(before.file)
            )
            assert restored.returncode == 0, restored.stdout + restored.stderr
            await check_restored(another, before)


async def check_a_newcomer_finds_nothing_of_another(webox: Stack, gone: User) -> None:
    """Ids that were given after the backup are given again."""
    async with opened(webox.url) as client:
        account = {"email": gone.email, "password": PASSWORD}
        assert (await client.post("/api/auth/login", json=account)).status_code == 401
    async with registered(webox.url, "Another newcomer") as another:
        assert another.id == gone.id
        await finds(another, 0)
        assert (await another.get("/api/chat/conversations"))["conversations"] == []


def leftovers(webox: Stack) -> list[str]:
    """Databases and folders that are nobody's any more."""
    with Servers.of(webox.home.folder).postgres.connect() as connection:
        query = "SELECT datname FROM pg_database WHERE datname ~ 'restoring|replaced'"
        databases = [name for (name,) in connection.execute(query)]
    return [*databases, *(path.name for path in webox.home.folder.glob("exports.*"))]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def turned(file: Path, at: int) -> None:
    """Another byte is at that place."""
    with file.open("r+b") as opened:
        opened.seek(at)
        (byte,) = opened.read(1)
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


def corrupt(file: Path) -> None:
    turned(file, file.stat().st_size // 2)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 100)


def make_newer(file: Path) -> None:
    with_manifest(file, format=2)


def make_of_newer_postgresql(file: Path) -> None:
    with_manifest(file, postgresql="19.0")


def make_something_else(file: Path) -> None:
    with ZipFile(file, "w") as archive:
        archive.writestr("hello", "world")


def with_manifest(file: Path, **changes: object) -> None:
    with ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | changes).encode()
    with ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


class TestRefusedRestore:
    """Nothing is touched: not a process, not a database."""

    @pytest.mark.parametrize(
        ("spoil", "sentence"),
        [
            (corrupt, "The backup is damaged: "),
            (truncate, " is not a backup, or not a whole one."),
            (make_newer, " has format 2, of a newer Webox (this one reads 1): "),
            (make_of_newer_postgresql, "The backup was made by PostgreSQL 19.0, and this is 18."),
            (make_something_else, " is not a backup of Webox."),
            (Path.unlink, "No such file or directory."),
        ],
    )
    async def test_of_a_bad_file(
        self,
        original: Stack,
        before: Before,
        tmp_path: Path,
        spoil: Callable[[Path], None],
        sentence: str,
    ) -> None:
        file = tmp_path / "bad.backup"
        shutil.copyfile(before.file, file)
        spoil(file)
        await self.check_refused(original, file, sentence)

    async def test_of_a_newer_version_of_a_service(self, original: Stack, tmp_path: Path) -> None:
        """Which only the service itself can tell: its database is at a migration unknown here."""
        file = tmp_path / "newer.backup"
        with Servers.of(original.home.folder).postgres.connect("webox_exporter") as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
            set_to = "UPDATE alembic_version SET version_num = %s"
            database.execute(set_to, ["9999"])
            made = await webox_command(original.home.folder, "backup", str(file))
            database.execute(set_to, row)
        assert made.returncode == 0, made.stderr
        sentence = "The database of webox_exporter is at migration 9999, of a newer Webox"
        await self.check_refused(original, file, sentence)

    async def test_without_a_yes(self, original: Stack, before: Before) -> None:
        await self.check_refused(original, before.file, "Aborted!", "restore")

    async def check_refused(self, webox: Stack, file: Path, sentence: str, *arguments: str) -> None:
        pids = webox.pids()
        said = await webox_command(
            webox.home.folder, *(arguments or ("restore", "--yes")), str(file)
        )
        assert said.returncode == 1
        assert sentence in said.stderr
        assert "Traceback" not in said.stderr
        assert webox.pids() == pids
        assert leftovers(webox) == []
        async with opened(webox.url) as client:
            assert (await client.get("/readyz")).json()["status"] == "ok"


def little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


class TestRefusedBackup:
    """One sentence, and no file, not even a part of one."""

    async def test_without_room(self, original: Stack, tmp_path: Path) -> None:
        said = await webox_command(
            original.home.folder, "backup", str(tmp_path / "new"), limit=little_room
        )
        assert said.returncode == 1
        assert said.stderr.splitlines()[-1] == (
            f"Error: {tmp_path / 'new'} cannot be written: File too large."
        )
        assert names(tmp_path) == []
        assert leftovers(original) == []

    async def test_over_another_file(self, original: Stack, tmp_path: Path) -> None:
        file = tmp_path / "kept"
        file.write_text("kept")
        said = await webox_command(original.home.folder, "backup", str(file))
        assert (said.returncode, file.read_text()) == (1, "kept")
        assert "is there already: choose another name, or use --force." in said.stderr
        said = await webox_command(original.home.folder, "backup", "--force", str(file))
        assert said.returncode == 0, said.stderr
        assert names(tmp_path) == ["kept"]

    async def test_where_nothing_can_be_written(self, original: Stack) -> None:
        file = NOT_THERE / "new"
        said = await webox_command(original.home.folder, "backup", str(file))
        assert said.returncode == 1
        assert f"{file} cannot be written: No such file or directory." in said.stderr

    @pytest.mark.parametrize("command", ["backup", "restore"])
    async def test_of_a_webox_that_does_not_run(self, tmp_path: Path, command: str) -> None:
        said = await webox_command(tmp_path, command, str(tmp_path / "new"))
        assert said.returncode == 1
        assert said.stderr == "Error: Webox is not running here: start it first, with `make up`.\n"
        assert names(tmp_path) == []
