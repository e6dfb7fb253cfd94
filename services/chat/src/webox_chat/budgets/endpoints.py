"""The HTTP door of budgets."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from webox_chat.budgets.schemas import Budget
from webox_chat.budgets.service import BudgetService
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Budget"], responses=PROBLEMS)


async def budget_service(request: Request) -> BudgetService:
    service: BudgetService = request.app.state.budgets
    return service


@router.get("/budget", summary="Read what you may spend, and what is left of this month")
async def read_budget(
    user: CurrentUser, budgets: Annotated[BudgetService, Depends(budget_service)]
) -> Budget:
    return await budgets.budget(user.user_id)
