import asyncio
from typing import Any

import orjson
from sqlalchemy import func, select

from webox_contracts.events import PRODUCT_EVENTS
from webox_gateway.models import product_event
from webox_gateway.testing import Gateway, Person
from webox_kit.event_tables import outbox

MEDIA_TYPE = "application/cloudevents+json"


def website(user_id: int, **change: object) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "https://builder.example",
        "type": "webox.website.created",
        "subject": "site-1",
        "time": "2025-11-24T14:30:00Z",
        "datacontenttype": "application/json",
        "data": {"user_id": user_id, "name": "Mon Portfolio", "bytes": 2048},
    }
    return {**event, **change}


async def reporter(gateway: Gateway, person: Person, *scopes: str) -> dict[str, str]:
    """Headers of a token of `person` that may report events."""
    made = await gateway.client.post(
        "/api/auth/tokens",
        json={"name": "builder", "scopes": scopes or ["events:write"]},
        headers=person.bearer,
    )
    return {"Authorization": f"Bearer {made.json()['token']}", "Content-Type": MEDIA_TYPE}


async def report(gateway: Gateway, event: object, headers: dict[str, str]) -> Any:
    return await gateway.client.post("/api/events", content=orjson.dumps(event), headers=headers)


async def published(gateway: Gateway) -> list[dict[str, Any]]:
    async with gateway.database.engine.connect() as connection:
        rows = await connection.execute(select(outbox.c.event).order_by(outbox.c.id))
        events = [orjson.loads(row.event) for row in rows]
    return [event for event in events if event["type"].startswith("webox.")]


async def test_an_event_is_stored_and_published_once(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    first = await report(gateway, website(person.id), headers)
    assert first.status_code == 202
    assert first.json() == {"accepted": 1, "duplicates": 0}
    again = await report(gateway, website(person.id), headers)
    assert again.status_code == 202
    assert again.json() == {"accepted": 0, "duplicates": 1}
    [event] = await published(gateway)
    assert event["type"] == "webox.website.created"
    assert event["subject"] == "site-1"
    assert event["data"]["user_id"] == person.id
    assert event["data"]["name"] == "Mon Portfolio"
    assert event["data"]["bytes"] == 2048
    assert event["data"]["occurred_at"] == "2025-11-24T14:30:00Z"
    assert event["requestid"] == first.headers["x-request-id"]


async def test_of_many_at_once_one_counts(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    answers = await asyncio.gather(
        *(report(gateway, website(person.id), headers) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["accepted"] for answer in answers) == 1
    assert len(await published(gateway)) == 1


async def test_another_id_or_source_is_another_event(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for change in ({}, {"id": "e-2"}, {"source": "/other"}):
        answer = await report(gateway, website(person.id, **change), headers)
        assert answer.json()["accepted"] == 1
    assert len(await published(gateway)) == 3


async def test_every_known_type_is_taken(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for number, known in enumerate(PRODUCT_EVENTS):
        event = website(person.id, type=known, id=f"e-{number}")
        assert (await report(gateway, event, headers)).status_code == 202, known
    assert {event["type"] for event in await published(gateway)} == set(PRODUCT_EVENTS)


async def test_an_unknown_type_is_told_the_known_ones(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for unknown in ("webox.website.burnt", "gateway.user_deleted", "chat.reply_finished"):
        answer = await report(gateway, website(person.id, type=unknown), headers)
        assert answer.status_code == 400
        assert all(known in answer.json()["detail"] for known in PRODUCT_EVENTS)
    assert await published(gateway) == []


async def test_users_report_their_own_and_admins_anybodys(gateway: Gateway) -> None:
    ada, eve = await gateway.user(), await gateway.user("eve@example.org")
    admin = await gateway.user("root@example.org", role="admin")
    refused = await report(gateway, website(ada.id), await reporter(gateway, eve))
    assert refused.status_code == 403
    by_admin = await reporter(gateway, admin)
    assert (await report(gateway, website(ada.id), by_admin)).json()["accepted"] == 1
    nobody = await report(gateway, website(999_999), by_admin)
    assert nobody.status_code == 404
    assert [event["data"]["user_id"] for event in await published(gateway)] == [ada.id]


async def test_one_user_cannot_take_anothers_event_ids(gateway: Gateway) -> None:
    ada, eve = await gateway.user(), await gateway.user("eve@example.org")
    await report(gateway, website(eve.id), await reporter(gateway, eve))
    answer = await report(gateway, website(ada.id), await reporter(gateway, ada))
    assert answer.json() == {"accepted": 1, "duplicates": 0}


async def test_it_takes_the_scope(gateway: Gateway) -> None:
    person = await gateway.user()
    session = {**person.bearer, "Content-Type": MEDIA_TYPE}
    assert (await report(gateway, website(person.id), session)).status_code == 403
    chat_only = await reporter(gateway, person, "chat")
    assert (await report(gateway, website(person.id), chat_only)).status_code == 403
    nobody = {"Content-Type": MEDIA_TYPE}
    assert (await report(gateway, website(person.id), nobody)).status_code == 401


async def test_only_structured_mode_is_understood(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for other in ("application/json", "application/cloudevents-batch+json", "text/plain"):
        answer = await report(gateway, website(person.id), {**headers, "Content-Type": other})
        assert answer.status_code == 415, other
    with_charset = {**headers, "Content-Type": f"{MEDIA_TYPE}; charset=utf-8"}
    assert (await report(gateway, website(person.id), with_charset)).status_code == 202


async def test_bad_events_are_refused_and_leave_nothing(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    mine = {"user_id": person.id}
    for change, pointer in [
        ({"specversion": "0.3"}, "#/specversion"),
        ({"id": ""}, "#/id"),
        ({"id": "x" * 256}, "#/id"),
        ({"id": 7}, "#/id"),
        ({"source": None}, "#/source"),
        ({"subject": ""}, "#/subject"),
        ({"time": "yesterday"}, "#/time"),
        ({"time": "2025-11-24T14:30:00"}, "#/time"),
        ({"data": None}, "#/data"),
        ({"data": []}, "#/data"),
        ({"data": {}}, "#/data/user_id"),
        ({"data": {"user_id": str(person.id)}}, "#/data/user_id"),
        ({"data": {"user_id": 2**63}}, "#/data/user_id"),
        ({"data": {**mine, "name": "x" * 201}}, "#/data/name"),
        ({"data": {**mine, "bytes": -1}}, "#/data/bytes"),
        ({"data": {**mine, "bytes": 2**62 + 1}}, "#/data/bytes"),
        ({"data": {**mine, "bytes": 1.5}}, "#/data/bytes"),
        ({"data": mine, "type": "webox.storage.changed"}, "#/data/bytes"),
    ]:
        answer = await report(gateway, website(person.id, **change), headers)
        assert answer.status_code == 400, change
        assert answer.json()["errors"][0]["pointer"] == pointer
    for body in (b"", b"{", b"[]", b"null"):
        answer = await gateway.client.post("/api/events", content=body, headers=headers)
        assert answer.status_code in {400, 415}, body
    async with gateway.database.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(product_event)) == 0
    assert await published(gateway) == []


async def test_unstorable_text_is_replaced(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    body = orjson.dumps(website(person.id)).replace(b"Mon Portfolio", b"A\\u0000\\ud800B")
    answer = await gateway.client.post("/api/events", content=body, headers=headers)
    assert answer.status_code == 202
    [event] = await published(gateway)
    assert event["data"]["name"] == "A\ufffd\ufffdB"
