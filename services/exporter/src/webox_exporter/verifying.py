"""Whether every export that is done has its file, whole, and nothing else has one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from webox_exporter.files import FileStore
from webox_exporter.repository import ExportRepository
from webox_exporter.schemas import Export
from webox_exporter.settings import ExporterSettings
from webox_kit.database import Database
from webox_kit.progress import Progress
from webox_kit.runtime import Runtime
from webox_kit.verification import Difference, Look, differences

_A_PAGE = 500

Found = tuple[str, str]
"""Size and SHA-256, as words."""


@asynccontextmanager
async def verification(runtime: Runtime[ExporterSettings]) -> AsyncIterator[Look]:
    files = FileStore(runtime.settings.files_url)

    async def look() -> list[Difference]:
        return await compare(runtime.database, files)

    yield look


async def compare(database: Database, files: FileStore) -> list[Difference]:
    """The source is the job, the model its file."""
    sizes = await files.sizes()
    jobs, stored = dict[str, Found](), dict[str, Found]()
    progress = Progress("Exports", "files read")
    async for each in _done(database):
        key = str(each.object_key)
        jobs[key] = _found(each.size_bytes, each.sha256)
        with suppress(FileNotFoundError):
            # One made since the listing is there too.
            stored[key] = _found(sizes.get(key, each.size_bytes), await files.sha256(key))
        progress.tell(len(jobs))
    progress.end(len(jobs))
    others = sizes.keys() - jobs.keys()
    stored |= {key: _found(sizes[key], None) for key in others - await _moving(database, others)}
    return differences("file", jobs, stored)


async def _done(database: Database) -> AsyncIterator[Export]:
    after = UUID(int=0)
    while True:
        async with database.transaction() as session:
            page = await ExportRepository(session).done_after(after, _A_PAGE)
        if not page:
            return
        for each in page:
            yield each
        after = page[-1].id


async def _moving(database: Database, keys: set[str]) -> set[str]:
    """Of files that no job is done with, those that come or go right now."""
    by_export = {key: export_id for key in keys if (export_id := _export_of(key))}
    async with database.transaction() as session:
        repository = ExportRepository(session)
        moving = await repository.with_files_to_come_or_go(set(by_export.values()))
    return {key for key, export_id in by_export.items() if export_id in moving}


def _export_of(key: str) -> UUID | None:
    try:
        return UUID(key.partition("/")[0])
    except ValueError:
        return None


def _found(size_bytes: int | None, sha256: str | None) -> Found:
    return f"{size_bytes} bytes", f"sha256 {sha256}" if sha256 else "of no job that is done"
