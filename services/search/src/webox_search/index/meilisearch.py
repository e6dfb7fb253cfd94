"""The Meilisearch engine, for several machines: any 1.x from 1.8.

The official client is synchronous and keeps no connection: each piece of work runs in a thread.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from meilisearch import Client
from meilisearch.errors import (
    MeilisearchApiError,
    MeilisearchCommunicationError,
    MeilisearchError,
    MeilisearchTimeoutError,
)
from meilisearch.models.task import TaskInfo

from webox_search.errors import IndexLostError, IndexUnavailableError
from webox_search.index import meilisearch_queries as queries
from webox_search.index.base import Document, Health, Kind, Page, Rebuild, SearchQuery
from webox_search.index.meilisearch_search import MeilisearchSearch, all_ids
from webox_search.index.meilisearch_server import MeilisearchServer
from webox_search.index.parsing import parse
from webox_search.index.ranking import nothing

T = TypeVar("T")

_TASK_MILLISECONDS = 60_000
_POLL_MILLISECONDS = 20
# The server keeps every task for ever, up to a million.
_MOST_FINISHED_TASKS = 1000
_MISSING = frozenset({"index_not_found", "document_not_found"})
_OUR_FAULT = frozenset({"invalid_request"})


class RefusedTaskError(Exception):
    """The engine took a task and then refused it: trying again would not help."""


class MeilisearchIndex:
    """A `SearchIndex` on a Meilisearch server, in an index named after the schema's version."""

    def __init__(self, url: str, key: str | None, name: str = "webox") -> None:
        self._server = MeilisearchServer(url, key, name)
        self._serving = f"{name}-{queries.SCHEMA_VERSION}"
        self._next = f"{self._serving}-next"
        self._is_serving = False
        self._is_building = False
        self._pending: list[TaskInfo] = []
        self._finished = 0
        self._lock = asyncio.Lock()

    async def ensure(self) -> bool:
        self._is_serving = await self._run(self._is_complete)
        return self._is_serving

    async def upsert(self, documents: Sequence[Document]) -> None:
        made = [queries.to_meilisearch(document) for document in documents]
        await self._write(lambda index: index.add_documents(made, primary_key="key"))

    async def delete_documents(self, keys: Sequence[str]) -> None:
        await self._delete(queries.any_of("key", keys))

    async def delete_conversation(self, conversation_id: int) -> None:
        await self._delete(queries.of_conversation(conversation_id))

    async def delete_user(self, user_id: int) -> None:
        await self._delete(queries.of_user(user_id))

    async def commit(self) -> None:
        pending, self._pending = self._pending, []
        await self._run(lambda client: _wait(client, pending))
        self._finished += len(pending)
        if self._finished >= _MOST_FINISHED_TASKS:
            await self._run(self._forget_tasks)
            self._finished = 0

    async def begin_rebuild(self) -> Rebuild:
        await self._run(self._start_next)
        self._is_building = True
        return _MeilisearchRebuild(self)

    async def search(self, query: SearchQuery) -> Page:
        parsed = parse(query.text)
        if not parsed.wanted:
            return nothing(query.facets)
        return await self._run(
            lambda client: MeilisearchSearch(client, self._serving, query, parsed).page(),
            if_missing=nothing(query.facets),
        )

    async def ids(self, kind: Kind) -> set[int]:
        def read(client: Client) -> set[int]:
            return all_ids(client, self._serving, kind)

        return await self._run(read, if_missing=set())

    async def health(self) -> Health:
        return await self._run(
            self._health, if_missing=Health("meilisearch", ready=False, documents=0, size_bytes=0)
        )

    async def close(self) -> None:
        """Nothing is kept open."""

    async def add_to_next(self, documents: Sequence[Document]) -> None:
        if not self._is_building:
            raise IndexLostError
        made = [queries.to_meilisearch(document) for document in documents]
        await self._run(
            lambda client: _wait(
                client, [client.index(self._next).add_documents(made, primary_key="key")]
            )
        )

    async def swap(self) -> None:
        await self.commit()
        await self._run(self._swap)
        self._is_building, self._is_serving = False, True

    async def drop_next(self) -> None:
        self._is_building = False
        await self._run(lambda client: _drop(client, self._next))

    async def _delete(self, condition: str) -> None:
        await self._write(lambda index: index.delete_documents(filter=condition))

    async def _write(self, write: Callable[[Any], TaskInfo]) -> None:
        """Enqueue a change to what serves and what is being built, in the order of the calls."""
        async with self._lock:
            if not self._is_serving and not await self.ensure() and not self._is_building:
                raise IndexLostError
            names = [self._serving] * self._is_serving + [self._next] * self._is_building
            self._pending += await self._run(
                lambda client: [write(client.index(name)) for name in names]
            )

    async def _run(self, work: Callable[[Client], T], if_missing: T | None = None) -> T:
        """Do `work` in a thread; `if_missing` is the answer when the index is not there."""

        def with_client() -> T:
            with _engine_errors():
                try:
                    return work(self._server.client())
                except MeilisearchApiError as error:
                    if if_missing is None or error.code not in _MISSING:
                        raise
                    return if_missing

        return await asyncio.to_thread(with_client)

    def _is_complete(self, client: Client) -> bool:
        try:
            client.index(self._serving).get_document(str(queries.COMPLETE["key"]))
        except MeilisearchApiError as error:
            if error.code not in _MISSING:
                raise
            return False
        return True

    def _start_next(self, client: Client) -> None:
        _drop(client, self._next)
        created = client.create_index(self._next, {"primaryKey": "key"})
        configured = client.index(self._next).update_settings(queries.SETTINGS)
        _wait(client, [created, configured])

    def _swap(self, client: Client) -> None:
        marked = client.index(self._next).add_documents([queries.COMPLETE])
        # Both have to exist to be swapped: the very first time the one that serves does not.
        created = client.create_index(self._serving, {"primaryKey": "key"})
        _wait(client, [marked])
        _wait(client, [created], may_fail=True)
        _wait(client, [client.swap_indexes([{"indexes": [self._serving, self._next]}])])
        _drop(client, self._next)

    def _forget_tasks(self, client: Client) -> None:
        """Those that succeeded; a failed one may have to be looked at."""
        done = {"statuses": "succeeded", "indexUids": f"{self._serving},{self._next}"}
        _wait(client, [client.delete_tasks(done)])

    def _health(self, client: Client) -> Health:
        stats = client.index(self._serving).get_stats()
        ready = self._is_complete(client)
        return Health(
            engine="meilisearch",
            ready=ready,
            documents=stats.number_of_documents - ready,
            size_bytes=int(client.get_all_stats()["databaseSize"]),
        )


class _MeilisearchRebuild:
    def __init__(self, index: MeilisearchIndex) -> None:
        self._index = index

    async def upsert(self, documents: Sequence[Document]) -> None:
        await self._index.add_to_next(documents)

    async def finish(self) -> None:
        await self._index.swap()

    async def abandon(self) -> None:
        await self._index.drop_next()


def _drop(client: Client, name: str) -> None:
    _wait(client, [client.delete_index(name)], may_fail=True)


def _wait(client: Client, tasks: Sequence[TaskInfo], *, may_fail: bool = False) -> None:
    """Until each task is done; 202 only ever meant that it was taken.

    Raises:
        RefusedTaskError: a task asked for something that cannot be.
        IndexUnavailableError: a task failed for another reason.
    """
    for each in tasks:
        task = client.wait_for_task(each.task_uid, _TASK_MILLISECONDS, _POLL_MILLISECONDS)
        if task.status == "succeeded" or may_fail:
            continue
        kind = (task.error or {}).get("type")
        if kind in _OUR_FAULT:
            raise RefusedTaskError(f"{task.type}: {(task.error or {}).get('code')}")
        raise IndexUnavailableError


@contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except (MeilisearchCommunicationError, MeilisearchTimeoutError) as error:
        raise IndexUnavailableError from error
    except MeilisearchApiError as error:
        if error.code in _MISSING:
            raise IndexLostError from error
        raise IndexUnavailableError from error
    except MeilisearchError as error:
        raise IndexUnavailableError from error
