"""Decisions about conversations: folders, tags, favorites, deletion, reading."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from redis.asyncio import Redis

from webox_chat.conversations.repository import ConversationRepository, Position
from webox_chat.conversations.schemas import (
    ConversationChanges,
    ConversationDetail,
    ConversationFilters,
    ConversationList,
    Entry,
    StoredConversation,
)
from webox_chat.limits import TAGS_PER_CONVERSATION
from webox_chat.replies.giving_up import GivenUp, give_up, tell_given_up
from webox_contracts.events import ConversationDeleted, ConversationUpdated
from webox_kit.database import Database, Session
from webox_kit.errors import BadRequestError, NotFoundError
from webox_kit.outbox import publish
from webox_kit.pagination import decode_cursor, encode_cursor, reject_both

_LIST = "conversations"
_MESSAGES = "messages"
_DELETED_AT_ONCE = 100

Change = Callable[[ConversationRepository], Awaitable[StoredConversation | None]]


def no_conversation(conversation_id: int) -> NotFoundError:
    return NotFoundError(f"There is no conversation {conversation_id}.")


class ConversationService:
    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis

    async def page(
        self,
        user_id: int,
        filters: ConversationFilters,
        *,
        limit: int,
        cursor: str | None,
        skip: int | None,
    ) -> ConversationList:
        reject_both(cursor, skip)
        bound = {"user": user_id, **filters.model_dump()}
        after = _list_key(decode_cursor(_LIST, bound, cursor, 2)) if cursor else None
        async with self._database.transaction() as session:
            found = await ConversationRepository(session).page(
                user_id, filters, limit=limit + 1, after=after, skip=skip
            )
        page, more = found[:limit], len(found) > limit
        key = [page[-1].updated_at.isoformat(), page[-1].id] if more else []
        return ConversationList(
            conversations=list(page),
            next_cursor=encode_cursor(_LIST, bound, key) if more else None,
        )

    async def detail(
        self,
        user_id: int,
        conversation_id: int,
        *,
        limit: int,
        cursor: str | None,
        from_end: bool,
    ) -> ConversationDetail:
        """A conversation with one page of its messages, oldest first.

        From the end, the first page holds the newest messages and the next one those before.
        """
        bound = {"user": user_id, "conversation": conversation_id, "from_end": from_end}
        key = _position(decode_cursor(_MESSAGES, bound, cursor, 3)) if cursor else None
        async with self._database.transaction() as session:
            conversations = ConversationRepository(session)
            found = await conversations.get(user_id, conversation_id)
            if found is None:
                raise no_conversation(conversation_id)
            entries, following = await _messages(
                conversations, conversation_id, limit, key, from_end=from_end
            )
        return ConversationDetail(
            **found.model_dump(),
            messages=entries,
            messages_next_cursor=encode_cursor(_MESSAGES, bound, following) if following else None,
        )

    async def favorite(self, user_id: int, conversation_id: int, value: bool | None) -> bool:
        """Set to `value`, or toggle without one; what it is now."""
        changed = await self._change(
            conversation_id,
            lambda conversations: conversations.favorite(user_id, conversation_id, value),
        )
        return changed.is_favorite

    async def add_tag(self, user_id: int, conversation_id: int, tag: str) -> list[str]:
        """Adding a tag twice is no error; the first spelling stays."""

        async def add(conversations: ConversationRepository) -> StoredConversation | None:
            found = await conversations.lock(user_id, conversation_id)
            if found is None or _has(found.tags, tag):
                return found
            if len(found.tags) >= TAGS_PER_CONVERSATION:
                raise BadRequestError(
                    f"A conversation has at most {TAGS_PER_CONVERSATION} tags.",
                    errors=[{"pointer": "#/tag", "detail": "one tag too many"}],
                )
            tags = sorted([*found.tags, tag], key=str.casefold)
            return await conversations.set_tags(user_id, conversation_id, tags)

        return (await self._change(conversation_id, add)).tags

    async def remove_tag(self, user_id: int, conversation_id: int, tag: str) -> list[str]:
        """Removing a tag that is not there is no error."""

        async def remove(conversations: ConversationRepository) -> StoredConversation | None:
            found = await conversations.lock(user_id, conversation_id)
            if found is None or not _has(found.tags, tag):
                return found
            tags = [each for each in found.tags if each.casefold() != tag.strip().casefold()]
            return await conversations.set_tags(user_id, conversation_id, tags)

        return (await self._change(conversation_id, remove)).tags

    async def change(
        self, user_id: int, conversation_id: int, changes: ConversationChanges
    ) -> StoredConversation:
        values = changes.model_dump(exclude_none=True)
        if not values:
            raise BadRequestError("Give at least one of `title`, `folder`, `archived`.")
        return await self._change(
            conversation_id,
            lambda conversations: conversations.change(user_id, conversation_id, values),
        )

    async def delete(self, user_id: int, conversation_id: int) -> None:
        async with self._database.transaction() as session:
            ended = await _delete(session, user_id, conversation_id)
        await tell_given_up(self._redis, ended)

    async def delete_all_of(self, user_id: int) -> None:
        """For a deleted user; a hundred conversations a transaction."""
        while True:
            async with self._database.transaction() as session:
                ids = await ConversationRepository(session).ids_of(user_id, _DELETED_AT_ONCE)
                ended = [
                    each
                    for conversation_id in sorted(ids)
                    for each in await _delete(session, user_id, conversation_id)
                ]
            await tell_given_up(self._redis, ended)
            if len(ids) < _DELETED_AT_ONCE:
                return

    async def _change(self, conversation_id: int, change: Change) -> StoredConversation:
        """Make a change and publish the conversation as it is then, in one transaction."""
        async with self._database.transaction() as session:
            changed = await change(ConversationRepository(session))
            if changed is None:
                raise no_conversation(conversation_id)
            await publish(session, updated_event(changed), source="chat")
        return changed


async def _delete(session: Session, user_id: int, conversation_id: int) -> list[GivenUp]:
    """The replies that were unfinished are cancelled first, and counted as such."""
    conversations = ConversationRepository(session)
    if await conversations.lock(user_id, conversation_id) is None:
        raise no_conversation(conversation_id)
    given_up = await give_up(session, conversation_id)
    deleted = await conversations.delete(user_id, conversation_id)
    if deleted is None:
        raise no_conversation(conversation_id)
    event = ConversationDeleted(
        user_id=user_id, conversation_id=conversation_id, version=deleted.version + 1
    )
    await publish(session, event, source="chat")
    return given_up


async def _messages(
    conversations: ConversationRepository,
    conversation_id: int,
    limit: int,
    key: Position | None,
    *,
    from_end: bool,
) -> tuple[list[Entry], Position | None]:
    """One page of entries, oldest first, and the key of the next page if there is one."""
    if from_end:
        before = key or _AFTER_ALL
        found = await conversations.entries(conversation_id, limit=limit + 1, before=before)
    else:
        found = await conversations.entries(conversation_id, limit=limit + 1, after=key)
    page = found[:limit]
    following = page[-1].position if len(found) > limit else None
    entries = [each.entry for each in page]
    return (entries[::-1] if from_end else entries), following


_AFTER_ALL: Position = (2**63 - 1, 2**15 - 1, 2**63 - 1)


def updated_event(changed: StoredConversation) -> ConversationUpdated:
    """A conversation as it is after a change, for whoever keeps a copy."""
    return ConversationUpdated(
        user_id=changed.user_id,
        version=changed.version,
        conversation_id=changed.id,
        title=changed.title,
        folder=changed.folder,
        tags=changed.tags,
        is_favorite=changed.is_favorite,
        archived=changed.archived,
        updated_at=changed.updated_at,
    )


def _has(tags: list[str], tag: str) -> bool:
    return tag.strip().casefold() in {each.casefold() for each in tags}


def _list_key(key: list[object]) -> tuple[datetime, int]:
    try:
        moment, conversation_id = key
        return datetime.fromisoformat(str(moment)), int(str(conversation_id))
    except ValueError:
        raise BadRequestError("The cursor is not one that this list gave out.") from None


def _position(key: list[object]) -> Position:
    try:
        turn, place, entry = (int(str(each)) for each in key)
    except ValueError:
        raise BadRequestError("The cursor is not one that this list gave out.") from None
    return turn, place, entry
