"""Whether the index has what is alive in chat, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from webox_kit.progress import Progress
from webox_kit.runtime import Runtime
from webox_kit.verification import Difference, Look, differences
from webox_search.index.base import Document, Kind, SearchIndex
from webox_search.index.engines import open_index
from webox_search.indexer import PageAfter
from webox_search.settings import SearchSettings
from webox_search.source import ChatSource

THERE = "there"


@asynccontextmanager
async def verification(runtime: Runtime[SearchSettings]) -> AsyncIterator[Look]:
    index = open_index(runtime.settings)
    source = ChatSource(runtime.client("chat"))

    async def look() -> list[Difference]:
        return await compare(source, index)

    try:
        yield look
    finally:
        await source.close()
        await index.close()


async def compare(source: ChatSource, index: SearchIndex) -> list[Difference]:
    """By id, both ways.

    Raises:
        UnavailableError: chat or the engine is away.
    """
    titles = await _in_chat(source.titles_after, "Titles in chat", "titles")
    messages = await _in_chat(source.messages_after, "Messages in chat", "messages")
    return [
        *differences("title", titles, await _in_index(index, "title")),
        *differences("message", messages, await _in_index(index, "message")),
    ]


async def _in_chat(page_after: PageAfter, what: str, unit: str) -> dict[int, str]:
    found: dict[int, str] = {}
    progress = Progress(what, unit)
    while page := await page_after(_last(found)):
        found.update((_id(each), THERE) for each in page)
        progress.tell(len(found))
    progress.end(len(found))
    return found


async def _in_index(index: SearchIndex, kind: Kind) -> dict[int, str]:
    return dict.fromkeys(await index.ids(kind), THERE)


def _last(found: dict[int, str]) -> int:
    """Pages come by id: the last one added is the highest."""
    return next(reversed(found), 0)


def _id(document: Document) -> int:
    return document.message_id or document.conversation_id
