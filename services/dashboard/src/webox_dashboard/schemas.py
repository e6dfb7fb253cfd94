"""What the dashboard's endpoints answer, in the reader's language."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from webox_dashboard.words.kinds import ActivityType, NotificationType, ProjectType
from webox_kit.times import Moment

MAX_ID = 2**63 - 1

NotificationId = Annotated[int, Path(ge=1, le=MAX_ID, description="The notification's id.")]

NextCursor = Annotated[str | None, Field(description="For the next page; null at the end.")]


class Stats(BaseModel):
    """A user's numbers; sizes in words (decimal) and in bytes."""

    websites: int
    funnels: int
    conversations: int = Field(description="The living ones, archived included.")
    generations: int = Field(description="Every finished AI reply ever, and other generations.")
    storage_used: str = Field(examples=["2.4 GB"])
    storage_total: str = Field(examples=["10 GB"])
    storage_used_bytes: int
    storage_total_bytes: int


class Project(BaseModel):
    """`id` is the product's own where that is a number, else one made from it."""

    id: int
    type: ProjectType
    icon: str
    name: str
    status: Literal["draft", "published", "active", "archived"]
    updated: str = Field(examples=["Il y a 2h"])
    url: str
    updated_at: Moment


class RecentProjects(BaseModel):
    projects: list[Project]


class Activity(BaseModel):
    icon: str
    title: str
    description: str
    time: str = Field(examples=["Il y a 5 minutes"])
    created_at: Moment
    type: ActivityType
    id: int


class RecentActivity(BaseModel):
    activities: list[Activity]
    next_cursor: NextCursor


class Notification(BaseModel):
    id: int
    type: NotificationType
    icon: str
    message: str
    time: str = Field(examples=["Il y a 10 min"])
    read: bool
    created_at: Moment


class Unread(BaseModel):
    unread_count: int


class Notifications(BaseModel):
    notifications: list[Notification]
    unread_count: int
    next_cursor: NextCursor
