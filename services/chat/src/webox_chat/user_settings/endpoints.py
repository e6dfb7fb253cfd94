"""The HTTP door of a user's settings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from webox_chat.user_settings.schemas import SettingsChanges, UserSettings
from webox_chat.user_settings.service import UserSettingsService
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat/settings", tags=["Settings"], responses=PROBLEMS)


async def settings_service(request: Request) -> UserSettingsService:
    service: UserSettingsService = request.app.state.user_settings
    return service


Service = Annotated[UserSettingsService, Depends(settings_service)]


@router.get("", summary="Read the settings")
async def read_settings(user: CurrentUser, service: Service) -> UserSettings:
    return await service.get(user.user_id)


@router.patch("", summary="Change the settings")
async def change_settings(
    user: CurrentUser, service: Service, changes: SettingsChanges
) -> UserSettings:
    return await service.change(user.user_id, changes)
