"""Budgets: what a send may cost is held before its providers are asked, and settled after."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

from webox_chat.budgets.repository import BudgetRepository
from webox_chat.budgets.schemas import Account, Budget, Limits
from webox_chat.messages.answers import plain_decimal
from webox_chat.messages.stored import Asking, ProviderChoice
from webox_chat.providers import ASCII_OF_A_TOKEN, USUAL_ANSWER_TOKENS, Registry
from webox_kit.database import Database
from webox_kit.errors import TooManyRequestsError

_SETTLES_SECONDS = 60
_MINUTE_SECONDS = 60


class BudgetService:
    """Costs nothing where no limit is set."""

    def __init__(
        self, database: Database, registry: Registry, default: Limits, *, own: bool
    ) -> None:
        """`own`: users may have limits of their own, beside the default ones."""
        self._budgets = BudgetRepository(database, default)
        self._registry = registry
        self._applies = own or not default.are_none

    @asynccontextmanager
    async def reserving(
        self,
        user_id: int,
        choices: Sequence[ProviderChoice],
        *,
        message: str,
        asking: Asking,
        conversation_id: int | None,
    ) -> AsyncIterator["Reservation"]:
        """Hold what these choices may cost; what is not kept within the block is given back.

        What was said in the conversation, if there is one already, is asked with the message.

        Raises:
            TooManyRequestsError: it is over the user's budget or rate; says when that frees.
        """
        if not self._applies:
            yield Reservation(choices)
            return
        if not await self._budgets.take_turn(user_id):
            raise _too_fast(await self._budgets.account(user_id))
        said = await self._budgets.said(user_id, conversation_id) if conversation_id else {}
        characters = len(message) + len(asking.system or "") + (said.get(None) or 0)
        reservation = Reservation(
            [
                replace(
                    each,
                    reserved=self._most(
                        each,
                        characters + (said.get(each.provider) or 0),
                        asking.max_tokens,
                    ),
                )
                for each in choices
            ]
        )
        if not await self._budgets.reserve(user_id, reservation.amount):
            raise _too_dear(await self._budgets.account(user_id), reservation.amount)
        try:
            yield reservation
        finally:
            if not reservation.kept and reservation.amount:
                await self._budgets.release(user_id, reservation.amount)

    async def budget(self, user_id: int) -> Budget:
        """A user's limits and what is left of this month."""
        account = await self._budgets.account(user_id)
        spend = account.limits.monthly_spend
        left = None if spend is None else max(Decimal(0), _left(account, spend))
        return Budget(
            monthly_spend=plain_decimal(spend),
            spent=plain_decimal(account.spent) or "0",
            reserved=plain_decimal(account.reserved) or "0",
            left=plain_decimal(left),
            resets_at=account.month_ends_at,
            sends_a_minute=account.limits.sends_a_minute,
        )

    def _most(self, choice: ProviderChoice, characters: int, max_tokens: int | None) -> Decimal:
        """What a reply may cost; nothing where its model has no price."""
        provider = self._registry.find(choice.provider)
        if provider is None:
            return Decimal(0)
        tokens_in = math.ceil(characters / ASCII_OF_A_TOKEN)
        tokens_out = max_tokens or USUAL_ANSWER_TOKENS
        return provider.cost(choice.model, tokens_in, tokens_out) or Decimal(0)


class Reservation:
    """Choices with what is held for each; `keep` once their replies are stored."""

    def __init__(self, choices: Sequence[ProviderChoice]) -> None:
        self.choices = list(choices)
        self.kept = False

    @property
    def amount(self) -> Decimal:
        return sum((each.reserved for each in self.choices), Decimal(0))

    def keep(self) -> None:
        self.kept = True


def _left(account: Account, spend: Decimal) -> Decimal:
    return spend - account.spent - account.reserved


def _too_fast(account: Account) -> TooManyRequestsError:
    pace = account.limits.sends_a_minute or 1
    frees_in = math.ceil(account.paced_for + _MINUTE_SECONDS / pace - _MINUTE_SECONDS)
    seconds = max(1, frees_in)
    return TooManyRequestsError(
        f"You may send {pace} messages a minute. Try again in {seconds} s.", retry_after=seconds
    )


def _too_dear(account: Account, amount: Decimal) -> TooManyRequestsError:
    spend = account.limits.monthly_spend or Decimal(0)
    resets = account.month_ends_at
    settles = account.reserved > 0 and account.spent + amount <= spend
    seconds = _SETTLES_SECONDS if settles else max(1, math.ceil(account.month_left))
    frees = (
        f"{_dollars(account.reserved)} are held for replies under way, and settled when they end."
        if settles
        else f"It frees on {resets:%Y-%m-%d} (UTC)."
    )
    return TooManyRequestsError(
        f"Your budget is {_dollars(spend)} a month, of which {_dollars(account.spent)} are spent; "
        f"this may cost {_dollars(amount)}. {frees}",
        retry_after=seconds,
    )


def _dollars(amount: Decimal) -> str:
    """To the cent upwards, so that something never reads as nothing."""
    return f"${amount.quantize(Decimal('0.01'), rounding='ROUND_UP')}"
