"""The HTTP door of conversations."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from webox_chat.conversations.schemas import (
    ArchivedFilter,
    ConversationChanges,
    ConversationDetail,
    ConversationFilters,
    ConversationId,
    ConversationList,
    ConversationSummary,
    Deleted,
    FavoriteBody,
    FavoriteFilter,
    FavoriteState,
    FolderFilter,
    MessagesFrom,
    MessagesLimit,
    TagBody,
    TagFilter,
    TagList,
)
from webox_chat.conversations.service import ConversationService
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser
from webox_kit.pagination import DEFAULT_LIMIT, Cursor, Limit, Skip
from webox_kit.text import clean

router = APIRouter(prefix="/api/chat/conversations", tags=["Conversations"], responses=PROBLEMS)


async def conversation_service(request: Request) -> ConversationService:
    service: ConversationService = request.app.state.conversations
    return service


async def conversation_filters(
    folder: FolderFilter = None,
    tag: TagFilter = None,
    favorite: FavoriteFilter = None,
    archived: ArchivedFilter = None,
) -> ConversationFilters:
    # Spelled out: FastAPI takes a model apart without the descriptions of its fields.
    return ConversationFilters(folder=folder, tag=tag, favorite=favorite, archived=archived)


Conversations = Annotated[ConversationService, Depends(conversation_service)]


@router.get("", summary="List conversations, newest first")
async def list_conversations(
    user: CurrentUser,
    conversations: Conversations,
    filters: Annotated[ConversationFilters, Depends(conversation_filters)],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    skip: Skip = None,
) -> ConversationList:
    """Those whose messages changed last come first. Archived ones are listed too."""
    return await conversations.page(user.user_id, filters, limit=limit, cursor=cursor, skip=skip)


@router.get("/{conversation_id}", summary="Read a conversation with its messages")
async def read_conversation(
    user: CurrentUser,
    conversations: Conversations,
    conversation_id: ConversationId,
    messages_limit: MessagesLimit = 200,
    messages_cursor: Annotated[str | None, Query(max_length=1024)] = None,
    messages_from: MessagesFrom = "start",
) -> ConversationDetail:
    return await conversations.detail(
        user.user_id,
        conversation_id,
        limit=messages_limit,
        cursor=messages_cursor,
        from_end=messages_from == "end",
    )


@router.patch("/{conversation_id}", summary="Rename, move or archive a conversation")
async def change_conversation(
    user: CurrentUser,
    conversations: Conversations,
    conversation_id: ConversationId,
    changes: ConversationChanges,
) -> ConversationSummary:
    return await conversations.change(user.user_id, conversation_id, changes)


@router.delete("/{conversation_id}", summary="Delete a conversation")
async def delete_conversation(
    user: CurrentUser, conversations: Conversations, conversation_id: ConversationId
) -> Deleted:
    await conversations.delete(user.user_id, conversation_id)
    return Deleted()


@router.post("/{conversation_id}/favorite", summary="Toggle or set the favorite mark")
async def favorite_conversation(
    user: CurrentUser,
    conversations: Conversations,
    conversation_id: ConversationId,
    body: FavoriteBody | None = None,
) -> FavoriteState:
    wanted = body.is_favorite if body else None
    return FavoriteState(
        is_favorite=await conversations.favorite(user.user_id, conversation_id, wanted)
    )


@router.post("/{conversation_id}/tags", summary="Add a tag")
async def add_tag(
    user: CurrentUser, conversations: Conversations, conversation_id: ConversationId, body: TagBody
) -> TagList:
    return TagList(tags=await conversations.add_tag(user.user_id, conversation_id, body.tag))


@router.delete("/{conversation_id}/tags/{tag:path}", summary="Remove a tag")
async def remove_tag(
    user: CurrentUser, conversations: Conversations, conversation_id: ConversationId, tag: str
) -> TagList:
    return TagList(tags=await conversations.remove_tag(user.user_id, conversation_id, clean(tag)))
