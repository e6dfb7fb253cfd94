"""What an operator does to budgets, from the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from webox_chat.budgets.repository import BudgetRepository
from webox_chat.budgets.schemas import Account, Limits
from webox_chat.settings import ChatSettings
from webox_kit.database import Database


async def account_of(settings: ChatSettings, user_id: int) -> Account:
    async with _budgets(settings) as budgets:
        return await budgets.account(user_id)


async def set_limits(settings: ChatSettings, user_id: int, limits: Limits | None) -> Account:
    """Without `limits`, the default ones count again."""
    async with _budgets(settings) as budgets:
        await budgets.set_limits(user_id, limits)
        return await budgets.account(user_id)


@asynccontextmanager
async def _budgets(settings: ChatSettings) -> AsyncIterator[BudgetRepository]:
    database = Database(settings.database_url)
    try:
        yield BudgetRepository(database, settings.default_limits)
    finally:
        await database.close()
