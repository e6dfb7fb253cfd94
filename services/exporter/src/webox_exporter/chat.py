"""Reading conversations from the chat service's internal API, page by page."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from webox_exporter.documents.model import Conversation, Message
from webox_exporter.errors import NothingToExportError, TooManyMatchesError
from webox_exporter.schemas import MOST_IDS, Selection
from webox_exporter.search import SearchReader
from webox_kit.internal_http import InternalClient
from webox_kit.text import clean

_IDS_A_CALL = 200
_CONVERSATIONS_A_PAGE = 200
_MESSAGES_A_PAGE = 500


class _Header(BaseModel):
    id: int
    title: str
    folder: str
    tags: list[str] = []
    is_favorite: bool = False
    archived: bool = False
    message_count: int
    created_at: AwareDatetime
    updated_at: AwareDatetime

    def conversation(self) -> Conversation:
        return Conversation(
            id=self.id,
            title=clean(self.title),
            folder=clean(self.folder),
            tags=tuple(map(clean, self.tags)),
            is_favorite=self.is_favorite,
            message_count=self.message_count,
            created_at=self.created_at,
            updated_at=self.updated_at,
            archived=self.archived,
        )


@dataclass(frozen=True, slots=True)
class MessagePage:
    messages: list[Message]
    next_cursor: str | None


_MESSAGE_PAGE = TypeAdapter(MessagePage)
"""Read in one go: an object of its own for what chat sends would take as long as writing it."""


class ChatReader:
    """One user's conversations, as chat has them at the moment of the call."""

    def __init__(self, client: InternalClient, search: SearchReader) -> None:
        self._client = client
        self._search = search

    async def by_ids(self, user_id: int, ids: Sequence[int]) -> list[Conversation]:
        """Those of `ids` that are there, in the order of `ids`."""
        found: dict[int, Conversation] = {}
        for start in range(0, len(ids), _IDS_A_CALL):
            part = ids[start : start + _IDS_A_CALL]
            page = await self._page(user_id, ids=",".join(map(str, part)), limit=_IDS_A_CALL)
            found |= {header.id: header.conversation() for header in _headers(page)}
        return [found[each] for each in ids if each in found]

    async def check_matches(self, user_id: int, selection: Selection) -> None:
        """Look that there is something to export, and no more than may be searched for.

        Raises:
            NothingToExportError: no conversation matches.
            TooManyMatchesError: a search finds more than can be named in one export.
        """
        if searched := selection.searched:
            found = 0
            async for _ in self._search.matching(user_id, searched):
                found += 1
                if found > MOST_IDS:
                    raise TooManyMatchesError
        else:
            found = len((await self._page(user_id, limit=1, **_query(selection)))["conversations"])
        if not found:
            raise NothingToExportError

    async def selected(self, user_id: int, selection: Selection) -> AsyncIterator[Conversation]:
        """All that the selection takes in."""
        ids = selection.conversation_ids
        if searched := selection.searched:
            ids = [each async for each in self._search.matching(user_id, searched)]
        if ids is not None:
            for conversation in await self.by_ids(user_id, ids):
                yield conversation
            return
        cursor: dict[str, str] = {}
        while True:
            page = await self._page(
                user_id, limit=_CONVERSATIONS_A_PAGE, **_query(selection), **cursor
            )
            for header in _headers(page):
                yield header.conversation()
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    async def messages(
        self, user_id: int, conversation_id: int, cursor: str | None, *, whole: bool = False
    ) -> MessagePage:
        """A page of messages, turn by turn, the oldest first.

        Those that count; of the `whole`, failed and superseded replies as well.

        Raises:
            NotFoundError: the conversation is not there (any more).
        """
        query: dict[str, str | int] = {"limit": _MESSAGES_A_PAGE}
        if whole:
            query["whole"] = "true"
        if cursor is not None:
            query["cursor"] = cursor
        path = f"/internal/users/{user_id}/conversations/{conversation_id}/messages"
        body = await self._client.read(path, **query)
        try:
            page = _MESSAGE_PAGE.validate_json(body)
        except ValidationError:
            raise self._client.nonsense() from None
        counted = page.messages if whole else [each for each in page.messages if each.counts]
        return MessagePage(counted, page.next_cursor)

    async def _page(self, user_id: int, **query: str | int) -> dict[str, Any]:
        page: dict[str, Any] = await self._client.get(
            f"/internal/users/{user_id}/conversations", **query
        )
        return page


def _headers(page: dict[str, Any]) -> list[_Header]:
    return [_Header.model_validate(each) for each in page["conversations"]]


def _query(selection: Selection) -> dict[str, str]:
    return selection.filter.as_query() if selection.filter else {}
