"""One OpenAPI document for everything behind the door, made from the services' own ones.

A service that is away is left out until it is back; nobody else's part is held up by it.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from webox_gateway.door.paths import is_public
from webox_gateway.door.routes import route_of
from webox_kit.logs import get_logger

log = get_logger(__name__)

Document = dict[str, Any]

_KEPT_SECONDS = 300.0
_INCOMPLETE_KEPT_SECONDS = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)
_REFERENCE = "#/components/schemas/"
_PUBLIC = frozenset({"/api/auth/register", "/api/auth/login"})
_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_PROBLEMS = {
    "401": "Not authenticated",
    "403": "Not allowed",
    "429": "Too many requests",
    "503": "Unavailable for the moment",
    "504": "A service did not answer in time",
}
_BODY_PROBLEMS = {"413": "Too large", "415": "Unsupported media type"}
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session token from login, or a personal access token.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access_token",
        "description": "Set by login, for pages of the same origin.",
    },
}


class MergedOpenApi:
    """Merges `own()` with what the services at `origins` (by name) publish."""

    def __init__(self, own: Callable[[], Document], origins: Mapping[str, str]) -> None:
        self._own = own
        self._origins = dict(origins)
        self._merged: Document | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def document(self) -> Document:
        async with self._lock:
            if self._merged is None or time.monotonic() > self._good_until:
                await self._renew()
        assert self._merged is not None  # noqa: S101 - made just now
        return self._merged

    async def _renew(self) -> None:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            names = list(self._origins)
            fetched = await asyncio.gather(*(self._fetch(session, name) for name in names))
        parts = {name: part for name, part in zip(names, fetched, strict=True) if part is not None}
        kept = _KEPT_SECONDS if len(parts) == len(names) else _INCOMPLETE_KEPT_SECONDS
        self._merged = merge(self._own(), parts)
        self._good_until = time.monotonic() + kept

    async def _fetch(self, session: aiohttp.ClientSession, name: str) -> Document | None:
        url = f"{self._origins[name].rstrip('/')}/openapi.json"
        try:
            async with session.get(url, raise_for_status=True) as response:
                document: Document = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("no OpenAPI document", service=name, error=type(error).__name__)
            return None
        return document if "paths" in document else None


def merge(own: Document, parts: Mapping[str, Document]) -> Document:
    """One document: of each service the paths that the door sends to it, with their schemas."""
    merged: Document = {
        "openapi": own["openapi"],
        "info": {"title": "Webox", "version": own["info"]["version"]},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": _SECURITY_SCHEMES},
    }
    for name, part in {"": own, **parts}.items():
        _add(merged, name, part)
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return merged


def _add(merged: Document, service: str, part: Document) -> None:
    """Add what the door sends to `service`; "" is the gateway itself."""
    paths = {path: item for path, item in part["paths"].items() if _answers(path) == service}
    own_schemas = part.get("components", {}).get("schemas", {})
    used = _reachable(paths, own_schemas)
    schemas: Document = merged["components"]["schemas"]
    renamed = {name: _free_name(name, service, own_schemas[name], schemas) for name in sorted(used)}
    schemas.update({renamed[name]: _with_names(own_schemas[name], renamed) for name in used})
    for path, item in paths.items():
        merged["paths"][path] = _secured(path, _with_names(item, renamed))


def _answers(path: str) -> str | None:
    """The service that the door sends `path` to; "" is ourselves, None that it goes nowhere."""
    if not is_public(path.replace("{", "").replace("}", "")):
        return None
    route = route_of(path)
    return route.service if route else ""


def _reachable(paths: Document, schemas: Document) -> set[str]:
    """The schemas that `paths` need, and those that these need. Problems are always there."""
    found: set[str] = set()
    waiting = _references(paths) | {"Problem"}
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in found:
            found.add(name)
            waiting |= _references(schemas[name])
    return found


def _references(part: Any) -> set[str]:
    return set(re.findall(rf"'{_REFERENCE}([^']+)'", repr(part)))


def _free_name(name: str, service: str, schema: Any, taken: Document) -> str:
    """`name`, or one with the service before it when another schema has it already."""
    return name if taken.get(name, schema) == schema else f"{service.capitalize()}{name}"


def _with_names(part: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(part, list):
        return [_with_names(each, renamed) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _REFERENCE + renamed[value.removeprefix(_REFERENCE)]
        if key == "$ref" and isinstance(value, str) and value.startswith(_REFERENCE)
        else _with_names(value, renamed)
        for key, value in part.items()
    }


def _secured(path: str, item: Document) -> Document:
    """A path's operations with what the door adds: who may come in, and its own problems."""
    scope = _scope_of(path)
    for method, operation in item.items():
        if method not in _METHODS:
            continue
        operation["security"] = (
            [] if path in _PUBLIC else [{"bearer": [scope] if scope else []}, {"cookie": []}]
        )
        problems = _PROBLEMS | _BODY_PROBLEMS if "requestBody" in operation else _PROBLEMS
        for status, description in problems.items():
            operation["responses"].setdefault(status, _problem(description))
    return item


def _scope_of(path: str) -> str | None:
    if path == "/api/events":
        return "events:write"
    route = route_of(path)
    return str(route.scope) if route else None


def _problem(description: str) -> Document:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": f"{_REFERENCE}Problem"}}},
    }
