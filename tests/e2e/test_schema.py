"""Chat's routes held against the OpenAPI document, with everything it allows and much it doesn't.

Schemathesis makes the requests from the document, valid ones and others, and compares the answers
with it: their status, their content type, their headers, and their content.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from webox_stack import Stack, User, registered

CHAT = "/api/chat/"
# These belong to other services.
NOT_CHAT = ("/api/chat/search", "/api/chat/conversations/{conversation_id}/export")
ROUTES = [
    "GET /api/chat/conversations",
    "GET /api/chat/conversations/{conversation_id}",
    "PATCH /api/chat/conversations/{conversation_id}",
    "DELETE /api/chat/conversations/{conversation_id}",
    "POST /api/chat/conversations/{conversation_id}/favorite",
    "POST /api/chat/conversations/{conversation_id}/tags",
    "DELETE /api/chat/conversations/{conversation_id}/tags/{tag}",
    "POST /api/chat/send",
    "GET /api/chat/messages/{message_id}",
    "PATCH /api/chat/messages/{message_id}",
    "GET /api/chat/messages/{message_id}/stream",
    "POST /api/chat/messages/{message_id}/cancel",
    "POST /api/chat/messages/{message_id}/replies/{provider}/cancel",
    "POST /api/chat/messages/{message_id}/replies/{provider}/retry",
    "GET /api/chat/messages/{message_id}/replies/{provider}",
    "GET /api/chat/providers",
    "GET /api/chat/budget",
    "GET /api/chat/settings",
    "PATCH /api/chat/settings",
    *(
        f"{method} /api/chat/{label}s{path}"
        for label in ("folder", "tag")
        for method, path in (("GET", ""), ("PATCH", "/{name}"), ("DELETE", "/{name}"))
    ),
]
STREAMING = {"POST /api/chat/send", "PATCH /api/chat/messages/{message_id}"}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 16
# The same ones at every run, and none kept: whoever breaks a route sees it, and nobody else.
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def document(webox: Stack) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{webox.url}/openapi.json").raise_for_status().json()
    return answer


@pytest.fixture(scope="module")
def schema(webox: Stack, document: dict[str, Any]) -> BaseSchema:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=webox.url)
    return schema


def test_every_route_of_chat_is_tried(document: dict[str, Any]) -> None:
    declared = [
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        if path.startswith(CHAT) and path not in NOT_CHAT
        for method in operations
    ]
    assert sorted(declared) == sorted(ROUTES)


@pytest.fixture(scope="module")
async def one_user(webox: Stack) -> AsyncIterator[User]:
    """One for all routes, with a conversation for each: making users is slow on purpose."""
    async with registered(webox.url) as user:
        yield user


@pytest.fixture
def session(one_user: User) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {one_user.token}"
        yield session


@pytest.fixture
async def existing(one_user: User, route: str) -> dict[str, Any]:
    """What the paths can name: a conversation of the user's with a tag, its message and reply."""
    if route.endswith("/cancel"):
        unfinished = {"selected_models": {"GPT-4": "hang_headers"}, "wait": {"seconds": 0}}
        sent = await one_user.send(
            "Bonjour", expect=202, selected_providers=["GPT-4"], **unfinished
        )
    else:
        sent = await one_user.send("Bonjour", selected_providers=["GPT-4", "Claude"], folder="été")
    conversation = sent["conversation_id"]
    await one_user.post(f"/api/chat/conversations/{conversation}/tags", {"tag": "été"})
    return {
        "conversation_id": conversation,
        "message_id": sent["message_id"],
        "provider": "GPT-4",
        "tag": "été",
        "name": "été",
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("route", ROUTES)
def test_answers_are_as_declared(
    schema: BaseSchema,
    session: requests.Session,
    existing: dict[str, Any],
    route: str,
    mode: GenerationMode,
) -> None:
    method, path = route.split(" ")
    operation = schema[path][method]
    real = {name: value for name, value in existing.items() if f"{{{name}}}" in path}
    cases = st.one_of(
        operation.as_strategy(mode),
        operation.as_strategy(mode, path_parameters=real) if real else st.nothing(),
    )
    statuses = set()

    @given(st.data())
    @BOUNDED
    def try_it(data: st.DataObject) -> None:
        case = data.draw(cases)
        hasten(case, plain=data.draw(st.booleans()))
        streamed = route in STREAMING and data.draw(st.booleans())
        accept = {"Accept": "text/event-stream"} if streamed else {}
        response = case.call(session=session, headers=accept)
        statuses.add(response.status_code)
        assert response.status_code < 500 or is_declared(response), response.text
        case.validate_response(response, checks=CHECKS)
        assert media_type(response) in declared_types(operation.definition.raw, response)

    try_it()
    # Valid requests got in; else nothing much was tried.
    assert mode is GenerationMode.NEGATIVE or statuses - {400, 404}, statuses


def hasten(case: Case, *, plain: bool) -> None:
    """A send waits for no reply; a `plain` one names nothing that hardly ever is there."""
    if not isinstance(case.body, dict) or "message" not in case.body:
        return
    if isinstance(case.body.get("wait", {}), dict):
        case.body["wait"] = {"seconds": 0}
    if plain:
        for name in ("selected_providers", "selected_models", "conversation_id"):
            case.body.pop(name, None)


def media_type(response: Any) -> str | None:
    """Schemathesis has a list of values a header, their names in lower case."""
    [sent] = response.headers.get("content-type", [None])
    return sent.partition(";")[0] if sent else None


def declared_types(operation: dict[str, Any], response: Any) -> list[str | None]:
    """The content types declared for the answer's status; None where it has no content."""
    return [*operation["responses"][str(response.status_code)].get("content", {None: {}})]


def is_declared(response: Any) -> bool:
    """Every provider failed, or out of reach for the moment."""
    all_failed = response.status_code == 502 and "message_id" in response.json()
    return all_failed or "retry-after" in response.headers
