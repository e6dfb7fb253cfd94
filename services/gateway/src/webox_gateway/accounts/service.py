"""What may happen to accounts, sessions and personal access tokens."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import orjson

from webox_contracts.events import UserDeleted, UserRegistered
from webox_contracts.identity import Scope
from webox_gateway.accounts.login_limit import LoginTries, account_key, address_key
from webox_gateway.accounts.passwords import Passwords
from webox_gateway.accounts.repository import (
    AccountRepository,
    TokenRepository,
    email_key,
    scopes_of,
)
from webox_gateway.accounts.schemas import (
    AccessToken,
    AccessTokens,
    Credentials,
    NewAccessToken,
    Registration,
    SignedIn,
    TokenRequest,
    User,
)
from webox_gateway.door.tickets import Ticket, Tickets, digest_of
from webox_gateway.settings import LoginLimit
from webox_kit.database import Database
from webox_kit.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotAuthenticatedError,
    NotFoundError,
    TooManyRequestsError,
)
from webox_kit.outbox import publish
from webox_kit.pagination import decode_cursor, encode_cursor, reject_both

SOURCE = "gateway"
_SESSION_PREFIX = "wbs_"
_TOKEN_PREFIX = "wbt_"  # noqa: S105 - what a token begins with
_SECRET_BYTES = 32
_LIST = "tokens"


@dataclass(frozen=True)
class AccountRules:
    """What the operator decides."""

    registration: bool
    session_kept: timedelta
    login_limit: LoginLimit


@dataclass(frozen=True)
class Page:
    limit: int
    cursor: str | None
    skip: int | None


class AccountService:
    def __init__(
        self, database: Database, passwords: Passwords, tickets: Tickets, rules: AccountRules
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tickets = tickets
        self._rules = rules

    async def register(self, registration: Registration) -> User:
        """Make an account.

        Raises:
            ForbiddenError: registration is switched off.
            ConflictError: the e-mail has an account.
        """
        if not self._rules.registration:
            raise ForbiddenError("Registration is switched off here; ask the administrator.")
        return await add_account(self._database, self._passwords, registration, role="user")

    async def login(self, credentials: Credentials, address: str) -> SignedIn:
        """Start a session.

        Raises:
            NotAuthenticatedError: the e-mail or the password is wrong; which one is not said.
            TooManyRequestsError: too many tries for this account or from this address.
        """
        keys = account_key(email_key(credentials.email)), address_key(address)
        await self._take_try(*keys)
        async with self._database.transaction() as session:
            account = await AccountRepository(session).by_email(credentials.email)
        stored = account.password_hash if account else None
        matches = await self._passwords.matches(stored, credentials.password)
        if account is None or not matches:
            raise _wrong_credentials()
        return await self._start_session(User.model_validate(account), *keys)

    async def logout(self, ticket: Ticket) -> None:
        """End the session of `ticket`; a personal access token is no session (ForbiddenError)."""
        _require_session(ticket)
        async with self._database.transaction() as session:
            await AccountRepository(session).remove_session(ticket.grant.token_id)
        self._tickets.forget(token_id=ticket.grant.token_id, session=True)

    async def user(self, user_id: int) -> User:
        async with self._database.transaction() as session:
            account = await AccountRepository(session).by_id(user_id)
        if account is None:
            raise NotFoundError("This account is gone.")
        return User.model_validate(account)

    async def create_token(
        self, ticket: Ticket, request: TokenRequest, idempotency_key: str | None
    ) -> NewAccessToken:
        """Make a personal access token.

        Raises:
            ForbiddenError: asked for by a token, or with a scope that this user cannot give.
            ConflictError: the key was used for another request.
        """
        _require_session(ticket)
        _check_scopes(ticket, request.scopes)
        secret = _new_secret(_TOKEN_PREFIX)
        digest = _request_digest(request)
        async with self._database.transaction() as session:
            tokens = TokenRepository(session, ticket.grant.identity.user_id)
            if idempotency_key is not None:
                made = await tokens.made_with(idempotency_key)
                if made is not None:
                    return _made_before(
                        AccessToken.model_validate(made), made.request_digest, digest
                    )
            added = await tokens.add(
                name=request.name,
                scopes=sorted(request.scopes),
                digest=digest_of(secret),
                days=request.expires_in_days,
                idempotency_key=idempotency_key,
                request_digest=digest,
            )
        token = AccessToken.model_validate(added)
        return NewAccessToken(**token.model_dump(), token=secret)

    async def tokens(self, user_id: int, page: Page) -> AccessTokens:
        reject_both(page.cursor, page.skip)
        before = _before(page.cursor) if page.cursor else None
        async with self._database.transaction() as session:
            rows = await TokenRepository(session, user_id).page(page.limit + 1, before, page.skip)
        shown = [AccessToken.model_validate(row) for row in rows[: page.limit]]
        more = len(rows) > page.limit
        return AccessTokens(
            tokens=shown,
            next_cursor=encode_cursor(_LIST, {}, [shown[-1].id]) if more else None,
        )

    async def revoke_token(self, ticket: Ticket, token_id: int) -> None:
        """Delete one of the user's tokens; it stops working everywhere within 5 s."""
        _require_session(ticket)
        async with self._database.transaction() as session:
            tokens = TokenRepository(session, ticket.grant.identity.user_id)
            removed = await tokens.remove(token_id)
        if not removed:
            raise NotFoundError(f"There is no token {token_id}.")
        self._tickets.forget(token_id=token_id, session=False)

    async def _take_try(self, account: str, address: str) -> None:
        async with self._database.transaction() as session:
            wait = await LoginTries(session, self._rules.login_limit).take([account, address])
        if wait is not None:
            raise TooManyRequestsError(
                f"Too many tries to sign in; try again in {wait} seconds.", retry_after=wait
            )

    async def _start_session(self, user: User, account: str, address: str) -> SignedIn:
        secret = _new_secret(_SESSION_PREFIX)
        kept = self._rules.session_kept
        async with self._database.transaction() as session:
            await LoginTries(session, self._rules.login_limit).give_back(account, address)
            started = await AccountRepository(session).add_session(user.id, digest_of(secret), kept)
        if started is None:
            raise _wrong_credentials()
        return SignedIn(access_token=secret, expires_in=int(kept.total_seconds()), user=user)


async def add_account(
    database: Database, passwords: Passwords, registration: Registration, *, role: str
) -> User:
    """Make an account of `role` and say so to the other services.

    Raises:
        ConflictError: the e-mail has an account.
    """
    password_hash = await passwords.hash(registration.password)
    async with database.transaction() as session:
        added = await AccountRepository(session).add(
            registration.email, registration.name, role, password_hash
        )
        if added is None:
            raise ConflictError("There is an account with this e-mail address already.")
        await publish(
            session, UserRegistered(user_id=added.id, version=added.version), source=SOURCE
        )
    return User.model_validate(added)


async def remove_account(database: Database, email: str) -> None:
    """Delete an account, and have every service delete what it holds of that user.

    Raises:
        NotFoundError: nobody has this e-mail.
    """
    async with database.transaction() as session:
        accounts = AccountRepository(session)
        account = await accounts.by_email(email)
        version = await accounts.remove(account.id) if account else None
        if account is None or version is None:
            raise NotFoundError(f"Nobody has the e-mail address {email}.")
        await publish(session, UserDeleted(user_id=account.id, version=version + 1), source=SOURCE)


async def sweep(database: Database, limit: LoginLimit) -> None:
    """Delete sessions and login tries whose time is over."""
    async with database.transaction() as session:
        await AccountRepository(session).remove_expired_sessions()
        await LoginTries(session, limit).forget_old()


def _new_secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)


def _require_session(ticket: Ticket) -> None:
    if not ticket.grant.session:
        raise ForbiddenError("This takes a session, from login; a personal access token cannot.")


def _check_scopes(ticket: Ticket, wanted: frozenset[Scope]) -> None:
    role = ticket.grant.identity.role
    refused = sorted(wanted - scopes_of(role) - {Scope.EVENTS_WRITE})
    if refused:
        raise ForbiddenError(f"You cannot give a token the scope `{refused[0]}`.")


def _request_digest(request: TokenRequest) -> bytes:
    document = {**request.model_dump(), "scopes": sorted(request.scopes)}
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest()


def _before(cursor: str) -> int:
    [before] = decode_cursor(_LIST, {}, cursor, 1)
    if not isinstance(before, int):
        raise BadRequestError("The cursor is not one that this list gave out.")
    return before


def _made_before(token: AccessToken, made_by: bytes, asked_by: bytes) -> NewAccessToken:
    if made_by != asked_by:
        raise ConflictError("This Idempotency-Key was used for another request.")
    return NewAccessToken(**token.model_dump(), token=None)


def _wrong_credentials() -> NotAuthenticatedError:
    return NotAuthenticatedError("The e-mail address or the password is wrong.")
