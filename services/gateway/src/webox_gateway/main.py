"""Composes the gateway: its own app, the proxy, and the door around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from fastapi import FastAPI
from starlette.routing import Route

from webox_gateway import health
from webox_gateway.accounts import endpoints as accounts
from webox_gateway.accounts.passwords import Passwords
from webox_gateway.accounts.repository import find_grant
from webox_gateway.accounts.service import AccountRules, AccountService
from webox_gateway.door.admission import Admission
from webox_gateway.door.app import Door, DoorParts
from webox_gateway.door.measures import Measures
from webox_gateway.door.proxy import Proxy
from webox_gateway.door.tickets import Tickets
from webox_gateway.health import SystemHealth
from webox_gateway.merged_openapi import MergedOpenApi
from webox_gateway.ops import services_section
from webox_gateway.pages import endpoints as pages
from webox_gateway.product_events import endpoints as product_events
from webox_gateway.product_events.service import ProductEventService
from webox_gateway.settings import GatewaySettings
from webox_kit import app as kit_app
from webox_kit.identity import AssertionSigner
from webox_kit.runtime import Runtime


def create_app(settings: GatewaySettings) -> Door:
    runtime = Runtime.create("gateway", settings)
    tickets = Tickets(
        partial(find_grant, runtime.database), AssertionSigner(settings.identity_private_key_file)
    )
    proxy = Proxy(settings.origins(), tickets)
    system_health = SystemHealth(runtime)
    own = kit_app.create_app(
        runtime,
        title="Webox",
        routers=[
            accounts.router,
            product_events.router,
            product_events.internal,
            pages.router,
            health.router,
        ],
        resources=_resources(runtime, tickets, proxy),
        ops=[services_section(system_health)],
    )
    _drop_own_document(own)
    own.state.settings = settings
    own.state.admission = Admission(tickets, settings.public_url)
    own.state.health = system_health
    own.state.merged_openapi = MergedOpenApi(own.openapi, settings.origins())
    return Door(
        DoorParts(
            own=own,
            proxy=proxy,
            tickets=tickets,
            admission=own.state.admission,
            verifier=runtime.verifier,
            measures=Measures(own.state.stats),
            body_seconds=settings.body_seconds,
        )
    )


def _resources(
    runtime: Runtime[GatewaySettings], tickets: Tickets, proxy: Proxy
) -> kit_app.Resources:
    settings = runtime.settings
    rules = AccountRules(
        registration=settings.registration,
        session_kept=timedelta(days=settings.session_days),
        login_limit=settings.login_limit(),
    )

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        passwords = Passwords()
        app.state.accounts = AccountService(runtime.database, passwords, tickets, rules)
        app.state.product_events = ProductEventService(runtime.database)
        try:
            yield
        finally:
            passwords.close()
            await proxy.close()

    return resources


def _drop_own_document(own: FastAPI) -> None:
    """FastAPI's `/openapi.json` shows our own part only; ours shows the merged document."""
    own.router.routes = [
        route
        for route in own.router.routes
        if not (type(route) is Route and route.path == own.openapi_url)
    ]
