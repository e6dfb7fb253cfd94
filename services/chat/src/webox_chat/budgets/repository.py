"""SQL of budgets: a month's money, and the pace of sends."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Interval,
    Numeric,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from webox_chat.budgets.schemas import Account, Limits
from webox_chat.models import UNFINISHED, budget, message, reply, send_pace, spending
from webox_chat.replies.writing import month_of
from webox_kit.database import Database
from webox_kit.statements import Statement

_MINUTE = timedelta(minutes=1)
_FORGOTTEN_AFTER = timedelta(minutes=2)
"""So long a send takes at most from reserving to storing its replies."""


class BudgetRepository:
    def __init__(self, database: Database, default: Limits) -> None:
        self._database = database
        self._default = {
            "default_monthly_spend": default.monthly_spend,
            "default_sends_a_minute": default.sends_a_minute,
        }

    async def take_turn(self, user_id: int) -> bool:
        """Count a send; false when there were too many lately."""
        [rows] = await self._database.run(_TAKE_TURN(of_user=user_id, **self._default))
        return bool(rows)

    async def reserve(self, user_id: int, amount: Decimal) -> bool:
        """Hold so much of the month's money; false when there is not so much left."""
        [rows] = await self._database.run(_RESERVE(of_user=user_id, amount=amount, **self._default))
        return bool(rows)

    async def release(self, user_id: int, amount: Decimal) -> None:
        """Give back what was held for replies that are not to be."""
        await self._database.run(_RELEASE(of_user=user_id, amount=amount))

    async def account(self, user_id: int) -> Account:
        [[row]] = await self._database.run(_ACCOUNT(of_user=user_id, **self._default))
        limits = Limits(row.pop("monthly_spend"), row.pop("sends_a_minute"))
        return Account(limits, **row)

    async def set_limits(self, user_id: int, limits: Limits | None) -> None:
        """A user's own limits instead of the default ones; None: the default ones again."""
        async with self._database.transaction() as session:
            await session.execute(delete(budget).where(budget.c.user_id == user_id))
            if limits is not None:
                own = {"user_id": user_id, **asdict(limits)}
                await session.execute(insert(budget).values(own))

    async def said(self, user_id: int, conversation_id: int) -> dict[str | None, int]:
        """How many characters of a conversation are a provider's, by its name; None: the user's."""
        values = {"of_user": user_id, "of_conversation": conversation_id}
        [rows] = await self._database.run(_SAID(**values))
        return {row["provider"]: row["characters"] for row in rows}

    async def mend(self) -> None:
        """Give back what was held by sends that died before they stored their replies."""
        await self._database.run(_MEND())


_OF_USER = bindparam("of_user", type_=BigInteger)
_AMOUNT = bindparam("amount", type_=Numeric(20, 10))
_NOW = func.clock_timestamp()
_THIS_MONTH = month_of(_NOW)
_NEXT_MONTH = func.date_trunc("month", _NOW) + text("interval '1 month'")


def _own_or(name: str) -> ColumnElement[Any]:
    """A user's own limits count whole: what is null there is no limit."""
    column = budget.c[name]
    default = bindparam(f"default_{name}", type_=column.type)
    return case((budget.c.user_id.is_not(None), column), else_=default).label(name)


_anyone = select(literal(1).label("one")).subquery("anyone")
_limits = (
    select(_own_or("monthly_spend"), _own_or("sends_a_minute"))
    .select_from(_anyone.outerjoin(budget, budget.c.user_id == _OF_USER))
    .cte("limits")
)
_SPEND = select(_limits.c.monthly_spend).scalar_subquery()
_PACE = select(_limits.c.sends_a_minute).scalar_subquery()


def _take_turn() -> Statement:
    """The generic cell rate algorithm (GCRA).

    https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    """
    turn = func.make_interval(0, 0, 0, 0, 0, 0, _MINUTE.total_seconds() / cast(_PACE, Double))
    values = {"user_id": _OF_USER, "used_until": _NOW + turn}
    taking = postgresql.insert(send_pace).from_select(
        [*values], select(*values.values()).select_from(_limits).where(_PACE.is_not(None))
    )
    used_until = func.greatest(send_pace.c.used_until, _NOW) + turn
    taken = (
        taking.on_conflict_do_update(
            index_elements=[send_pace.c.user_id],
            set_={"used_until": used_until},
            where=used_until <= _NOW + literal(_MINUTE, Interval),
        )
        .returning(send_pace.c.user_id)
        .cte("taken")
    )
    free = select(_OF_USER.label("user_id")).select_from(_limits).where(_PACE.is_(None))
    return Statement(union_all(select(taken.c.user_id), free))


def _reserve() -> Statement:
    values = {"user_id": _OF_USER, "month": _THIS_MONTH, "reserved": _AMOUNT}
    has_limit = select(*values.values()).select_from(_limits).where(_AMOUNT <= _SPEND)
    reserving = postgresql.insert(spending).from_select([*values], has_limit)
    reserved = spending.c.reserved + reserving.excluded.reserved
    held = (
        reserving.on_conflict_do_update(
            index_elements=[spending.c.user_id, spending.c.month],
            set_={"reserved": reserved, "reserved_at": _NOW},
            where=spending.c.spent + reserved <= _SPEND,
        )
        .returning(spending.c.user_id)
        .cte("held")
    )
    free = select(_OF_USER.label("user_id")).select_from(_limits).where(_SPEND.is_(None))
    return Statement(union_all(select(held.c.user_id), free))


def _account() -> Statement:
    this_month = and_(spending.c.user_id == _OF_USER, spending.c.month == _THIS_MONTH)
    paced = func.extract("epoch", send_pace.c.used_until - _NOW)
    return Statement(
        select(
            _limits.c.monthly_spend,
            _limits.c.sends_a_minute,
            func.coalesce(spending.c.spent, 0).label("spent"),
            func.coalesce(spending.c.reserved, 0).label("reserved"),
            _NEXT_MONTH.label("month_ends_at"),
            cast(func.extract("epoch", _NEXT_MONTH - _NOW), Double).label("month_left"),
            cast(func.coalesce(paced, 0), Double).label("paced_for"),
        ).select_from(
            _limits.outerjoin(spending, this_month).outerjoin(
                send_pace, send_pace.c.user_id == _OF_USER
            )
        )
    )


def _said() -> Statement:
    of_conversation = bindparam("of_conversation", type_=BigInteger)
    asked = select(
        null().label("provider"), func.sum(func.length(message.c.content)).label("characters")
    ).where(message.c.conversation_id == of_conversation, message.c.user_id == _OF_USER)
    answered = (
        select(reply.c.provider, func.sum(func.length(reply.c.content)).label("characters"))
        .where(
            reply.c.conversation_id == of_conversation,
            reply.c.user_id == _OF_USER,
            reply.c.superseded_by.is_(None),
        )
        .group_by(reply.c.provider)
    )
    return Statement(union_all(asked, answered))


def _mend() -> Statement:
    held = (
        select(func.coalesce(func.sum(reply.c.reserved), 0))
        .where(
            reply.c.user_id == spending.c.user_id,
            month_of(reply.c.created_at) == spending.c.month,
            UNFINISHED,
        )
        .correlate(spending)
        .scalar_subquery()
    )
    return Statement(
        update(spending)
        .where(
            spending.c.reserved > 0,
            spending.c.reserved_at < _NOW - literal(_FORGOTTEN_AFTER, Interval),
            spending.c.reserved != held,
        )
        .values(reserved=held)
        .returning(spending.c.user_id)
    )


_TAKE_TURN = _take_turn()
_RESERVE = _reserve()
_RELEASE = Statement(
    update(spending)
    .where(spending.c.user_id == _OF_USER, spending.c.month == _THIS_MONTH)
    .values(reserved=func.greatest(spending.c.reserved - _AMOUNT, 0))
    .returning(spending.c.user_id)
)
_ACCOUNT = _account()
_SAID = _said()
_MEND = _mend()
