"""May this request, with this token, do that?"""

from urllib.parse import urlsplit

from webox_contracts.identity import Scope
from webox_gateway.door.head import RequestHead, bearer_or_cookie
from webox_gateway.door.tickets import Ticket, Tickets
from webox_kit.errors import ForbiddenError

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Admission:
    """Admits requests by their token; `public_url` is where browsers find us, if configured."""

    def __init__(self, tickets: Tickets, public_url: str | None) -> None:
        self._tickets = tickets
        self._public_host = urlsplit(public_url).netloc if public_url else None

    async def admit(self, head: RequestHead, method: str, scope: Scope | None) -> Ticket:
        """The ticket of a request that may use `scope` (None: any good token will do).

        Raises:
            NotAuthenticatedError: there is no token, or it is not valid.
            ForbiddenError: it lacks the scope, or a cookie came with somebody else's page.
        """
        token, by_cookie = bearer_or_cookie(head)
        if by_cookie and method not in _READING_METHODS:
            self._check_same_origin(head)
        ticket = await self._tickets.verify(token)
        if scope is not None:
            _check_scope(ticket, scope)
        return ticket

    def _check_same_origin(self, head: RequestHead) -> None:
        fetched_from = head.read.get("sec-fetch-site")
        origin = head.read.get("origin")
        own_hosts = {self._public_host, head.read.get("host")}
        trusted = [
            *([fetched_from == "same-origin"] if fetched_from is not None else []),
            *([urlsplit(origin).netloc in own_hosts] if origin is not None else []),
        ]
        if not trusted or not all(trusted):
            raise ForbiddenError(
                "A request that changes something and is signed in by cookie must come from "
                "a page of this site; programs send the token as `Authorization: Bearer …`."
            )


def _check_scope(ticket: Ticket, scope: Scope) -> None:
    identity = ticket.grant.identity
    if scope is Scope.ADMIN and identity.role != "admin":
        raise ForbiddenError("This is for administrators.")
    if scope not in identity.scopes:
        raise ForbiddenError(f"The token lacks the scope `{scope}`.")
