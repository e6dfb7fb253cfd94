"""The HTTP door of the dashboard."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from webox_dashboard.schemas import (
    NotificationId,
    Notifications,
    RecentActivity,
    RecentProjects,
    Stats,
    Unread,
)
from webox_dashboard.service import DashboardService, PageRequest, Reader
from webox_dashboard.words.languages import negotiate
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser
from webox_kit.pagination import DEFAULT_LIMIT, Cursor, Limit, Skip
from webox_kit.preferences import CurrentPreferences

RECENT_ACTIVITIES = 20

router = APIRouter(prefix="/api/dashboard", tags=["Dashboard"], responses=PROBLEMS)


async def dashboard_service(request: Request) -> DashboardService:
    service: DashboardService = request.app.state.dashboard
    return service


async def current_reader(
    user: CurrentUser,
    chosen: CurrentPreferences,
    response: Response,
    accept_language: Annotated[
        str | None, Header(description="For who chose no language in the settings; else French.")
    ] = None,
) -> Reader:
    """Who reads, in which language; the answer's headers say so to caches."""
    language = chosen.language or negotiate(accept_language)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return Reader(user.user_id, language)


Dashboard = Annotated[DashboardService, Depends(dashboard_service)]
CurrentReader = Annotated[Reader, Depends(current_reader)]


@router.get("/stats", summary="The user's numbers")
async def read_stats(user: CurrentUser, dashboard: Dashboard) -> Stats:
    return await dashboard.stats(user.user_id)


@router.get("/recent-projects", summary="The last 10 websites, funnels and conversations")
async def list_recent_projects(reader: CurrentReader, dashboard: Dashboard) -> RecentProjects:
    return await dashboard.recent_projects(reader)


@router.get("/recent-activity", summary="What happened, newest first")
async def list_recent_activity(
    reader: CurrentReader,
    dashboard: Dashboard,
    limit: Limit = RECENT_ACTIVITIES,
    cursor: Cursor = None,
    skip: Skip = None,
) -> RecentActivity:
    return await dashboard.recent_activity(reader, PageRequest(limit, cursor, skip))


@router.get("/notifications", summary="Notifications, newest first")
async def list_notifications(
    reader: CurrentReader,
    dashboard: Dashboard,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    skip: Skip = None,
) -> Notifications:
    return await dashboard.notifications(reader, PageRequest(limit, cursor, skip))


@router.post("/notifications/read-all", summary="Mark every notification as read")
async def mark_all_notifications_read(user: CurrentUser, dashboard: Dashboard) -> Unread:
    return await dashboard.mark_all_read(user.user_id)


@router.post("/notifications/{notification_id}/read", summary="Mark a notification as read")
async def mark_notification_read(
    user: CurrentUser, dashboard: Dashboard, notification_id: NotificationId
) -> Unread:
    return await dashboard.mark_read(user.user_id, notification_id)
