"""`/internal/product-events`: there for services of Webox, and for nobody else."""

import runpy
from typing import Any

import pytest
from sqlalchemy import select, text, update

from webox_contracts.identity import ASSERTION_HEADER
from webox_gateway.models import product_event
from webox_gateway.testing import Gateway
from webox_kit.event_tables import outbox
from webox_kit.identity import ServiceSigner
from webox_kit.migrations import migrations_of
from webox_kit.testing import Keys

from .test_product_events import report, reporter, website

PATH = "/internal/product-events"


async def test_services_read_all_that_was_reported_in_pages(gateway: Gateway, keys: Keys) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for number in range(3):
        await report(gateway, website(person.id, id=f"e-{number}"), headers)
    service = keys.service_headers("gateway", "dashboard")

    first = await gateway.client.get(PATH, params={"limit": 2}, headers=service)
    found = first.json()["events"]
    rest = await gateway.client.get(PATH, params={"after": found[-1]["id"]}, headers=service)
    found += rest.json()["events"]

    assert [each["event_id"] for each in found] == ["e-0", "e-1", "e-2"]
    one = {name: found[0][name] for name in ("user_id", "type", "subject", "name", "bytes")}
    assert one == {
        "user_id": person.id,
        "type": "webox.website.created",
        "subject": "site-1",
        "name": "Mon Portfolio",
        "bytes": 2048,
    }
    async with gateway.database.engine.connect() as connection:
        published = list(await connection.scalars(select(outbox.c.event_id).order_by(outbox.c.id)))
    assert [each["published_as"] for each in found] == published[-3:]


async def test_events_reported_before_get_the_id_that_the_outbox_knows(gateway: Gateway) -> None:
    person = await gateway.user()
    headers = await reporter(gateway, person)
    for number in range(3):
        await report(gateway, website(person.id, id=f"e-{number}"), headers)
    ids = select(product_event.c.published_as).order_by(product_event.c.id)
    async with gateway.database.transaction() as session:
        known = list(await session.scalars(ids))
        await session.execute(update(product_event).values(published_as=None))

        [migration] = migrations_of("webox_gateway").glob("0002_*.py")
        await session.execute(text(runpy.run_path(str(migration))["FILL"]))

        assert list(await session.scalars(ids)) == known
    assert len(set(known)) == 3


def strangers(keys: Keys) -> dict[str, dict[str, str]]:
    return {
        "nobody": {},
        "a user": keys.user_headers("gateway"),
        "an administrator": keys.user_headers("gateway", role="admin"),
        "a service for another": keys.service_headers("chat", "dashboard"),
        "another secret": ServiceSigner("dashboard", b"x" * 32).headers("gateway"),
        "no assertion": {ASSERTION_HEADER: "x.y.z"},
    }


@pytest.mark.parametrize(
    "who",
    [
        "nobody",
        "a user",
        "an administrator",
        "a service for another",
        "another secret",
        "no assertion",
    ],
)
async def test_for_everybody_else_it_is_not_there(gateway: Gateway, keys: Keys, who: str) -> None:
    answer = await gateway.client.get(PATH, headers=strangers(keys)[who])
    assert answer.status_code == 404
    person = await gateway.user(role="admin")
    answer = await gateway.client.get(PATH, headers=strangers(keys)[who] | person.bearer)
    assert answer.status_code == 404


SPELLINGS = (
    "//internal/product-events",
    "/Internal/product-events",
    "/internal%2fproduct-events",
    "/internal/product-events/",
    "/internal/other",
    "/api/../internal/product-events",
)


@pytest.mark.parametrize("target", SPELLINGS)
async def test_nor_is_any_other_spelling_or_path(gateway: Gateway, keys: Keys, target: str) -> None:
    assert status(await ask(gateway, keys, f"GET {target}")) == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_nor_any_other_method(gateway: Gateway, keys: Keys, method: str) -> None:
    assert status(await ask(gateway, keys, f"{method} {PATH}")) == 404


async def test_nor_two_assertions(gateway: Gateway, keys: Keys) -> None:
    twice = f"{ASSERTION_HEADER}: {keys.user_headers('gateway')[ASSERTION_HEADER]}\r\n"
    assert status(await ask(gateway, keys, f"GET {PATH}", twice)) == 404


async def ask(gateway: Gateway, keys: Keys, line: str, more: str = "") -> bytes:
    """The answer to a service, however the request line is spelled."""
    assertion = keys.service_headers("gateway", "dashboard")[ASSERTION_HEADER]
    answer: Any = await gateway.raw(
        f"{line} HTTP/1.1\r\nHost: x\r\n{ASSERTION_HEADER}: {assertion}\r\n{more}"
        "Connection: close\r\n\r\n".encode()
    )
    return bytes(answer)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
