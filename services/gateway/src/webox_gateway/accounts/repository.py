"""All SQL about accounts, their sessions and tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    LargeBinary,
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.exc import DBAPIError

from webox_contracts.identity import Identity, Scope
from webox_gateway.door.tickets import Grant
from webox_gateway.models import access_token, account, session
from webox_kit.database import Database, Session
from webox_kit.errors import UnavailableError
from webox_kit.statements import Row as HotRow
from webox_kit.statements import Statement

_IDEMPOTENCY_KEPT = timedelta(hours=24)
_USE_NOTED_EVERY = timedelta(minutes=1)

SESSION_SCOPES = frozenset({Scope.CHAT, Scope.EXPORTS, Scope.DASHBOARD_READ})


def scopes_of(role: str) -> frozenset[Scope]:
    """What a session of this role may do; a token may be made with `events:write` besides."""
    return SESSION_SCOPES | {Scope.ADMIN} if role == "admin" else SESSION_SCOPES


class AccountRepository:
    def __init__(self, database_session: Session) -> None:
        self._session = database_session

    async def add(self, email: str, name: str, role: str, password_hash: str) -> Row[Any] | None:
        """The new account; None when the e-mail is taken."""
        statement = (
            insert(account)
            .from_select(
                ["email", "email_key", "name", "role", "password_hash"],
                select(*map(literal, (email, email_key(email), name, role, password_hash))).where(
                    ~select(account.c.id).where(account.c.email_key == email_key(email)).exists()
                ),
            )
            .returning(account)
        )
        added: Row[Any] | None = (await self._session.execute(statement)).one_or_none()
        return added

    async def by_id(self, user_id: int) -> Row[Any] | None:
        found = await self._session.execute(select(account).where(account.c.id == user_id))
        return found.one_or_none()

    async def by_email(self, email: str) -> Row[Any] | None:
        found = await self._session.execute(
            select(account).where(account.c.email_key == email_key(email))
        )
        return found.one_or_none()

    async def has_admin(self) -> bool:
        found = await self._session.scalar(
            select(account.c.id).where(account.c.role == "admin").limit(1)
        )
        return found is not None

    async def remove(self, user_id: int) -> int | None:
        """Delete an account and all it has here; its last version, None when it is not there."""
        version: int | None = await self._session.scalar(
            delete(account).where(account.c.id == user_id).returning(account.c.version)
        )
        return version

    async def add_session(self, user_id: int, digest: bytes, kept: timedelta) -> int | None:
        """The new session's id; None when the account has gone meanwhile."""
        session_id: int | None = await self._session.scalar(
            insert(session)
            .from_select(
                ["user_id", "digest", "expires_at"],
                select(account.c.id, literal(digest), func.now() + kept).where(
                    account.c.id == user_id
                ),
            )
            .returning(session.c.id)
        )
        return session_id

    async def remove_session(self, session_id: int) -> None:
        await self._session.execute(delete(session).where(session.c.id == session_id))

    async def remove_all_sessions(self) -> None:
        await self._session.execute(delete(session))

    async def remove_expired_sessions(self) -> None:
        await self._session.execute(delete(session).where(session.c.expires_at < func.now()))


class TokenRepository:
    """Personal access tokens of `user_id`: nobody else's can be seen or touched."""

    def __init__(self, database_session: Session, user_id: int) -> None:
        self._session = database_session
        self._mine = access_token.c.user_id == user_id
        self._user_id = user_id

    async def add(
        self,
        *,
        name: str,
        scopes: Sequence[str],
        digest: bytes,
        days: int | None,
        idempotency_key: str | None,
        request_digest: bytes,
    ) -> Row[Any]:
        statement = (
            insert(access_token)
            .values(
                user_id=self._user_id,
                name=name,
                scopes=list(scopes),
                digest=digest,
                expires_at=None if days is None else func.now() + timedelta(days=days),
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
            .returning(access_token)
        )
        added: Row[Any] = (await self._session.execute(statement)).one()
        return added

    async def made_with(self, idempotency_key: str) -> Row[Any] | None:
        """The token that this key made within the last day.

        Requests of one user take turns here, so that two with one key cannot both find nothing.
        """
        await self._session.execute(
            select(account.c.id).where(account.c.id == self._user_id).with_for_update()
        )
        await self._session.execute(
            update(access_token)
            .where(
                self._mine,
                access_token.c.idempotency_key == idempotency_key,
                access_token.c.created_at < func.now() - _IDEMPOTENCY_KEPT,
            )
            .values(idempotency_key=None)
        )
        found = await self._session.execute(
            select(access_token).where(
                self._mine, access_token.c.idempotency_key == idempotency_key
            )
        )
        return found.one_or_none()

    async def page(self, limit: int, before: int | None, skip: int | None) -> Sequence[Row[Any]]:
        """Tokens newest first, those with smaller ids than `before`."""
        statement = select(access_token).where(self._mine).order_by(access_token.c.id.desc())
        if before is not None:
            statement = statement.where(access_token.c.id < before)
        return (await self._session.execute(statement.limit(limit).offset(skip))).all()

    async def remove(self, token_id: int) -> bool:
        removed = await self._session.scalar(
            delete(access_token)
            .where(self._mine, access_token.c.id == token_id)
            .returning(access_token.c.id)
        )
        return removed is not None


async def find_grant(database: Database, digest: bytes) -> Grant | None:
    """What a token's digest stands for, noting the token's use once a minute.

    Raises:
        UnavailableError: the database is away, so nobody can be told from anybody.
    """
    try:
        [rows] = await database.run(_GRANTS(digest=digest))
        if rows and rows[0]["note_use"]:
            await database.run(_NOTE_USE(token_id=rows[0]["token_id"]))
    except (DBAPIError, OSError) as error:
        raise UnavailableError("Tokens cannot be checked for the moment.") from error
    return _grant(rows[0]) if rows else None


def _seconds_to(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    return func.extract("epoch", moment - func.now()).cast(Double)


def _grants() -> Statement:
    """Sessions and tokens in one question: the digest does not say which it is."""
    digest = bindparam("digest", type_=LargeBinary)
    sessions = (
        select(
            literal(value=True).label("is_session"),
            session.c.id.label("token_id"),
            account.c.id.label("user_id"),
            account.c.role,
            null().cast(ARRAY(TEXT)).label("scopes"),
            _seconds_to(session.c.expires_at).label("expires_in"),
            literal(value=False).label("note_use"),
        )
        .join(account, account.c.id == session.c.user_id)
        .where(session.c.digest == digest, session.c.expires_at > func.now())
    )
    last_used = access_token.c.last_used_at
    tokens = (
        select(
            literal(value=False),
            access_token.c.id,
            account.c.id,
            account.c.role,
            access_token.c.scopes,
            _seconds_to(access_token.c.expires_at),
            last_used.is_(None) | (last_used < func.now() - _USE_NOTED_EVERY),
        )
        .join(account, account.c.id == access_token.c.user_id)
        .where(
            access_token.c.digest == digest,
            access_token.c.expires_at.is_(None) | (access_token.c.expires_at > func.now()),
        )
    )
    return Statement(union_all(sessions, tokens))


_GRANTS = _grants()
_NOTE_USE = Statement(
    update(access_token)
    .where(access_token.c.id == bindparam("token_id", type_=BigInteger))
    .values(last_used_at=func.now())
    .returning(access_token.c.id)
)


def _grant(row: HotRow) -> Grant:
    may = scopes_of(row["role"])
    scopes = may if row["is_session"] else frozenset(row["scopes"]) & {*may, Scope.EVENTS_WRITE}
    return Grant(
        token_id=row["token_id"],
        session=row["is_session"],
        identity=Identity(user_id=row["user_id"], role=row["role"], scopes=frozenset(scopes)),
        expires_in=row["expires_in"],
    )


def email_key(email: str) -> str:
    return email.strip().casefold()
