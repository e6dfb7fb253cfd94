"""The HTTP door: exports as jobs, and one conversation as a file."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from webox_exporter.downloads import download
from webox_exporter.errors import ConversationDeletedError, ExportFailedError, NoConversationError
from webox_exporter.files import FileStore
from webox_exporter.preferences import UserLanguage, WaitSeconds
from webox_exporter.schemas import (
    ConversationId,
    Export,
    ExportJob,
    ExportList,
    ExportRequest,
    IdempotencyKey,
    Selection,
)
from webox_exporter.service import ExportService, Order
from webox_kit.app import PROBLEMS
from webox_kit.errors import ConflictError
from webox_kit.identity import CurrentUser
from webox_kit.pagination import DEFAULT_LIMIT, Cursor, Limit, Skip, reject_both

router = APIRouter(prefix="/api", tags=["exports"], responses=PROBLEMS)

_A_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_A_PART: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part asked for"},
    304: {"description": "The file is the one that the caller has"},
    410: {"description": "The file has expired"},
    416: {"description": "The range is outside of the file"},
}
_A_JOB: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Not ready in time: the job, and its `Location`",
        "model": ExportJob,
    }
}


async def export_service(request: Request) -> ExportService:
    service: ExportService = request.app.state.exports
    return service


async def file_store(request: Request) -> FileStore:
    files: FileStore = request.app.state.files
    return files


Exports = Annotated[ExportService, Depends(export_service)]
Files = Annotated[FileStore, Depends(file_store)]
Key = Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")]


@router.post("/exports", status_code=202, summary="Export conversations")
async def create_export(
    body: ExportRequest,
    user: CurrentUser,
    exports: Exports,
    language: UserLanguage,
    response: Response,
    idempotency_key: Key = None,
) -> ExportJob:
    order = Order(user.user_id, body.selection(), body.format, language, idempotency_key)
    export = await exports.order(order)
    response.headers["Location"] = _location(export)
    return ExportJob.of(export)


@router.get("/exports", summary="The user's exports, the newest first")
async def list_exports(
    user: CurrentUser,
    exports: Exports,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    skip: Skip = None,
) -> ExportList:
    reject_both(cursor, skip)
    page, next_cursor = await exports.page(user.user_id, limit=limit, cursor=cursor, skip=skip)
    return ExportList(exports=list(map(ExportJob.of, page)), next_cursor=next_cursor)


@router.get("/exports/{export_id}", summary="One export")
async def get_export(export_id: UUID, user: CurrentUser, exports: Exports) -> ExportJob:
    return ExportJob.of(await exports.get(user.user_id, export_id))


@router.delete(
    "/exports/{export_id}",
    summary="Cancel an export, or delete a finished one",
    response_model=ExportJob,
    responses={204: {"description": "It was finished; it is gone now, with its file"}},
)
async def delete_export(export_id: UUID, user: CurrentUser, exports: Exports) -> Any:
    cancelled = await exports.cancel_or_delete(user.user_id, export_id)
    return ExportJob.of(cancelled) if cancelled else Response(status_code=204)


@router.get(
    "/exports/{export_id}/download",
    summary="The file of an export",
    response_class=Response,
    responses={**_A_FILE, **_A_PART},
)
async def download_export(
    export_id: UUID, request: Request, user: CurrentUser, exports: Exports, files: Files
) -> Response:
    return await download(await exports.file_of(user.user_id, export_id), files, request)


@router.get(
    "/chat/conversations/{conversation_id}/export",
    summary="One conversation as a file",
    response_class=Response,
    responses={**_A_FILE, **_A_JOB},
)
async def export_conversation(
    conversation_id: Annotated[ConversationId, Path()],
    request: Request,
    user: CurrentUser,
    exports: Exports,
    files: Files,
    language: UserLanguage,
    seconds: WaitSeconds,
    format: Annotated[str, Query(description="pdf, md, txt, json, html or docx")] = "pdf",  # noqa: A002 - the API's name
) -> Response:
    selection = Selection(conversation_ids=[conversation_id])
    order = Order(user.user_id, selection, format, language)
    queued = await exports.order(order)
    export = await exports.wait(user.user_id, queued.id, seconds)
    if export.status == "done":
        return await download(export, files, request)
    return _not_a_file(export, conversation_id)


def _not_a_file(export: Export, conversation_id: int) -> Response:
    """202 with the job that goes on, or why there is no file."""
    job = ExportJob.of(export).model_dump(mode="json")
    if not export.is_final:
        return JSONResponse(job, 202, {"Location": _location(export)})
    error = export.error or {}
    if error.get("code") == ConversationDeletedError.code:
        raise NoConversationError([conversation_id])
    if export.status == "failed":
        raise ExportFailedError(
            error.get("detail", ""), members={"code": error.get("code")}, retry_after=30
        )
    raise ConflictError(f"This export is {export.status}.", members={"export": job})


def _location(export: Export) -> str:
    return f"/api/exports/{export.id}"
