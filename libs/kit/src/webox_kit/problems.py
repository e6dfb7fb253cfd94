"""Errors as `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from webox_kit.context import current_request
from webox_kit.errors import BadRequestError, UnavailableError, WeboxError
from webox_kit.logs import get_logger
from webox_kit.outages import is_over_a_limit
from webox_kit.text import clean

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem as OpenAPI documents it; some have further members."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    request_id: str | None = None
    errors: list[FieldProblem] = []


def problem(error: WeboxError, instance: str) -> dict[str, Any]:
    """The problem object of `error`, met at the path `instance`."""
    request = current_request()
    body: dict[str, Any] = {
        "type": error.type,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "request_id": request.request_id if request else None,
    }
    if error.errors:
        body["errors"] = error.errors
    return {**error.members, **body}


def problem_response(
    error: WeboxError, instance: str, headers: Mapping[str, str] | None = None
) -> Response:
    all_headers = dict(headers or {})
    if error.retry_after is not None:
        all_headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = 'Bearer realm="webox"'
    return Response(_encode(problem(error, instance)), error.status, all_headers, MEDIA_TYPE)


def _encode(document: dict[str, Any]) -> bytes:
    """As JSON, even when it quotes a lone surrogate of the request, which orjson refuses."""
    try:
        return orjson.dumps(document, default=str)
    except TypeError:
        return clean(json.dumps(document, default=str, ensure_ascii=False)).encode()


def unexpected_problem(instance: str) -> Response:
    """What a caller sees of an error that nobody expected."""
    return problem_response(WeboxError("Something went wrong on our side."), instance)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(WeboxError, _webox_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    for outage in (OperationalError, InterfaceError, PoolTimeoutError, RedisError):
        app.add_exception_handler(outage, _outage)
    app.add_exception_handler(DataError, _unstorable)


async def _webox_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WeboxError)  # noqa: S101 - registered for this class only
    return problem_response(error, request.url.path)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [_field(each) for each in error.errors()]
    named = "; ".join(f"{each['pointer']}: {each['detail']}" for each in errors[:3])
    return problem_response(BadRequestError(named, errors=errors), request.url.path)


def _field(error: Mapping[str, Any]) -> dict[str, str]:
    _, *path = error["loc"]  # the first says where: body, path, query or header
    if error["type"] == "json_invalid":
        return {"pointer": "#", "detail": f"The body is not JSON: {error['ctx']['error']}."}
    pointer = "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return {"pointer": pointer, "detail": str(error["msg"])}


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return problem_response(
        _http_error(error.status_code, error.detail), request.url.path, error.headers
    )


def _http_error(status: int, detail: str) -> WeboxError:
    error = WeboxError(_DETAILS.get(status, detail))
    error.status = status  # type: ignore[misc] # Starlette's own statuses, e.g. 405
    error.title = _TITLES.get(status) or HTTPStatus(status).phrase.capitalize()  # type: ignore[misc] # as above
    return error


_TITLES = {kind.status: kind.title for kind in WeboxError.__subclasses__()}
_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not have that method.",
}


async def _outage(request: Request, error: Exception) -> Response:
    if isinstance(error, OperationalError) and is_over_a_limit(error):
        return await _unstorable(request, error)
    log.warning("dependency away", error=type(error).__name__)
    away = UnavailableError("A part of Webox is away for the moment; try again shortly.")
    return problem_response(away, request.url.path)


async def _unstorable(request: Request, error: Exception) -> Response:
    log.warning("value refused by the database", error=type(error).__name__)
    refused = BadRequestError("A value of the request is out of the range that can be stored.")
    return problem_response(refused, request.url.path)
