"""What the endpoints get: who asks, from where, and the services that do the work."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from webox_contracts.identity import Scope
from webox_gateway.accounts.service import AccountService
from webox_gateway.client_address import client_address, is_secure
from webox_gateway.door.head import RequestHead
from webox_gateway.door.tickets import Ticket
from webox_gateway.product_events.service import ProductEventService
from webox_gateway.settings import GatewaySettings


def _head(request: Request) -> RequestHead:
    head: RequestHead = request.scope["state"]["head"]
    return head


def _settings(request: Request) -> GatewaySettings:
    settings: GatewaySettings = request.app.state.settings
    return settings


def admitted(scope: Scope | None) -> Callable[[Request], Awaitable[Ticket]]:
    """A dependency: the ticket of a request whose token may use `scope`; None: any good token."""

    async def admit(request: Request) -> Ticket:
        ticket: Ticket = await request.app.state.admission.admit(
            _head(request), request.method, scope
        )
        return ticket

    return admit


async def _accounts(request: Request) -> AccountService:
    accounts: AccountService = request.app.state.accounts
    return accounts


async def _product_events(request: Request) -> ProductEventService:
    product_events: ProductEventService = request.app.state.product_events
    return product_events


async def _address(request: Request) -> str:
    trusted = _settings(request).trusted_proxies
    peer = request.client.host if request.client else ""
    return client_address(peer, _head(request).read.get("x-forwarded-for"), trusted)


async def _over_tls(request: Request) -> bool:
    settings = _settings(request)
    if settings.public_url is not None:
        return settings.public_url.startswith("https:")
    peer = request.client.host if request.client else ""
    forwarded = _head(request).read.get("x-forwarded-proto")
    return is_secure(request.url.scheme, peer, forwarded, settings.trusted_proxies)


Accounts = Annotated[AccountService, Depends(_accounts)]
ProductEvents = Annotated[ProductEventService, Depends(_product_events)]
Address = Annotated[str, Depends(_address)]
OverTls = Annotated[bool, Depends(_over_tls)]
AnyTicket = Annotated[Ticket, Depends(admitted(None))]
EventsTicket = Annotated[Ticket, Depends(admitted(Scope.EVENTS_WRITE))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]
