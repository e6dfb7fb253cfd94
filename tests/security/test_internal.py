"""What services say to each other is not for those outside."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from webox_stack import Stack, User

from webox_contracts.identity import ASSERTION_HEADER


def status_of(webox: Stack, target: str, headers: dict[str, str]) -> int:
    """The status for a request target sent exactly as it is written, as no browser would."""
    connection = http.client.HTTPConnection(urlsplit(webox.url).netloc, timeout=30)
    try:
        connection.putrequest("GET", target, skip_host=False)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "target",
    [
        "/internal/documents",
        "//internal/documents",
        "/./internal/documents",
        "/INTERNAL/documents",
        "/%69nternal/documents",
        "/internal%2fdocuments",
        "/api/../internal/documents",
        "/api/chat/../../internal/documents",
        "/api/chat/%2e%2e/%2e%2e/internal/documents",
        "/api/chat/..%2f..%2finternal/documents",
        "/api/chat/..;/..;/internal/documents",
        "/api/chat/..%5c..%5cinternal/documents",
        "/api/exports/../../internal/documents",
        "/ops/../internal/documents",
    ],
)
def test_internal_routes_are_not_there(webox: Stack, admin: User, target: str) -> None:
    headers = {"Authorization": f"Bearer {admin.token}"}
    assert status_of(webox, target, headers) in {400, 404}


async def test_a_client_cannot_say_who_it_is(user: User, admin: User) -> None:
    forged = json.dumps({"user_id": admin.id, "role": "admin"})
    for name in (ASSERTION_HEADER, "X-User-Id", "X-Forwarded-User"):
        me = await user.get("/api/auth/me", headers={name: forged})
        assert me["id"] == user.id
        await user.get("/ops/chat", headers={name: forged}, expect=403)
        listed = await user.get("/api/chat/conversations", headers={name: forged})
        assert listed["conversations"] == []
    twin = ASSERTION_HEADER.replace("-", "_")
    await user.get("/api/chat/conversations", headers={twin: forged}, expect=400)


async def test_members_that_are_not_asked_for_change_nothing(user: User, admin: User) -> None:
    sent = await user.send(
        "Bonjour",
        selected_providers=["GPT-4"],
        id=1,
        user_id=admin.id,
        role="admin",
        status="failed",
        attempt=9,
        created_at="2000-01-01T00:00:00Z",
    )
    assert sent["replies"]["GPT-4"]["status"] == "done"
    assert sent["replies"]["GPT-4"]["attempt"] == 1
    assert not sent["created_at"].startswith("2000")
    path = f"/api/chat/conversations/{sent['conversation_id']}"
    await user.ask("PATCH", path, json={"title": "Mien", "user_id": admin.id, "id": 1})
    assert (await user.get(path))["title"] == "Mien"
