"""What the document worker does with one job, from its claim to its end."""

from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import BinaryIO

from webox_exporter.chat import ChatReader, MessagePage
from webox_exporter.documents.archive import write_archive
from webox_exporter.documents.formats import FORMATS
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.words import Words
from webox_exporter.errors import (
    ConversationDeletedError,
    IncompleteError,
    JobError,
    LostJobError,
    RenderError,
)
from webox_exporter.files import FileStore
from webox_exporter.jobs.service import Jobs, Progress
from webox_exporter.portal import Portal
from webox_exporter.schemas import Export, StoredFile
from webox_kit.errors import NotFoundError
from webox_kit.failpoints import failpoint
from webox_kit.logs import get_logger
from webox_kit.outages import is_outage

log = get_logger(__name__)

_LOOK_AGAIN_SECONDS = 0.2


class Worker:
    """Does jobs, one at a time, on the thread that calls it."""

    def __init__(
        self, portal: Portal[object], jobs: Jobs, chat: ChatReader, files: FileStore
    ) -> None:
        self._portal = portal
        self._jobs = jobs
        self._chat = chat
        self._files = files

    def do_next(self) -> bool:
        """Do the job whose turn it is, if any; whether there was one."""
        claimed = self._portal.call(self._jobs.claim())
        if claimed is None:
            return False
        log.info("job begun", export=claimed.id, attempt=claimed.attempt)
        try:
            self._do(claimed)
        except LostJobError:
            log.warning("job given up: it is not ours any more", export=claimed.id)
        except JobError as error:
            log.warning("job failed", export=claimed.id, code=error.code)
            self._portal.call(self._jobs.fail(claimed, error))
        except Exception as error:
            if is_outage(error):
                log.warning("job given back", export=claimed.id, error=type(error).__name__)
                self._portal.call(self._jobs.give_back(claimed))
            else:
                log.exception("job failed", export=claimed.id)
                self._portal.call(self._jobs.fail(claimed, RenderError()))
        self._portal.call(self._jobs.hint_at_next())
        return True

    def _do(self, claimed: Export) -> None:
        progress = Progress()
        with self._kept(claimed, progress):
            file = _Rendering(self._portal, self._jobs, self._chat, claimed, progress).into(
                self._files
            )
            failpoint("exporter.before_finish")
            if not self._portal.call(self._jobs.finish(claimed, file)):
                self._files.remove(file.key)
                raise LostJobError
        if claimed.attempt > 1:
            self._portal.call(self._files.remove_all(claimed.id, keep=file.key))

    @contextmanager
    def _kept(self, claimed: Export, progress: Progress) -> Iterator[None]:
        """Within the block the job's lease is renewed."""
        keeping = self._portal.submit(self._jobs.keep(claimed, progress))
        try:
            yield
        finally:
            keeping.cancel()


class _Rendering:
    """One attempt at a job's file."""

    def __init__(
        self,
        portal: Portal[object],
        jobs: Jobs,
        chat: ChatReader,
        claimed: Export,
        progress: Progress,
    ) -> None:
        self._portal = portal
        self._jobs = jobs
        self._chat = chat
        self._claimed = claimed
        self._progress = progress
        self._words = Words(claimed.language)
        self._kind = FORMATS[claimed.format]
        self._render = self._kind.renderer()

    def into(self, files: FileStore) -> StoredFile:
        """Render to a temporary object, and give it its final name when it is complete."""
        claimed = self._claimed
        conversations = self._conversations()
        extension = claimed.filename.rpartition(".")[2]
        name = f"{claimed.id}/{claimed.attempt}"
        with files.writing(f"{name}.part") as writer:
            if claimed.selection.single_id is not None:
                self._one(conversations[0], writer.stream)
            else:
                write_archive(conversations, self._kind, self._words, self._one, writer.stream)
            failpoint("exporter.mid_write")
        return files.publish(f"{name}.part", f"{name}.{extension}", writer)

    def _conversations(self) -> list[Conversation]:
        """The headers of all; noted in the job, so that a deletion of any is seen."""
        selection = self._claimed.selection
        found = self._portal.call(self._selected())
        expected = len(selection.conversation_ids or [None])
        if len(found) < expected:
            raise ConversationDeletedError
        total = sum(conversation.message_count for conversation in found)
        ids = [conversation.id for conversation in found]
        if not self._portal.call(self._jobs.note_contents(self._claimed, ids, total)):
            raise LostJobError
        return found

    async def _selected(self) -> list[Conversation]:
        selected = self._chat.selected(self._claimed.user_id, self._claimed.selection)
        return [conversation async for conversation in selected]

    def _one(self, conversation: Conversation, out: BinaryIO) -> None:
        written = self._render(conversation, self._messages(conversation), self._words, out)
        self._check(conversation, written)

    def _messages(self, conversation: Conversation) -> Iterator[Message]:
        """All messages; the next page is fetched while one is being set."""
        upcoming: Future[MessagePage] | None = self._page(conversation, None)
        while upcoming is not None:
            page = self._arrived(upcoming)
            cursor = page.next_cursor
            upcoming = None if cursor is None else self._page(conversation, cursor)
            for message in page.messages:
                if self._progress.lost:
                    raise LostJobError
                yield message
                self._progress.messages_done += message.counts

    def _arrived(self, upcoming: Future[MessagePage]) -> MessagePage:
        """The page once chat has answered, which is not waited for when the job is cancelled."""
        while not wait([upcoming], _LOOK_AGAIN_SECONDS).done:
            if self._progress.lost:
                upcoming.cancel()
                raise LostJobError
        try:
            return upcoming.result()
        except NotFoundError:
            raise ConversationDeletedError from None

    def _page(self, conversation: Conversation, cursor: str | None) -> Future[MessagePage]:
        user_id = self._claimed.user_id
        return self._portal.submit(
            self._chat.messages(user_id, conversation.id, cursor, whole=self._kind.whole)
        )

    def _check(self, conversation: Conversation, written: int) -> None:
        """Every message that chat counts must be there; only what came meanwhile may differ."""
        if written == conversation.message_count:
            return
        now = self._portal.call(self._chat.by_ids(self._claimed.user_id, [conversation.id]))
        if not now:
            raise ConversationDeletedError
        low, high = sorted([conversation.message_count, now[0].message_count])
        if not low <= written <= high:
            raise IncompleteError(
                f"Of {high} messages of conversation {conversation.id}, {written} were written."
            )
