"""The HTTP door for other services of Webox; the gateway lets nobody else through."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from webox_exporter.endpoints import Exports
from webox_exporter.schemas import StoredExportList
from webox_kit.identity import CallingService

_FIRST = UUID(int=0)

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/exports")
async def exports_with_files(
    _caller: CallingService,
    exports: Exports,
    after: UUID = _FIRST,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> StoredExportList:
    return await exports.with_files(after, limit)
