"""What other services may read of chat."""

from collections.abc import Sequence

from webox_chat.conversations.schemas import ConversationFilters
from webox_chat.conversations.service import ConversationService, no_conversation
from webox_chat.internal.entries import entry_list, position_of
from webox_chat.internal.repository import InternalRepository
from webox_chat.internal.schemas import (
    DocumentList,
    GenerationList,
    OwnedConversationList,
    PreciseConversation,
    UserConversationList,
)
from webox_kit.database import Database
from webox_kit.errors import BadRequestError
from webox_kit.pagination import decode_cursor, encode_cursor

_ENTRIES = "internal messages"


class InternalService:
    def __init__(self, database: Database, conversations: ConversationService) -> None:
        self._found = InternalRepository(database)
        self._conversations = conversations

    async def documents(self, ids: Sequence[int] | None, after: int, limit: int) -> DocumentList:
        """By id, or all with ids above `after`; deleted ones are simply not there."""
        if ids is not None:
            return DocumentList(documents=await self._found.documents_by_id(ids))
        return DocumentList(documents=await self._found.documents_after(after, limit))

    async def conversations(
        self, ids: Sequence[int] | None, after: int, limit: int
    ) -> OwnedConversationList:
        if ids is not None:
            return OwnedConversationList(conversations=await self._found.conversations_by_id(ids))
        return OwnedConversationList(
            conversations=await self._found.conversations_after(after, limit)
        )

    async def generations(self, after: int, limit: int) -> GenerationList:
        """Every reply that was done, with ids above `after`, whatever became of it since."""
        return GenerationList(generations=await self._found.generations_after(after, limit))

    async def of_user(
        self,
        user_id: int,
        ids: Sequence[int] | None,
        filters: ConversationFilters,
        limit: int,
        cursor: str | None,
    ) -> UserConversationList:
        """A user's conversations: those named, or a page of those that fit the filters."""
        if ids is None:
            page = await self._conversations.page(
                user_id, filters, limit=limit, cursor=cursor, skip=None
            )
            return UserConversationList(**page.model_dump())
        named = await self._found.of_user(user_id, ids)
        precise = list(map(PreciseConversation.model_validate, named))
        return UserConversationList(conversations=precise, next_cursor=None)

    async def messages(
        self, user_id: int, conversation_id: int, limit: int, cursor: str | None, *, whole: bool
    ) -> str:
        """A page of a conversation, turn by turn, the oldest first, as JSON.

        With the replies that `message_count` counts; of the `whole`, with all there ever were.
        """
        bound = {"user": user_id, "conversation": conversation_id}
        key = decode_cursor(_ENTRIES, bound, cursor, 3) if cursor else None
        if not await self._found.of_user(user_id, [conversation_id]):
            raise no_conversation(conversation_id)
        after = (key[0], key[1], key[2]) if key else None
        page, more = await self._found.entries(conversation_id, after, limit, whole=whole)
        following = encode_cursor(_ENTRIES, bound, position_of(page[-1])) if more else None
        return entry_list(page, following)


def parse_ids(text: str | None) -> list[int] | None:
    """`1,2,3` as numbers; None when not given."""
    if text is None:
        return None
    try:
        return [int(each) for each in text.split(",") if each]
    except ValueError:
        raise BadRequestError("`ids` are numbers separated by commas.") from None
