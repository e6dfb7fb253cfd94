"""The HTML pages: signing in, and the documentation of the API. Nothing in them is remote."""

from functools import cache
from importlib import import_module, resources
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from webox_gateway.merged_openapi import MergedOpenApi
from webox_gateway.pages.words import language_of, login_words

router = APIRouter(include_in_schema=False)

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
# Swagger UI sets style attributes; its scripts need nothing.
_DOCS_HEADERS = {
    **_HEADERS,
    "Content-Security-Policy": _CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
}

_ASSETS = {
    "/login/style.css": ("webox_gateway.pages", "login.css", "text/css"),
    "/login/script.js": ("webox_gateway.pages", "login.js", "text/javascript"),
    "/docs/start.js": ("webox_gateway.pages", "docs.js", "text/javascript"),
    "/docs/swagger-ui.css": ("fastapi_offline", "static/swagger-ui.css", "text/css"),
    "/docs/swagger-ui-bundle.js": (
        "fastapi_offline",
        "static/swagger-ui-bundle.js",
        "text/javascript",
    ),
}


async def _merged(request: Request) -> MergedOpenApi:
    merged: MergedOpenApi = request.app.state.merged_openapi
    return merged


@router.get("/login")
def login_page(accept_language: Annotated[str | None, Header()] = None) -> HTMLResponse:
    language = language_of(accept_language)
    page = _login_template().render(lang=language, words=login_words(language))
    return HTMLResponse(page, headers={**_HEADERS, "Vary": "Accept-Language"})


@router.get("/docs")
def docs_page() -> HTMLResponse:
    return HTMLResponse(_read("webox_gateway.pages", "docs.html"), headers=_DOCS_HEADERS)


@router.get("/openapi.json")
async def openapi(merged: Annotated[MergedOpenApi, Depends(_merged)]) -> JSONResponse:
    return JSONResponse(await merged.document())


def asset(request: Request) -> Response:
    package, file, media_type = _ASSETS[request.url.path]
    return Response(_read(package, file), media_type=media_type, headers=_HEADERS)


for _path in _ASSETS:
    router.add_api_route(_path, asset)


def _read(package: str, file: str) -> bytes:
    return (resources.files(package) / file).read_bytes()


@cache
def _login_template() -> Any:
    """Jinja is imported when the page is first asked for."""
    jinja2 = import_module("jinja2")
    source = _read("webox_gateway.pages", "login.html").decode()
    return jinja2.Environment(autoescape=True).from_string(source)
