"""`webox-chat`: its processes, and what an operator does to budgets."""

import asyncio
from decimal import Decimal, InvalidOperation

import click

from webox_chat.budgets.schemas import Account, Limits
from webox_chat.settings import ChatSettings
from webox_kit.cli import ServiceCommands, service_cli
from webox_kit.errors import ConfigurationError

COMMANDS = ServiceCommands(
    name="chat",
    settings="webox_chat.settings:ChatSettings",
    app="webox_chat.main:create_app",
    duties="webox_chat.consumers:duties",
    worker="webox_chat.worker:run",
    consumes="webox_chat.consumers:STREAMS",
)

main = service_cli(COMMANDS)


@main.group(help="What users may spend, and how often they may send.")
def budget() -> None: ...


@budget.command(help="Show a user's limits and month.")
@click.argument("user_id", type=click.IntRange(min=1))
def show(user_id: int) -> None:
    from webox_chat.budgets.operators import account_of  # noqa: PLC0415 - processes do without

    click.echo(_sentences(asyncio.run(account_of(_settings(), user_id))))


class _Dollars(click.ParamType[Decimal]):
    name = "dollars"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not (amount.is_finite() and amount >= 0):
            self.fail(f"{value!r} is no amount of dollars, such as 5 or 0.50", param, ctx)
        return amount


@budget.command(
    "set",
    help="Give a user limits of their own, instead of the default ones; what is left out is "
    "without limit. They count where WEBOX_BUDGETS=1 or a default limit is set.",
)
@click.argument("user_id", type=click.IntRange(min=1))
@click.option("--monthly-spend", type=_Dollars(), help="US dollars a calendar month (UTC).")
@click.option("--sends-a-minute", type=click.IntRange(min=1))
def set_own(user_id: int, monthly_spend: Decimal | None, sends_a_minute: int | None) -> None:
    _set(user_id, Limits(monthly_spend, sends_a_minute))


@budget.command(help="Let the default limits count for a user again.")
@click.argument("user_id", type=click.IntRange(min=1))
def reset(user_id: int) -> None:
    _set(user_id, None)


def _set(user_id: int, limits: Limits | None) -> None:
    from webox_chat.budgets.operators import set_limits  # noqa: PLC0415 - processes do without

    click.echo(_sentences(asyncio.run(set_limits(_settings(), user_id, limits))))


def _settings() -> ChatSettings:
    try:
        return ChatSettings.load()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


def _sentences(account: Account) -> str:
    spend, pace = account.limits.monthly_spend, account.limits.sends_a_minute
    month = f"${account.spent:f} spent, ${account.reserved:f} held for replies under way"
    return "\n".join(
        [
            f"Monthly spend:  {'no limit' if spend is None else f'${spend:f}'}",
            f"Sends a minute: {'no limit' if pace is None else pace}",
            f"This month:     {month}; resets on {account.month_ends_at:%Y-%m-%d}",
        ]
    )
