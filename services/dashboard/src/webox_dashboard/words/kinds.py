"""What each kind of entry looks like: its icon and its words.

The words are gettext keys; what stands in braces is filled from the entry's details. Those are
users' text, and never formats themselves.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict

from webox_dashboard.words.languages import Language, translations

NotificationType = Literal["success", "info", "warning", "error"]
ActivityType = Literal[
    "website_created",
    "website_published",
    "funnel_created",
    "funnel_published",
    "conversation_started",
    "export_done",
    "export_failed",
]
ProjectType = Literal["website", "funnel", "conversation"]


class ActivityWords(NamedTuple):
    icon: str
    title: str
    description: str


class NotificationWords(NamedTuple):
    type: NotificationType
    message: str


class ProjectLooks(TypedDict):
    icon: str
    url: str


ACTIVITIES: dict[str, ActivityWords] = {
    "website_created": ActivityWords("🌐", "Website created", "New site '{name}' created"),
    "website_published": ActivityWords("🌐", "Website published", "Site '{name}' published"),
    "funnel_created": ActivityWords("🎯", "Funnel created", "New funnel '{name}' created"),
    "funnel_published": ActivityWords("🎯", "Funnel published", "Funnel '{name}' published"),
    "conversation_started": ActivityWords(
        "💬", "AI conversation", "Chat with {providers} about {title}"
    ),
    "export_done": ActivityWords("📄", "Export ready", "{filename}"),
    "export_failed": ActivityWords("📄", "Export failed", "{filename}"),
}

NOTIFICATIONS: dict[str, NotificationWords] = {
    "website_published": NotificationWords("success", "Site '{name}' published"),
    "funnel_published": NotificationWords("success", "Funnel '{name}' published"),
    "export_done": NotificationWords("success", "Export '{filename}' ready"),
    "export_failed": NotificationWords("error", "Export '{filename}' failed"),
    "provider_circuit_opened": NotificationWords(
        "warning", "{provider} is not answering, retrying by itself"
    ),
}

NOTIFICATION_ICONS: dict[NotificationType, str] = {
    "success": "✅",
    "info": "ℹ️",  # noqa: RUF001 - the information sign, as an emoji
    "warning": "⚠️",
    "error": "❌",
}

PROJECTS: dict[str, ProjectLooks] = {
    "website": {"icon": "🌐", "url": "/website-builder"},
    "funnel": {"icon": "🎯", "url": "/funnel-builder"},
    "conversation": {"icon": "💬", "url": "/chat?conversation={id}"},
}


def say(words: str, details: Mapping[str, Any], language: Language) -> str:
    """`words` in `language`, with the details in their places."""
    return translations(language).gettext(words).format(**details)
