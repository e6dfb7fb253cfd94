"""The HTTP door of accounts and tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status

from webox_gateway.accounts.schemas import (
    AccessTokens,
    Credentials,
    NewAccessToken,
    Registration,
    SignedIn,
    TokenRequest,
    User,
)
from webox_gateway.accounts.service import Page
from webox_gateway.dependencies import (
    Accounts,
    Address,
    AnyTicket,
    IdempotencyKey,
    OverTls,
)
from webox_gateway.door.head import SESSION_COOKIE
from webox_kit.app import PROBLEMS
from webox_kit.pagination import DEFAULT_LIMIT, Cursor, Limit, Skip

router = APIRouter(prefix="/api/auth", tags=["Accounts"], responses=PROBLEMS)

_CONFLICT: dict[int | str, dict[str, Any]] = {409: {**PROBLEMS[400], "description": "Conflict"}}

TokenId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post("/register", status_code=status.HTTP_201_CREATED, responses=_CONFLICT)
async def register(registration: Registration, accounts: Accounts) -> User:
    """Make an account; 409 when the e-mail has one, 403 when registration is switched off."""
    return await accounts.register(registration)


@router.post("/login")
async def login(
    credentials: Credentials,
    response: Response,
    accounts: Accounts,
    address: Address,
    over_tls: OverTls,
) -> SignedIn:
    """Start a session; 429 after too many tries for the account or from the address."""
    signed_in = await accounts.login(credentials, address)
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.access_token,
        max_age=signed_in.expires_in,
        httponly=True,
        samesite="lax",
        secure=over_tls,
    )
    response.headers["Cache-Control"] = "no-store"
    return signed_in


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(
    ticket: AnyTicket, response: Response, accounts: Accounts, over_tls: OverTls
) -> None:
    """End the session; its token stops working everywhere within 5 seconds."""
    await accounts.logout(ticket)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=over_tls)


@router.get("/me")
async def me(ticket: AnyTicket, accounts: Accounts) -> User:
    """Who the token stands for."""
    return await accounts.user(ticket.grant.identity.user_id)


@router.post("/tokens", status_code=status.HTTP_201_CREATED, responses=_CONFLICT)
async def create_token(
    request: TokenRequest,
    ticket: AnyTicket,
    response: Response,
    accounts: Accounts,
    idempotency_key: IdempotencyKey = None,
) -> NewAccessToken:
    """Make a personal access token; its secret is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    return await accounts.create_token(ticket, request, idempotency_key)


@router.get("/tokens")
async def tokens(
    ticket: AnyTicket,
    accounts: Accounts,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    skip: Skip = None,
) -> AccessTokens:
    """The user's personal access tokens, newest first, without their secrets."""
    return await accounts.tokens(ticket.grant.identity.user_id, Page(limit, cursor, skip))


@router.delete("/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_token(token_id: TokenId, ticket: AnyTicket, accounts: Accounts) -> None:
    """Delete a personal access token; it stops working everywhere within 5 seconds."""
    await accounts.revoke_token(ticket, token_id)
