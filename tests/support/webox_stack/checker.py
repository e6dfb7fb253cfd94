"""What must hold after every fault, once quiet, for the users that lived through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import tantivy

from webox_double import answer_text
from webox_search.index.embedded_schema import OLDEST_VERSION, SCHEMA_VERSION, TITLE
from webox_search.index.generations import Generations
from webox_stack.canary import check_logs, check_received
from webox_stack.databases import Databases
from webox_stack.documents import check_files, check_hashes
from webox_stack.numbers import check_dashboard, number
from webox_stack.resources import Resources, left_open
from webox_stack.stack import Stack
from webox_stack.user import User
from webox_stack.waiting import eventually

QUIET_SECONDS = 60
LONGEST_REPLY_BYTES = 1_000_000
SERVICES = ("gateway", "chat", "search", "exporter", "dashboard")
MOST_DOCUMENTS = 10_000

READABLE = "superseded_by IS NULL AND (status = 'done' OR status = 'cancelled' AND content <> '')"
REPLIES = """
SELECT reply.id, message_id, provider, model, status, truncated, superseded_by, finished_at,
    reply.content, message.content AS question
FROM reply LEFT JOIN message ON message.id = message_id WHERE reply.user_id = %s ORDER BY reply.id
"""
UNPUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
DEAD_LETTERS = "SELECT count(*) FROM dead_letter"
UNFINISHED = """
SELECT id, provider, status FROM reply WHERE user_id = any(%s) AND finished_at IS NULL
"""
MISCOUNTED = f"""
SELECT id, message_count FROM conversation WHERE user_id = %s AND message_count <>
    (SELECT count(*) FROM message WHERE conversation_id = conversation.id)
    + (SELECT count(*) FROM reply WHERE conversation_id = conversation.id AND {READABLE})
"""  # noqa: S608 - made of constants
LIVE_IDS = f"""
SELECT id FROM message WHERE user_id = %(user)s
UNION ALL SELECT id FROM reply WHERE user_id = %(user)s AND {READABLE}
"""  # noqa: S608 - likewise


@dataclass(frozen=True)
class StoredReply:
    id: int
    message_id: int
    provider: str
    model: str
    status: str
    truncated: bool
    superseded_by: int | None
    finished_at: object
    content: str
    question: str | None


class Checker:
    """Compares the databases, files, index and streams of a Webox with what its users were told."""

    def __init__(self, webox: Stack, before: Resources | None = None) -> None:
        """`before`: what its programs held when they had come to rest for the first time."""
        self._webox = webox
        self._before = before
        with Databases(webox) as databases:
            self._dead_letters = _count_in_all(databases, DEAD_LETTERS)

    async def check(self, users: Sequence[User]) -> None:
        """Waits until it is quiet; all of it has to hold then.

        Raises:
            AssertionError: What does not.
        """
        with Databases(self._webox) as databases:
            await self._check(databases, users)

    async def _check(self, databases: Databases, users: Sequence[User]) -> None:
        async def quiet() -> None:
            self._check_quiet(databases, [user.id for user in users])

        await eventually(quiet, QUIET_SECONDS)
        for user in users:
            _check_stored(databases, user)
            await _check_shown(databases, user)

            async def told_everywhere(user: User = user) -> None:
                await check_dashboard(databases, user)
                self._check_index(databases, user)

            # An event is acknowledged a moment before what it changes is seen.
            await eventually(told_everywhere)
            check_hashes(self._webox.home, databases, user)
            check_received(user)
        check_logs(self._webox, [user.token for user in users])

        async def left_as_found() -> None:
            check_files(self._webox.home, databases)
            forgotten = left_open(databases)
            assert not forgotten, f"transactions left open: {forgotten}"
            if self._before is not None:
                grown = Resources.of(self._webox, databases).grown(self._before)
                assert not grown, f"more is held than before: {grown}"

        # Files that nobody wants any more go, and pools shrink, when their time is over.
        await eventually(left_as_found, QUIET_SECONDS)

    def _check_quiet(self, databases: Databases, users: list[int]) -> None:
        waiting = _count_in_all(databases, UNPUBLISHED)
        assert not any(waiting.values()), f"in outboxes: {waiting}"
        chat = databases["chat"]
        unfinished = chat.execute(UNFINISHED, [users]).fetchall()
        assert unfinished == []
        assert self._webox.unread() == []
        dead = _count_in_all(databases, DEAD_LETTERS)
        assert dead == self._dead_letters, "there are new dead letters"

    def _check_index(self, databases: Databases, user: User) -> None:
        chat = databases["chat"]
        live = {row[0] for row in chat.execute(LIVE_IDS, {"user": user.id})}
        query = "SELECT id FROM conversation WHERE user_id = %s"
        titles = {row[0] for row in chat.execute(query, [user.id])}
        generations = Generations(self._webox.home.index, SCHEMA_VERSION, OLDEST_VERSION)
        indexed = _indexed(generations, user.id)
        messages = [message for _, message in indexed if message != TITLE]
        assert sorted(messages) == sorted(live)
        conversations = [conversation for conversation, message in indexed if message == TITLE]
        assert sorted(conversations) == sorted(titles)


def _check_stored(databases: Databases, user: User) -> None:
    witness = user.witness
    assert witness.bad_errors == []
    chat = databases["chat"]
    query = "SELECT id FROM message WHERE user_id = %s"
    stored = {row[0] for row in chat.execute(query, [user.id])}
    kept = {
        message
        for message, conversation in witness.acknowledged.items()
        if conversation not in witness.deleted
    }
    assert kept <= stored, "an acknowledged message is gone"
    assert len(stored - kept) <= witness.unsure, f"stored twice: {stored - kept}"
    ledger = "SELECT reply_id, status FROM usage_ledger WHERE user_id = %s"
    noted: dict[int, str] = dict(chat.execute(ledger, [user.id]).fetchall())
    replies = _replies(chat, user)
    assert stored <= {each.message_id for each in replies}, "half a message: it has no reply"
    assert {each.id: each.status for each in replies}.items() <= noted.items()
    assert chat.execute(MISCOUNTED, [user.id]).fetchall() == []
    visible = [(each.message_id, each.provider) for each in replies if each.superseded_by is None]
    assert len(set(visible)) == len(visible), "two visible answers of one provider"
    for each in replies:
        _check_text(each)


async def _check_shown(databases: Databases, user: User) -> None:
    """As the user reads it."""
    chat = databases["chat"]
    replies = [each for each in _replies(chat, user) if each.superseded_by is None]
    for message_id in {each.message_id for each in replies}:
        own = [each for each in replies if each.message_id == message_id]
        answer = await user.get(f"/api/chat/messages/{message_id}")
        assert {name: each["status"] for name, each in answer["replies"].items()} == {
            each.provider: each.status for each in own
        }
        assert answer["ai_responses"] == {
            each.provider: each.content for each in own if each.status == "done"
        }


def _count_in_all(databases: Databases, query: str) -> dict[str, int]:
    return {service: number(databases[service], query) for service in SERVICES}


def _replies(chat: psycopg.Connection[Any], user: User) -> list[StoredReply]:
    return [StoredReply(*row) for row in chat.execute(REPLIES, [user.id])]


def _check_text(reply: StoredReply) -> None:
    """What there is of an answer is what the double sent of it: all, or a beginning."""
    assert reply.question is not None, f"{reply} is an answer to nothing"
    sent = answer_text(reply.model, reply.question)
    if reply.status == "done" and not reply.truncated:
        assert reply.content == sent
    else:
        assert sent.startswith(reply.content), f"{reply.status}: {reply.content[:1000]}"
        assert len(reply.content.encode()) <= LONGEST_REPLY_BYTES


def _indexed(generations: Generations, user_id: int) -> list[tuple[int, int]]:
    """Conversation and message of each document that belongs to the user."""
    path = generations.current()
    assert path is not None, "there is no index"
    index = tantivy.Index.open(str(path))
    searcher = index.searcher()
    query = tantivy.Query.term_query(index.schema, "user_id", user_id)
    addresses = [address for _, address in searcher.search(query, MOST_DOCUMENTS).hits]
    return list(
        zip(
            searcher.fast_field_values("conversation_id", addresses),
            searcher.fast_field_values("message_id", addresses),
            strict=True,
        )
    )
