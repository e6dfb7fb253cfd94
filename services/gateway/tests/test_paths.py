from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webox_gateway.door.paths import is_public
from webox_gateway.door.routes import route_of

HIDDEN = [
    "/internal",
    "/internal/conversations",
    "/INTERNAL/x",
    "//internal/x",
    "///internal",
    "/%69nternal/x",
    "/%2569nternal/x",
    "/%252569nternal/x",
    "/%2e/internal/x",
    "/./internal/x",
    "/api/../internal/x",
    "/api/chat/../../internal/x",
    "/api/chat/%2e%2e/%2e%2e/internal/x",
    "/api/chat/.%2e/%2E./internal/x",
    "/api/chat/..%2f..%2f..%2finternal/x",
    "/api/chat/..%252f..%252finternal/x",
    "/api/chat/..%5c..%5cinternal/x",
    "/api/chat\\..\\..\\internal/x",
    "/api/chat/..;/..;/internal/x",
    "/internal;a=b/x",
    "/;/internal/x",
    "/;a/internal",
    "/%2finternal/x",
    "/%20internal/x",
    "/internal%20/x",
    "/api/chat/..",
    "/api/chat/.",
    "/api/chat/%2e%2e",
    "/api/chat/..;x",
]

PUBLIC = [
    "/",
    "/login",
    "/api/chat/conversations/5",
    "/api/chat/conversations/5/",
    "/api/chat/conversations/5/tags/a%2Fb",
    "/api/chat/conversations/5/tags/%C3%A9%20%3F%23;x",
    "/api/chat/conversations/5/tags/internal",
    "/api/chat/conversations/5/tags/a%2F..%2Fb",
    "/api/chat/conversations/5/tags/...",
    "/api/chat/conversations/5/tags/.a",
    "/api/chat/folders/G%C3%A9n%C3%A9ral",
    "/internals",
    "/api/internal",
]


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden_paths(path: str) -> None:
    assert not is_public(path)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths(path: str) -> None:
    assert is_public(path)


@given(st.text("/.%;\\2eEfF5cCinteral", max_size=40))
def test_what_passes_is_never_rewritten_to_internal(text: str) -> None:
    """Whatever a WHATWG URL parser makes of a public path begins as the path itself did."""
    path = f"/{text}"
    if is_public(path):
        assert not unquote(path).lower().startswith("/internal/")
        assert unquote(path).lower() != "/internal"
        segments = [segment.lower().replace("%2e", ".") for segment in path.split("/")]
        assert not {".", ".."} & set(segments)
        assert "\\" not in path


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/chat/search", "search"),
        ("/api/chat/searching", "chat"),
        ("/api/chat/conversations/1/export", "exporter"),
        ("/api/chat/conversations/1/export/x", "chat"),
        ("/api/chat/conversations/1/2/export", "chat"),
        ("/api/chat/conversations/1/tags/a\n/export", "chat"),
        ("/api/exports", "exporter"),
        ("/api/exports/", "exporter"),
        ("/api/exportsx", None),
        ("/api/dashboard/stats", "dashboard"),
        ("/api/chat", None),
        ("/ops/chat", "chat"),
        ("/ops/", None),
        ("/ops/chat/x", None),
        ("/API/chat/folders", None),
    ],
)
def test_routes(path: str, service: str | None) -> None:
    route = route_of(path)
    assert (route.service if route else None) == service
