"""What can be deleted for good: users, conversations and exports."""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

from webox_contracts.events import (
    ConversationDeleted,
    EventData,
    ExportRemoved,
    UserDeleted,
)
from webox_kit.text import clean


class Thing(NamedTuple):
    """Its name, as text, is also the `origin` of what comes of it once, e.g. its entry."""

    kind: Literal["user", "conversation", "export"]
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Deletion(NamedTuple):
    thing: Thing
    user_id: int


def user(user_id: int) -> Thing:
    return Thing("user", str(user_id))


def conversation(conversation_id: int) -> Thing:
    return Thing("conversation", str(conversation_id))


def export(export_id: str) -> Thing:
    return Thing("export", clean(export_id))


def things_of(data: EventData) -> list[Thing]:
    """The things an event is about, its user first."""
    things = [user(data.user_id)]
    for name, thing in _named_by(type(data)):
        things.append(thing(getattr(data, name)))
    return things


@cache
def _named_by(event: type[EventData]) -> list[tuple[str, Callable[[Any], Thing]]]:
    """The fields that name what such events are about. To ask each event takes far longer."""
    known: dict[str, Callable[[Any], Thing]] = {
        "conversation_id": conversation,
        "export_id": export,
    }
    return [(name, thing) for name, thing in known.items() if name in event.model_fields]


def deletion_by(data: EventData) -> Deletion | None:
    """What an event deletes, if it does."""
    match data:
        case UserDeleted():
            return Deletion(user(data.user_id), data.user_id)
        case ConversationDeleted():
            return Deletion(conversation(data.conversation_id), data.user_id)
        case ExportRemoved():
            return Deletion(export(data.export_id), data.user_id)
        case _:
            return None
