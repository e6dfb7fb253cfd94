"""Whether the read models say what their sources say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from webox_dashboard import summary_repository
from webox_dashboard.comparison import Expected
from webox_dashboard.settings import DashboardSettings
from webox_dashboard.sources import Sources
from webox_kit.database import Database
from webox_kit.progress import Progress
from webox_kit.runtime import Runtime
from webox_kit.verification import Difference, Look


@asynccontextmanager
async def verification(runtime: Runtime[DashboardSettings]) -> AsyncIterator[Look]:
    sources = Sources(runtime)

    async def look() -> list[Difference]:
        return await compare(runtime.database, sources)

    try:
        yield look
    finally:
        await sources.close()


async def compare(database: Database, sources: Sources) -> list[Difference]:
    """Thing by thing, both ways.

    Raises:
        UnavailableError: a source is away.
    """
    expected, read = Expected(), 0
    progress = Progress("Sources", "conversations, generations, product events and exports")
    async for _, count, rows in sources.pages():
        expected.add(rows)
        read += count
        progress.tell(read)
    progress.end(read)
    async with database.transaction() as session:
        deleted = await summary_repository.deleted_users(session)
        model = await summary_repository.summary(session)
    return expected.summary(without_users=deleted).compared_with(model)
