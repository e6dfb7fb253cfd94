"""The HTTP door for other services of Webox; the gateway lets nobody else through."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from webox_chat.conversations.schemas import ConversationFilters, ConversationId
from webox_chat.internal.schemas import (
    DocumentList,
    GenerationList,
    OwnedConversationList,
    UserConversationList,
)
from webox_chat.internal.service import InternalService, parse_ids
from webox_kit.identity import CallingService
from webox_kit.pagination import Cursor

router = APIRouter(prefix="/internal", include_in_schema=False)

Ids = Annotated[str | None, Query(description="Ids separated by commas.")]
After = Annotated[int, Query(ge=0)]
PageSize = Annotated[int, Query(ge=1, le=1000)]
Whole = Annotated[bool, Query(description="Failed and superseded replies as well.")]


async def internal_service(request: Request) -> InternalService:
    service: InternalService = request.app.state.internal
    return service


Internal = Annotated[InternalService, Depends(internal_service)]


@router.get("/documents")
async def documents(
    _caller: CallingService,
    internal: Internal,
    ids: Ids = None,
    after: After = 0,
    limit: PageSize = 1000,
) -> DocumentList:
    return await internal.documents(parse_ids(ids), after, limit)


@router.get("/conversations")
async def conversations(
    _caller: CallingService,
    internal: Internal,
    ids: Ids = None,
    after: After = 0,
    limit: PageSize = 1000,
) -> OwnedConversationList:
    return await internal.conversations(parse_ids(ids), after, limit)


@router.get("/generations")
async def generations(
    _caller: CallingService, internal: Internal, after: After = 0, limit: PageSize = 1000
) -> GenerationList:
    return await internal.generations(after, limit)


@router.get("/users/{user_id}/conversations")
async def conversations_of_user(
    _caller: CallingService,
    internal: Internal,
    user_id: int,
    filters: Annotated[ConversationFilters, Depends()],
    ids: Ids = None,
    limit: PageSize = 200,
    cursor: Cursor = None,
) -> UserConversationList:
    return await internal.of_user(user_id, parse_ids(ids), filters, limit, cursor)


@router.get("/users/{user_id}/conversations/{conversation_id}/messages")
async def messages_of_conversation(
    _caller: CallingService,
    internal: Internal,
    user_id: int,
    conversation_id: ConversationId,
    limit: PageSize = 500,
    cursor: Cursor = None,
    *,
    whole: Whole = False,
) -> Response:
    page = await internal.messages(user_id, conversation_id, limit, cursor, whole=whole)
    return Response(page, media_type="application/json")
