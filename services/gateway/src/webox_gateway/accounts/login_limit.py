"""How often a login may be tried: so many times in so long, per account and per address.

A try is noted before the password is looked at, so that many at once do not get more; a login
that succeeds gives it back. What is refused is not noted: it ends by itself.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from webox_gateway.models import login_tries
from webox_gateway.settings import LoginLimit
from webox_kit.database import Session

_IPV6_NETWORK_BITS = 64


class LoginTries:
    def __init__(self, session: Session, limit: LoginLimit) -> None:
        self._session = session
        self._limit = limit

    async def take(self, keys: Sequence[str]) -> int | None:
        """Note a try under all `keys`; or, if one has none left, the seconds until it has."""
        now, recent = await self._recent(keys)
        full = [at for at in recent.values() if len(at) >= self._limit.tries]
        if full:
            free_again = max(at[-self._limit.tries] for at in full) + self._limit.window
            return max(1, round((free_again - now).total_seconds()))
        for key, at in recent.items():
            await self._session.execute(
                update(login_tries)
                .where(login_tries.c.key == key)
                .values(at=[*at, now], newest=now)
            )
        return None

    async def give_back(self, account: str, address: str) -> None:
        """After a success: all tries for the account, and the last one of the address."""
        await self._session.execute(delete(login_tries).where(login_tries.c.key == account))
        earlier = login_tries.c.at[1 : func.cardinality(login_tries.c.at) - 1]
        await self._session.execute(
            update(login_tries).where(login_tries.c.key == address).values(at=earlier)
        )

    async def forget_old(self) -> None:
        await self._session.execute(
            delete(login_tries).where(login_tries.c.newest < func.now() - self._limit.window)
        )

    async def _recent(self, keys: Sequence[str]) -> tuple[datetime, dict[str, list[datetime]]]:
        """The database's time, and the tries under each key that still count, locked."""
        ordered = sorted(keys)
        await self._session.execute(
            insert(login_tries).on_conflict_do_nothing(),
            [{"key": key} for key in ordered],
        )
        rows = await self._session.execute(
            select(login_tries.c.key, login_tries.c.at)
            .where(login_tries.c.key.in_(ordered))
            .order_by(login_tries.c.key)
            .with_for_update()
        )
        tries = {row.key: row.at for row in rows}
        now: datetime = (await self._session.execute(select(func.clock_timestamp()))).scalar_one()
        since = now - self._limit.window
        return now, {key: [at for at in tries[key] if at > since] for key in ordered}


def account_key(email: str) -> str:
    """Hashed, since it need not be an account: people type passwords into the wrong field."""
    return "account:" + hashlib.sha256(email.encode()).hexdigest()


def address_key(address: str) -> str:
    """An IPv6 user has a whole network of addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        network = int(parsed) >> (128 - _IPV6_NETWORK_BITS)
        return f"address:{network:016x}/64"
    return f"address:{parsed}"
