"""The HTTP door."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser
from webox_kit.preferences import CurrentPreferences
from webox_search.lag import LAG_DESCRIBED, LAG_HEADER, tell_lag
from webox_search.schemas import SearchAnswer, SearchParameters
from webox_search.service import SearchService

router = APIRouter(responses=PROBLEMS, tags=["search"])


async def search_service(request: Request) -> SearchService:
    service: SearchService = request.app.state.search
    return service


@router.get(
    "/api/chat/search",
    summary="Search titles and messages",
    dependencies=[Depends(tell_lag)],
    responses={200: {"headers": {LAG_HEADER: LAG_DESCRIBED}}},
)
async def search(
    user: CurrentUser,
    chosen: CurrentPreferences,
    parameters: Annotated[SearchParameters, Query()],
    service: Annotated[SearchService, Depends(search_service)],
) -> SearchAnswer:
    return await service.find(user.user_id, parameters, chosen.zone)
