"""Who a token stands for, remembered for a few seconds, and the assertions made from it.

Every request shows a token, so the answer of the database is kept for four seconds: a token
that is revoked stops working at once in this process and within that time in any other.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from webox_contracts.identity import Identity
from webox_kit import clock
from webox_kit.errors import NotAuthenticatedError
from webox_kit.identity import AssertionSigner

_REMEMBERED_SECONDS = 4.0
_ASSERTION_SECONDS = 30.0
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What the database knows of a token that is good: who it stands for, until when.

    `session` tells a login's session from a personal access token; `expires_in` is in seconds
    from when it was asked for, by the database's clock; None for never.
    """

    token_id: int
    session: bool
    identity: Identity
    expires_in: float | None


@dataclass(slots=True)
class Ticket:
    """A verified token, with the assertions made from it by audience."""

    digest: bytes
    grant: Grant
    checked_at: float
    assertions: dict[str, tuple[str, float]] = field(default_factory=dict)


Lookup = Callable[[bytes], Awaitable[Grant | None]]
"""Finds the grant of a token's SHA-256 digest; None: unknown, expired or revoked."""


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Tickets:
    """Verifies tokens with `lookup` and signs assertions with `signer`."""

    def __init__(self, lookup: Lookup, signer: AssertionSigner) -> None:
        self._lookup = lookup
        self._signer = signer
        self._known: dict[bytes, Ticket] = {}
        self._asked: dict[bytes, asyncio.Task[Ticket | None]] = {}

    async def verify(self, token: str | None) -> Ticket:
        """The ticket of a token.

        Raises:
            NotAuthenticatedError: none was shown, or it is unknown, expired or revoked.
        """
        if not token:
            raise NotAuthenticatedError("Show a token: `Authorization: Bearer …`.")
        ticket = await self._fresh(digest_of(token))
        if ticket is None:
            raise NotAuthenticatedError("The token is not valid, or not any more.")
        return ticket

    async def holds(self, ticket: Ticket) -> bool:
        """Whether the token behind `ticket` is still good."""
        return await self._fresh(ticket.digest) is not None

    def assertion(self, ticket: Ticket, audience: str) -> str:
        """A signed assertion of who `ticket` stands for, at most 30 s old.

        Older or from the future is also what was signed before somebody set the clock.
        """
        now = clock.timestamp()
        assertion, signed_at = ticket.assertions.get(audience, ("", 0.0))
        if not 0 <= now - signed_at < _ASSERTION_SECONDS:
            assertion = self._signer.sign(ticket.grant.identity, audience)
            ticket.assertions[audience] = (assertion, now)
        return assertion

    def refused(self, ticket: Ticket, audience: str, problem: bytes) -> bool:
        """`audience` refused the assertion with this problem: whether a new one may be accepted."""
        ticket.assertions.pop(audience, None)
        return self._signer.clocks.learn(audience, problem)

    def forget(self, *, token_id: int, session: bool) -> None:
        """Ask the database at this token's next use: it was revoked."""
        for digest, ticket in list(self._known.items()):
            if ticket.grant.token_id == token_id and ticket.grant.session is session:
                del self._known[digest]

    async def _fresh(self, digest: bytes) -> Ticket | None:
        ticket = self._known.get(digest)
        now = time.monotonic()
        if ticket is not None and now < ticket.checked_at + _REMEMBERED_SECONDS:
            expires_in = ticket.grant.expires_in
            return ticket if expires_in is None or now < ticket.checked_at + expires_in else None
        return await self._ask_once(digest)

    async def _ask_once(self, digest: bytes) -> Ticket | None:
        """Requests that come together with the same token share one question."""
        task = self._asked.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(digest))
            self._asked[digest] = task
            task.add_done_callback(lambda _: self._asked.pop(digest, None))
        return await asyncio.shield(task)

    async def _ask(self, digest: bytes) -> Ticket | None:
        checked_at = time.monotonic()
        grant = await self._lookup(digest)
        before = self._known.pop(digest, None)
        if grant is None:
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        ticket = Ticket(digest, grant, checked_at)
        if before is not None and before.grant.identity == grant.identity:
            ticket.assertions = before.assertions
        self._known[digest] = ticket
        return ticket
