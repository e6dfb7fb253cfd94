"""What each event has to say to the read models: pure, so that order never matters here.

Every value comes with what orders it (a mark, a version, a time), and the tables keep the
newest: an event that comes late or twice changes nothing that a newer one said.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from webox_contracts.events import (
    ConversationStarted,
    ConversationUpdated,
    EventData,
    ExportFinished,
    FunnelCreated,
    FunnelDeleted,
    FunnelPublished,
    FunnelUpdated,
    GenerationCompleted,
    MessageSent,
    ProductEventData,
    ProviderCircuitOpened,
    ReplyFinished,
    StorageChanged,
    WebsiteCreated,
    WebsiteDeleted,
    WebsitePublished,
    WebsiteUpdated,
)
from webox_dashboard.projection import things
from webox_dashboard.projection.rows import (
    ConversationRow,
    EntryRow,
    ProductRow,
    Rows,
    StorageRow,
)
from webox_dashboard.projection.things import Thing, things_of, user
from webox_kit.text import clean

Handler = Callable[[Rows, Any, str], None]
"""Adds what an event says, given its data and its id."""

ConversationEvent = ConversationStarted | ConversationUpdated | MessageSent | ReplyFinished


def rows_of(events: Iterable[tuple[str, EventData]], deleted: set[Thing]) -> Rows:
    """The rows of events, each its id and data, leaving out what is about a deleted thing."""
    rows = Rows()
    for event_id, data in events:
        about = things_of(data)
        if user(data.user_id) in deleted:
            continue
        if count := LASTING.get(type(data)):
            count(rows, data, event_id)
        if (handle := HANDLERS.get(type(data))) and deleted.isdisjoint(about):
            handle(rows, data, event_id)
    return rows


def _product(rows: Rows, data: ProductEventData, event_id: str) -> None:
    """A website or funnel was created, updated, published or deleted."""
    _, product_type, happening = data.type.split(".")
    mark = _mark(data)
    deletes = happening == "deleted"
    rows.products.append(
        ProductRow(
            user_id=data.user_id,
            type=product_type,
            subject=clean(data.subject_id),
            name=clean(data.name) if data.name else None,
            name_mark=mark if data.name else None,
            seen_at=None if deletes else _utc(data.occurred_at),
            seen_mark=None if deletes else mark,
            published_mark=mark if happening == "published" else None,
            deleted_mark=mark if deletes else None,
        )
    )
    if deletes or data.bytes is not None:
        size_bytes = 0 if deletes else data.bytes or 0
        rows.storage.append(_storage(data, product_type, size_bytes, mark))
    if happening in {"created", "published"}:
        rows.activities.append(_product_entry(data, event_id))
    if happening == "published":
        rows.notifications.append(_product_entry(data, event_id))


def _storage_changed(rows: Rows, data: StorageChanged, _event_id: str) -> None:
    rows.storage.append(_storage(data, "storage", data.bytes, _mark(data)))


def _generation_completed(rows: Rows, data: GenerationCompleted, event_id: str) -> None:
    rows.generations.append({"user_id": data.user_id, "origin": _origin(event_id)})


def _reply_counted(rows: Rows, data: ReplyFinished, _event_id: str) -> None:
    if data.status == "done":
        rows.generations.append({"user_id": data.user_id, "origin": f"reply {data.reply_id}"})


def _conversation_started(rows: Rows, data: ConversationStarted, _event_id: str) -> None:
    rows.conversations.append(_conversation(data, data.created_at, title=data.title))
    rows.activities.append(
        EntryRow(
            user_id=data.user_id,
            kind="conversation_started",
            origin=str(things.conversation(data.conversation_id)),
            subject_type="conversation",
            subject=str(data.conversation_id),
            details={
                "title": clean(data.title),
                "providers": clean(", ".join(data.providers)),
            },
            created_at=_utc(data.created_at),
        )
    )


def _conversation_updated(rows: Rows, data: ConversationUpdated, _event_id: str) -> None:
    rows.conversations.append(
        _conversation(data, data.updated_at, title=data.title, archived=data.archived)
    )


def _message_sent(rows: Rows, data: MessageSent, _event_id: str) -> None:
    rows.conversations.append(_conversation(data, data.created_at))


def _reply_finished(rows: Rows, data: ReplyFinished, _event_id: str) -> None:
    rows.conversations.append(_conversation(data, data.finished_at))


def _export_finished(rows: Rows, data: ExportFinished, _event_id: str) -> None:
    if data.status == "done":
        rows.storage.append(
            stored_export(data.user_id, data.export_id, data.size_bytes, data.finished_at)
        )
    entry = EntryRow(
        user_id=data.user_id,
        kind=f"export_{data.status}",
        origin=str(things.export(data.export_id)),
        subject_type="export",
        subject=clean(data.export_id),
        details={"filename": clean(data.filename)},
        created_at=_utc(data.finished_at),
    )
    rows.activities.append(entry)
    rows.notifications.append(entry)


def _circuit_opened(rows: Rows, data: ProviderCircuitOpened, event_id: str) -> None:
    rows.notifications.append(
        EntryRow(
            user_id=data.user_id,
            kind="provider_circuit_opened",
            origin=_origin(event_id),
            subject_type="provider",
            subject=clean(data.provider),
            details={"provider": clean(data.provider)},
            created_at=_utc(data.opened_at),
        )
    )


HANDLERS: dict[type[EventData], Handler] = {
    WebsiteCreated: _product,
    WebsiteUpdated: _product,
    WebsitePublished: _product,
    WebsiteDeleted: _product,
    FunnelCreated: _product,
    FunnelUpdated: _product,
    FunnelPublished: _product,
    FunnelDeleted: _product,
    GenerationCompleted: _generation_completed,
    StorageChanged: _storage_changed,
    ConversationStarted: _conversation_started,
    ConversationUpdated: _conversation_updated,
    MessageSent: _message_sent,
    ReplyFinished: _reply_finished,
    ProviderCircuitOpened: _circuit_opened,
    ExportFinished: _export_finished,
}

LASTING: dict[type[EventData], Handler] = {ReplyFinished: _reply_counted}
"""What an event adds even if the thing it is about, other than its user, is deleted."""


def _conversation(
    data: ConversationEvent,
    updated_at: datetime,
    *,
    title: str | None = None,
    archived: bool = False,
) -> ConversationRow:
    """With a title, a state of the conversation, in force from its version on."""
    says_state = title is not None
    return {
        "conversation_id": data.conversation_id,
        "user_id": data.user_id,
        "title": clean(title) if title is not None else None,
        "archived": archived if says_state else None,
        "state_version": data.version if says_state else None,
        "updated_at": _utc(updated_at),
    }


def _product_entry(data: ProductEventData, event_id: str) -> EntryRow:
    _, product_type, happening = data.type.split(".")
    return EntryRow(
        user_id=data.user_id,
        kind=f"{product_type}_{happening}",
        origin=_origin(event_id),
        subject_type=product_type,
        subject=clean(data.subject_id),
        details={"name": clean(data.name)} if data.name else {},
        created_at=_utc(data.occurred_at),
    )


def _storage(data: ProductEventData, storage_type: str, size_bytes: int, mark: str) -> StorageRow:
    return {
        "user_id": data.user_id,
        "subject": clean(data.subject_id),
        "type": storage_type,
        "size_bytes": size_bytes,
        "mark": mark,
    }


def stored_export(
    user_id: int, export_id: str, size_bytes: int, finished_at: datetime
) -> StorageRow:
    """What the file of an export takes."""
    return {
        "user_id": user_id,
        "subject": clean(export_id),
        "type": "export",
        "size_bytes": size_bytes,
        "mark": _utc(finished_at).isoformat(timespec="microseconds"),
    }


def _mark(data: ProductEventData) -> str:
    """Sorts as product events are applied: by time, then the reporter's id."""
    return f"{_utc(data.occurred_at).isoformat(timespec='microseconds')} {clean(data.event_id)}"


def _origin(event_id: str) -> str:
    return f"event {event_id}"


def _utc(moment: datetime) -> datetime:
    """`moment` in UTC; at the ends of the calendar, where UTC is out of range, as it stands."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)
