"""What users may spend and how often they may send, as they see it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from webox_kit.times import Moment


@dataclass(frozen=True)
class Limits:
    """US dollars a calendar month in UTC, and sends a minute; None: no limit."""

    monthly_spend: Decimal | None = None
    sends_a_minute: int | None = None

    @property
    def are_none(self) -> bool:
        return self.monthly_spend is None and self.sends_a_minute is None


@dataclass(frozen=True)
class Account:
    """A user's limits and month.

    The month ends in `month_left` seconds; sends are `paced_for` seconds ahead of the pace.
    """

    limits: Limits
    spent: Decimal
    reserved: Decimal
    month_ends_at: datetime
    month_left: float
    paced_for: float


class Budget(BaseModel):
    """Amounts are US dollars, exact decimals. `left` is null without a limit.

    `reserved` is what replies that are not final yet may cost at most; they are settled with what
    they did cost.
    """

    monthly_spend: str | None
    spent: str
    reserved: str
    left: str | None
    resets_at: Moment
    sends_a_minute: int | None
