"""What users may do with exports."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from uuid_utils import uuid7

from webox_contracts.events import ExportRemoved
from webox_exporter.chat import ChatReader
from webox_exporter.documents.filenames import file_stem
from webox_exporter.documents.formats import FORMATS
from webox_exporter.documents.words import Language
from webox_exporter.errors import (
    ExpiredError,
    NoConversationError,
    NoExportError,
    NoFileError,
    UnknownFormatError,
)
from webox_exporter.files import FileStore
from webox_exporter.repository import ExportRepository
from webox_exporter.schemas import Export, NewExport, Selection, StoredExport, StoredExportList
from webox_exporter.tasks import RENDER
from webox_kit import clock
from webox_kit.database import Database
from webox_kit.errors import ConflictError
from webox_kit.logs import get_logger
from webox_kit.outbox import publish
from webox_kit.pagination import decode_cursor, encode_cursor
from webox_kit.signals import Signals
from webox_kit.tasks import TaskQueue

log = get_logger(__name__)

SIGNAL = "export"
"""The topic on which the end of a job, by its id, is signalled."""

_KEY_KEPT = timedelta(hours=24)
_LIST = "exports"
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """An export somebody wants."""

    user_id: int
    selection: Selection
    format: str
    language: Language
    idempotency_key: str | None = None

    def fingerprint(self) -> str:
        """The same for the same order, which has one job at a time."""
        asked = [self.selection.model_dump(mode="json"), self.format, self.language]
        return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


class ExportService:
    def __init__(
        self,
        database: Database,
        chat: ChatReader,
        files: FileStore,
        tasks: TaskQueue,
        signals: Signals,
    ) -> None:
        self._database = database
        self._chat = chat
        self._files = files
        self._tasks = tasks
        self._signals = signals

    async def order(self, order: Order) -> Export:
        """Queue a job, or find the one that does this already.

        Raises:
            UnknownFormatError: as it says, naming the known ones.
            NoConversationError, NothingToExportError: there is nothing to export.
            TooManyMatchesError: a search finds too many.
            ConflictError: the idempotency key stands for another order.
        """
        if order.format not in FORMATS:
            raise UnknownFormatError(order.format)
        if known := await self._known(order):
            return known
        new = await self._new(order)
        async with self._database.transaction() as session:
            queued = await ExportRepository(session).insert(new)
        if queued is None:
            return await self._known(order) or await self.order(order)
        await self._tasks.send(RENDER, str(queued.id))
        return queued

    async def get(self, user_id: int, export_id: UUID) -> Export:
        async with self._database.transaction() as session:
            found = await ExportRepository(session).get(user_id, export_id)
        if found is None:
            raise NoExportError(export_id)
        return found

    async def page(
        self, user_id: int, *, limit: int, cursor: str | None, skip: int | None
    ) -> tuple[list[Export], str | None]:
        """A page of the user's jobs, the newest first, and the cursor of the next."""
        before = None
        if cursor is not None:
            before = UUID(str(decode_cursor(_LIST, {"user": user_id}, cursor, 1)[0]))
        async with self._database.transaction() as session:
            found = await ExportRepository(session).page(
                user_id, limit=limit + 1, before=before, skip=skip or 0
            )
        page = found[:limit]
        if len(found) <= limit:
            return page, None
        return page, encode_cursor(_LIST, {"user": user_id}, [str(page[-1].id)])

    async def with_files(self, after: UUID, limit: int) -> StoredExportList:
        """Everybody's exports that have a file, with ids above `after`."""
        async with self._database.transaction() as session:
            found = await ExportRepository(session).done_after(after, limit)
        return StoredExportList(exports=[StoredExport.model_validate(each) for each in found])

    async def wait(self, user_id: int, export_id: UUID, seconds: float) -> Export:
        """The job once it has ended, or as it is after `seconds`.

        No database connection is held while waiting.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        async with self._signals.expect(SIGNAL, export_id) as signal:
            while True:
                export = await self.get(user_id, export_id)
                left = deadline - asyncio.get_running_loop().time()
                if export.is_final or left <= 0:
                    return export
                await signal.wait(min(left, _LOOK_AGAIN_SECONDS))

    async def cancel_or_delete(self, user_id: int, export_id: UUID) -> Export | None:
        """Cancel an unfinished job and return it; delete a finished one with its file."""
        async with self._database.transaction() as session:
            exports = ExportRepository(session)
            cancelled = await exports.cancel(user_id, export_id)
            if cancelled is not None:
                return cancelled
            deleted = await exports.delete(user_id, export_id)
            if deleted is None:
                raise NoExportError(export_id)
            await exports.add_removals([export_id])
            if deleted.status == "done":
                await publish(session, removed_event(deleted), source="exporter")
        await self._remove_files([export_id])
        return None

    async def file_of(self, user_id: int, export_id: UUID) -> Export:
        """The job, done, whose file can be read.

        Raises:
            NoExportError, NoFileError, ExpiredError: there is no file, and why.
        """
        async with self._database.transaction() as session:
            exports = ExportRepository(session)
            export = await exports.get(user_id, export_id)
            if export is None:
                raise NoExportError(export_id)
            # By the clock that set its end.
            is_past = await exports.is_past(export_id)
        if export.status == "expired" or is_past:
            raise ExpiredError
        if export.status != "done":
            raise NoFileError(export.status)
        return export

    async def _known(self, order: Order) -> Export | None:
        fingerprint = order.fingerprint()
        async with self._database.transaction() as session:
            exports = ExportRepository(session)
            if order.idempotency_key is not None:
                earlier = await exports.by_key(order.user_id, order.idempotency_key, _KEY_KEPT)
                if earlier is not None and earlier.fingerprint != fingerprint:
                    raise ConflictError("This Idempotency-Key was used for another request.")
                if earlier is not None:
                    return earlier
            return await exports.unfinished_like(order.user_id, fingerprint)

    async def _new(self, order: Order) -> NewExport:
        return NewExport(
            id=UUID(bytes=uuid7().bytes),
            user_id=order.user_id,
            format=order.format,
            language=order.language,
            request=order.selection.model_dump(mode="json", exclude_none=True),
            fingerprint=order.fingerprint(),
            idempotency_key=order.idempotency_key,
            conversation_ids=order.selection.conversation_ids or [],
            filename=await self._filename(order),
        )

    async def _filename(self, order: Order) -> str:
        """The file's name, having made sure that there is something to put into it."""
        selection = order.selection
        if selection.conversation_ids is None:
            await self._chat.check_matches(order.user_id, selection)
            return _archive_name()
        found = await self._chat.by_ids(order.user_id, selection.conversation_ids)
        missing = set(selection.conversation_ids) - {each.id for each in found}
        if missing:
            raise NoConversationError(missing)
        if selection.single_id is None:
            return _archive_name()
        stem = file_stem(found[0].title, f"conversation-{found[0].id}")
        return f"{stem}.{order.format}"

    async def _remove_files(self, export_ids: Sequence[UUID]) -> None:
        """At once if the store can be reached; else the clean-up does it later."""
        for export_id in export_ids:
            try:
                await self._files.remove_all(export_id)
            except OSError as error:
                log.warning("files not removed", export=export_id, error=type(error).__name__)


def removed_event(export: Export) -> ExportRemoved:
    return ExportRemoved(user_id=export.user_id, export_id=str(export.id), version=export.version)


def _archive_name() -> str:
    return f"webox-{clock.now():%Y-%m-%d}.zip"
