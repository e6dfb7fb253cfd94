from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from webox_probe.main import create_app
from webox_probe.settings import ProbeSettings

from webox_kit.context import RequestContext, enter_request
from webox_kit.errors import NotFoundError, UnavailableError
from webox_kit.identity import ServiceSigner
from webox_kit.internal_http import InternalClient
from webox_kit.testing import SERVICE_SECRET, serve


async def client_of(base: httpx.AsyncClient) -> InternalClient:
    return InternalClient("probe", str(base.base_url), ServiceSigner("exporter", SERVICE_SECRET))


@pytest.fixture
async def client(make_settings: Any) -> AsyncIterator[InternalClient]:
    async with serve(create_app(make_settings(ProbeSettings))) as base:
        client = await client_of(base)
        yield client
        await client.close()


class TestGet:
    async def test_says_who_calls_and_for_which_request(self, client: InternalClient) -> None:
        enter_request(RequestContext("the-users-request"))
        assert await client.get("/internal/caller", page=2, name="é&=") == {
            "service": "exporter",
            "request_id": "the-users-request",
        }

    async def test_not_there(self, client: InternalClient) -> None:
        with pytest.raises(NotFoundError, match="does not have /internal/nothing"):
            await client.get("/internal/nothing")

    async def test_other_answers_are_an_outage(self, client: InternalClient) -> None:
        with pytest.raises(UnavailableError, match="probe service answered 409"):
            await client.get("/conflict")

    async def test_no_json_is_an_outage(self) -> None:
        app = FastAPI()
        app.get("/text")(lambda: Response("<html>"))
        async with serve(app) as base:
            client = await client_of(base)
            with pytest.raises(UnavailableError, match="could not be understood"):
                await client.get("/text")
            await client.close()

    async def test_nobody_there_is_an_outage(self) -> None:
        client = InternalClient(
            "chat", "http://127.0.0.1:9", ServiceSigner("exporter", SERVICE_SECRET)
        )
        with pytest.raises(UnavailableError, match="The chat service does not answer"):
            await client.get("/internal/caller")
        await client.close()
