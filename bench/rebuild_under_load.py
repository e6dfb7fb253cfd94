"""Ten thousand searches while the embedded index is built anew again and again: all succeed.

One process rebuilds, another searches, as `events` and `api` do. Every answer has to find what
there always is, the same number of conversations each time; it ends with a failure if one does not.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

from bench.search import PAGE, SEED, Texts, documents
from webox_kit.errors import UnavailableError
from webox_search.index.base import Document, SearchQuery
from webox_search.index.embedded import EmbeddedIndex

MESSAGES, SEARCHES, AT_ONCE = 5_000, 10_000, 4
CANARY = "xylophage"
EXPECTED = 7


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        asyncio.run(_rebuilt(folder))
        context = get_context("spawn")
        ended, rebuilds = context.Event(), context.Value("i", 0)
        writer = context.Process(target=_rebuild, args=(folder, ended, rebuilds))
        writer.start()
        began = time.perf_counter()
        failures, times = asyncio.run(_search(folder))
        seconds = time.perf_counter() - began
        ended.set()
        writer.join()
    print(
        f"{len(times):,} searches in {seconds:.0f} s while {MESSAGES:,} messages were indexed anew "
        f"{rebuilds.value} times: {len(failures)} failed, "
        f"p50 {statistics.median(times):.1f} ms, at worst {max(times):.0f} ms"
    )
    if failures:
        sys.exit(f"failed: {sorted(set(failures))}")


async def _search(folder: Path) -> tuple[list[str], list[float]]:
    """What went wrong, and the milliseconds that each search took."""
    index, failures, times = EmbeddedIndex(folder), list[str](), list[float]()

    async def client() -> None:
        while len(times) < SEARCHES:
            began = time.perf_counter()
            try:
                page = await index.search(SearchQuery(1, CANARY))
                if page.total != EXPECTED:
                    failures.append(f"found {page.total} of {EXPECTED}")
            except UnavailableError as error:
                failures.append(error.detail)
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return failures, times


def _rebuild(folder: Path, ended: Event, rebuilds: object) -> None:
    while not ended.is_set():
        asyncio.run(_rebuilt(folder))
        rebuilds.value += 1  # type: ignore[attr-defined] - what multiprocessing makes has no name


async def _rebuilt(folder: Path) -> None:
    index, texts = EmbeddedIndex(folder), Texts(SEED)
    rebuild = await index.begin_rebuild()
    for first in range(0, MESSAGES, PAGE):
        page = list(documents(texts, first, PAGE))
        if first == 0:
            page = [_canary(page[0], number) for number in range(EXPECTED)] + page
        await rebuild.upsert(page)
    await rebuild.finish()
    await index.close()


def _canary(like: Document, number: int) -> Document:
    at, place = like.created_at, MESSAGES + number
    return Document("message", 1, place, at, CANARY, 1, message_id=place, role="user")


if __name__ == "__main__":
    main()
