"""What a user reads on the dashboard, and marks as read there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webox_dashboard.repository import DashboardRepository, Position, StoredEntry, StoredProject
from webox_dashboard.schemas import (
    Activity,
    Notification,
    Notifications,
    Project,
    RecentActivity,
    RecentProjects,
    Stats,
    Unread,
)
from webox_dashboard.words import times
from webox_dashboard.words.kinds import (
    ACTIVITIES,
    NOTIFICATION_ICONS,
    NOTIFICATIONS,
    PROJECTS,
    say,
)
from webox_dashboard.words.languages import Language
from webox_dashboard.words.sizes import size
from webox_kit.database import Database
from webox_kit.errors import BadRequestError, NotFoundError
from webox_kit.pagination import decode_cursor, encode_cursor, reject_both

_RECENT_PROJECTS = 10
_MADE_IDS = 2**52


@dataclass(frozen=True)
class Reader:
    user_id: int
    language: Language


@dataclass(frozen=True)
class PageRequest:
    limit: int
    cursor: str | None
    skip: int | None


class DashboardService:
    def __init__(self, database: Database, *, storage_total_bytes: int) -> None:
        self._database = database
        self._storage_total_bytes = storage_total_bytes

    async def stats(self, user_id: int) -> Stats:
        async with self._database.transaction() as session:
            counts = await DashboardRepository(session).counts(user_id)
        return Stats(
            websites=counts.websites,
            funnels=counts.funnels,
            conversations=counts.conversations,
            generations=counts.generations,
            storage_used=size(counts.storage_bytes),
            storage_total=size(self._storage_total_bytes),
            storage_used_bytes=counts.storage_bytes,
            storage_total_bytes=self._storage_total_bytes,
        )

    async def recent_projects(self, reader: Reader) -> RecentProjects:
        async with self._database.transaction() as session:
            found = await DashboardRepository(session).recent_projects(
                reader.user_id, _RECENT_PROJECTS
            )
        return RecentProjects(projects=[_project(each, reader.language) for each in found])

    async def recent_activity(self, reader: Reader, request: PageRequest) -> RecentActivity:
        """A page of the activity list.

        Raises:
            BadRequestError: the cursor is not of this user's list, or stands beside `skip`.
        """
        after = _after("activity", reader, request)
        async with self._database.transaction() as session:
            found = await DashboardRepository(session).activities(
                reader.user_id, limit=request.limit + 1, after=after, skip=request.skip
            )
        return RecentActivity(
            activities=[_activity(each, reader.language) for each in found[: request.limit]],
            next_cursor=_next_cursor("activity", reader, request, found),
        )

    async def notifications(self, reader: Reader, request: PageRequest) -> Notifications:
        """A page of the notifications, and how many of all are unread.

        Raises:
            BadRequestError: the cursor is not of this user's list, or stands beside `skip`.
        """
        after = _after("notifications", reader, request)
        async with self._database.transaction() as session:
            repository = DashboardRepository(session)
            found = await repository.notifications(
                reader.user_id, limit=request.limit + 1, after=after, skip=request.skip
            )
            unread = await repository.unread(reader.user_id)
        return Notifications(
            notifications=[_notification(each, reader.language) for each in found[: request.limit]],
            unread_count=unread,
            next_cursor=_next_cursor("notifications", reader, request, found),
        )

    async def mark_read(self, user_id: int, notification_id: int) -> Unread:
        """Mark one; how many are unread then.

        Raises:
            NotFoundError: the user has no such notification.
        """
        async with self._database.transaction() as session:
            repository = DashboardRepository(session)
            if not await repository.mark_read(user_id, notification_id):
                raise NotFoundError(f"There is no notification {notification_id}.")
            return Unread(unread_count=await repository.unread(user_id))

    async def mark_all_read(self, user_id: int) -> Unread:
        """Mark all; how many are unread then: those that came in between."""
        async with self._database.transaction() as session:
            repository = DashboardRepository(session)
            await repository.mark_all_read(user_id)
            return Unread(unread_count=await repository.unread(user_id))


def _project(found: StoredProject, language: Language) -> Project:
    looks = PROJECTS[found.type]
    number = project_id(found.subject)
    return Project.model_validate(
        {
            "id": number,
            "type": found.type,
            "icon": looks["icon"],
            "name": found.name,
            "status": found.status,
            "updated": times.ago(times.compact, found.age, language),
            "url": looks["url"].format(id=number),
            "updated_at": found.updated_at,
        }
    )


def _activity(found: StoredEntry, language: Language) -> Activity:
    words = ACTIVITIES[found.kind]
    return Activity.model_validate(
        {
            "icon": words.icon,
            "title": say(words.title, found.details, language),
            "description": say(words.description, found.details, language),
            "time": times.ago(times.long, found.age, language),
            "created_at": found.created_at,
            "type": found.kind,
            "id": found.id,
        }
    )


def _notification(found: StoredEntry, language: Language) -> Notification:
    words = NOTIFICATIONS[found.kind]
    return Notification(
        id=found.id,
        type=words.type,
        icon=NOTIFICATION_ICONS[words.type],
        message=say(words.message, found.details, language),
        time=times.ago(times.short, found.age, language),
        read=found.read,
        created_at=found.created_at,
    )


def project_id(subject: str) -> int:
    """The integer for a thing's id: itself, or a number made from it.

    Made ones lie between 2**52 and 2**53: apart from real ids, exact in JavaScript, and the
    same after every rebuild.
    """
    if subject.isascii() and subject.isdigit() and str(int(subject)) == subject:
        number = int(subject)
        if number < _MADE_IDS:
            return number
    digest = hashlib.sha256(subject.encode()).digest()
    return _MADE_IDS + int.from_bytes(digest[:8], "big") % _MADE_IDS


def _after(scope: str, reader: Reader, request: PageRequest) -> Position | None:
    reject_both(request.cursor, request.skip)
    if request.cursor is None:
        return None
    moment, origin = decode_cursor(scope, _bound(reader), request.cursor, 2)
    try:
        return datetime.fromisoformat(str(moment)), str(origin)
    except ValueError:
        raise BadRequestError("The cursor is not one that this list gave out.") from None


def _next_cursor(
    scope: str, reader: Reader, request: PageRequest, found: Sequence[StoredEntry]
) -> str | None:
    """`found` is one longer than the page when there is a next one."""
    if len(found) <= request.limit:
        return None
    created_at, origin = found[request.limit - 1].position
    return encode_cursor(scope, _bound(reader), [created_at.isoformat(), origin])


def _bound(reader: Reader) -> dict[str, int]:
    return {"user": reader.user_id}
