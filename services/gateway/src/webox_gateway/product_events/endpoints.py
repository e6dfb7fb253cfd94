"""The HTTP door of events from outside."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, status

from webox_gateway.dependencies import EventsTicket, ProductEvents
from webox_gateway.product_events.schemas import (
    MEDIA_TYPE,
    Accepted,
    KeptEventList,
    ReportedEvent,
)
from webox_kit.app import PROBLEMS
from webox_kit.errors import UnsupportedMediaTypeError
from webox_kit.identity import CallingService

internal = APIRouter(prefix="/internal", include_in_schema=False)
router = APIRouter(prefix="/api", tags=["Events"], responses=PROBLEMS)


async def structured_mode(request: Request) -> None:
    """The one mode of CloudEvents over HTTP that is understood here."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaTypeError(f"Send one event as {MEDIA_TYPE}.")


@router.post(
    "/events",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Depends(structured_mode)],
)
async def report(
    event: Annotated[ReportedEvent, Body(media_type=MEDIA_TYPE)],
    ticket: EventsTicket,
    events: ProductEvents,
) -> Accepted:
    """Report what another Webox product made; accepted once it is stored durably."""
    return await events.accept(event, ticket.grant.identity)


@internal.get("/product-events")
async def kept(
    _caller: CallingService,
    events: ProductEvents,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> KeptEventList:
    """All that was reported, by id: what read models are made of again."""
    return await events.kept(after, limit)
