"""The embedded engine: tantivy, on this machine's disk.

One process writes (the `events` process, under its duty's lock), any number read and follow its
commits. https://docs.rs/tantivy describes the engine itself.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from webox_search.errors import IndexLostError, IndexUnavailableError
from webox_search.index.base import Document, Health, Kind, Page, Rebuild, SearchQuery
from webox_search.index.embedded_reader import EmbeddedReader
from webox_search.index.embedded_schema import OLDEST_VERSION, SCHEMA_VERSION
from webox_search.index.embedded_writer import GenerationWriter
from webox_search.index.generations import Generations, size_of

T = TypeVar("T")

_PANIC = "PanicException"


class EmbeddedIndex:
    """A `SearchIndex` in a folder. Its work is done in threads: the engine lets go of the GIL."""

    def __init__(self, folder: Path, version: int = SCHEMA_VERSION) -> None:
        self._generations = Generations(folder, version, OLDEST_VERSION)
        self._reader = EmbeddedReader(self._generations)
        self._lock = threading.Lock()
        self._serving: GenerationWriter | None = None
        self._building: GenerationWriter | None = None

    async def ensure(self) -> bool:
        return await self._locked(self._open_newest)

    async def upsert(self, documents: Sequence[Document]) -> None:
        await self._write(lambda writer: writer.upsert(documents))

    async def delete_documents(self, keys: Sequence[str]) -> None:
        await self._write(lambda writer: writer.delete("key", keys))

    async def delete_conversation(self, conversation_id: int) -> None:
        await self._write(lambda writer: writer.delete("conversation_id", [conversation_id]))

    async def delete_user(self, user_id: int) -> None:
        await self._write(lambda writer: writer.delete("user_id", [user_id]))

    async def commit(self) -> None:
        await self._write(GenerationWriter.commit)

    async def begin_rebuild(self) -> Rebuild:
        await self._locked(self._start_building)
        return _EmbeddedRebuild(self)

    async def search(self, query: SearchQuery) -> Page:
        return await _in_thread(lambda: self._reader.search(query))

    async def ids(self, kind: Kind) -> set[int]:
        return await _in_thread(lambda: self._reader.ids(kind))

    async def health(self) -> Health:
        return await _in_thread(self._health)

    async def close(self) -> None:
        await self._locked(self._close)

    async def write_building(self, write: Callable[[GenerationWriter], None]) -> None:
        """Change the index being built only."""

        def work() -> None:
            if self._building is None:
                raise IndexLostError
            write(self._building)

        await self._locked(work)

    async def publish_building(self) -> None:
        await self._locked(self._swap)

    async def drop_building(self) -> None:
        await self._locked(self._drop_building)

    async def _write(self, write: Callable[[GenerationWriter], None]) -> None:
        def work() -> None:
            self._open()
            writers = [each for each in (self._serving, self._building) if each is not None]
            if not writers:
                raise IndexLostError
            for writer in writers:
                write(writer)

        await self._locked(work)

    async def _locked(self, work: Callable[[], T]) -> T:
        def alone() -> T:
            with self._lock, self._forgetting_failed_writers():
                return work()

        return await _in_thread(alone)

    @contextmanager
    def _forgetting_failed_writers(self) -> Iterator[None]:
        """A writer that failed takes nothing any more: open it anew next time."""
        try:
            with _engine_errors():
                yield
        except IndexLostError:
            raise
        except IndexUnavailableError:
            self._serving = self._building = None
            raise

    def _open_newest(self) -> bool:
        self._open()
        return self._serving is not None and self._generations.is_newest(self._serving.path)

    def _open(self) -> None:
        current = self._generations.current()
        if self._serving is not None and self._serving.path != current:
            self._serving = None
        if self._serving is None and current is not None:
            self._serving = GenerationWriter(current)

    def _start_building(self) -> None:
        self._drop_building()
        self._building = GenerationWriter(self._generations.create(), is_new=True)

    def _swap(self) -> None:
        if self._building is None:
            raise IndexLostError
        self._building.commit()
        self._building.keep()
        self._generations.publish(self._building.path)
        self._serving, self._building = self._building, None
        self._generations.remove_all_but(self._serving.path)

    def _drop_building(self) -> None:
        self._building = None
        self._generations.remove_all_but(self._generations.pointed())

    def _close(self) -> None:
        self._serving = self._building = None

    def _health(self) -> Health:
        current = self._generations.current()
        return Health(
            engine="embedded",
            ready=current is not None,
            documents=self._reader.count(),
            size_bytes=size_of(current) if current else 0,
        )


class _EmbeddedRebuild:
    def __init__(self, index: EmbeddedIndex) -> None:
        self._index = index

    async def upsert(self, documents: Sequence[Document]) -> None:
        await self._index.write_building(lambda writer: writer.fill(documents))

    async def finish(self) -> None:
        await self._index.publish_building()

    async def abandon(self) -> None:
        await self._index.drop_building()


async def _in_thread(work: Callable[[], T]) -> T:
    def translated() -> T:
        with _engine_errors():
            return work()

    return await asyncio.to_thread(translated)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Every error of tantivy is a ValueError, whatever went wrong, or a panic of Rust.

    A panic's class derives from BaseException and cannot be imported; let through, it would
    end the task that met it for good.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexUnavailableError from error
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise IndexUnavailableError from error
        raise
