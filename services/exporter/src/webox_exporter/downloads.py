"""A finished file as an HTTP answer: name, ETag, and one byte range (RFC 9110, 14)."""

import re
from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from webox_exporter.documents.filenames import content_disposition
from webox_exporter.documents.formats import FORMATS, ZIP_MEDIA_TYPE
from webox_exporter.errors import ExpiredError
from webox_exporter.files import FileStore
from webox_exporter.schemas import Export

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Span(NamedTuple):
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


async def download(export: Export, files: FileStore, request: Request) -> Response:
    """The file of a job that is done, or the part of it that was asked for."""
    size = export.size_bytes or 0
    headers = _headers(export)
    if _is_known(request.headers, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    span = _asked_span(request.headers, headers["ETag"], size)
    if span is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    try:
        chunks = await files.open(export.object_key or "", span.start, span.end)
    except FileNotFoundError:  # deleted since the job was read
        raise ExpiredError from None
    headers["Content-Length"] = str(span.end - span.start)
    if span.end - span.start == size:
        return StreamingResponse(chunks, 200, headers, _media_type(export))
    headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    return StreamingResponse(chunks, 206, headers, _media_type(export))


def _headers(export: Export) -> dict[str, str]:
    return {
        "ETag": f'"{export.sha256}"',
        "Content-Disposition": content_disposition(export.filename),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def _media_type(export: Export) -> str:
    if export.filename.endswith(".zip"):
        return ZIP_MEDIA_TYPE
    return FORMATS[export.format].media_type


def _is_known(headers: Headers, etag: str) -> bool:
    known = [
        each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")
    ]
    return etag in known or known == ["*"]


def _asked_span(headers: Headers, etag: str, size: int) -> Span | None:
    """What to send: everything unless one range is asked for; None if that is outside.

    Several ranges at once are answered with everything, as the RFC allows: nobody needs them,
    and assembling them has been a way to tie up servers.
    """
    everything = Span(0, size)
    asked = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if asked is None or asked.groups() == ("", ""):
        return everything
    if headers.get("if-range", etag) != etag:
        return everything
    first, last = asked.groups()
    if not first:
        return Span(max(size - int(last), 0), size) if int(last) and size else None
    span = Span(int(first), min(int(last) + 1 if last else size, size))
    return span if span.start < span.end else None
