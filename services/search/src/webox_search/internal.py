"""The HTTP door for other services of Webox; the gateway lets nobody else through."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from webox_kit.identity import CallingService
from webox_search.endpoints import search_service
from webox_search.schemas import SearchParameters
from webox_search.service import SearchService

router = APIRouter(prefix="/internal", include_in_schema=False)


class Matches(BaseModel):
    """A page of the conversations that match, best first; `total` as in the public answer."""

    conversation_ids: list[int]
    total: int
    next_cursor: str | None


@router.get("/users/{user_id}/matches")
async def matches_of_user(
    _caller: CallingService,
    user_id: int,
    parameters: Annotated[SearchParameters, Query()],
    service: Annotated[SearchService, Depends(search_service)],
) -> Matches:
    found = await service.find(user_id, parameters, UTC)
    ids = [each.conversation_id for each in found.results]
    return Matches(conversation_ids=ids, total=found.total, next_cursor=found.next_cursor)
