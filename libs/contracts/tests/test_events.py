from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from webox_contracts.events import (
    EVENTS,
    PRODUCT_EVENTS,
    Event,
    EventData,
    StorageChanged,
    UnknownEventError,
    UserDeleted,
    stream_of,
)

NOON = datetime(2025, 11, 24, 12, 0, tzinfo=UTC)

EXAMPLES: dict[str, Any] = {
    "bytes": 7,
    "cost": Decimal("0.0000125"),
    "created_at": NOON,
    "demo": True,
    "export_id": "0193-abc",
    "finished_at": NOON,
    "folder": "Général",
    "format": "pdf",
    "is_favorite": True,
    "archived": False,
    "kind": "info",
    "language": "en",
    "name": "Mon Portfolio",
    "occurred_at": NOON,
    "opened_at": NOON,
    "time_zone": "Europe/Paris",
    "provider": "GPT-4",
    "providers": ["GPT-4", "Claude"],
    "status": "done",
    "subject_id": "site-1",
    "tags": ["stratégie"],
    "title": "Discussion 👋",
    "updated_at": NOON,
}
"""Values by field name; identifiers and counts are 3, other text is "x"."""

TEXT_OF_MESSAGES = {"content", "text", "message", "prompt", "answer", "body", "preview", "snippet"}


def example(kind: type[EventData]) -> EventData:
    fields = {
        name: EXAMPLES.get(name, "x" if field.annotation is str else 3)
        for name, field in kind.model_fields.items()
        if name != "error_code"
    }
    return kind.model_validate(fields)


def wrapped(data: EventData) -> Event:
    return Event.of(data, id="e-1", source="/webox/chat", time=NOON, requestid="r-1")


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.type)
class TestEveryEvent:
    def test_comes_back_from_the_wire_as_it_was(self, kind: type[EventData]) -> None:
        data = example(kind)
        received = Event.model_validate_json(wrapped(data).model_dump_json(exclude_none=True))
        assert received.parsed() == data
        assert type(received.parsed()) is kind
        assert (received.type, received.subject) == (kind.type, data.subject())

    def test_carries_no_text_of_messages(self, kind: type[EventData]) -> None:
        assert not TEXT_OF_MESSAGES & kind.model_fields.keys()

    def test_says_whose_it_is_and_in_which_order(self, kind: type[EventData]) -> None:
        data = example(kind)
        assert (data.user_id, data.version) == (3, 3)

    def test_travels_on_the_stream_of_who_publishes_it(self, kind: type[EventData]) -> None:
        assert stream_of(kind.type) in {"gateway", "chat", "exporter", "dashboard"}


class TestEnvelope:
    def test_is_a_cloudevent(self) -> None:
        document = wrapped(UserDeleted(user_id=3)).model_dump(mode="json", exclude_none=True)
        assert document == {
            "specversion": "1.0",
            "id": "e-1",
            "source": "/webox/chat",
            "type": "gateway.user_deleted",
            "subject": "3",
            "time": "2025-11-24T12:00:00Z",
            "datacontenttype": "application/json",
            "schemaversion": 1,
            "requestid": "r-1",
            "data": {"user_id": 3, "version": 0},
        }

    @pytest.mark.parametrize(
        "changes", [{"type": "chat.melted"}, {"schemaversion": 2}], ids=["type", "version"]
    )
    def test_of_a_later_release_is_refused(self, changes: dict[str, Any]) -> None:
        event = wrapped(UserDeleted(user_id=3)).model_copy(update=changes)
        with pytest.raises(UnknownEventError):
            event.parsed()

    @pytest.mark.parametrize("name", ["id", "source", "type", "subject", "time", "data"])
    def test_needs_its_attributes(self, name: str) -> None:
        document = wrapped(UserDeleted(user_id=3)).model_dump(mode="json")
        del document[name]
        with pytest.raises(ValidationError, match=name):
            Event.model_validate(document)

    def test_a_time_without_a_zone_is_refused(self) -> None:
        document = wrapped(UserDeleted(user_id=3)).model_dump(mode="json")
        with pytest.raises(ValidationError, match="timezone"):
            Event.model_validate({**document, "time": "2025-11-24T12:00:00"})

    def test_fields_of_a_later_release_are_passed_over(self) -> None:
        document = wrapped(UserDeleted(user_id=3)).model_dump(mode="json")
        document["data"]["reason"] = "new"
        assert Event.model_validate({**document, "extension": 1}).parsed() == UserDeleted(user_id=3)


class TestProductEvents:
    def test_are_those_of_the_api(self) -> None:
        things = ("created", "updated", "published", "deleted")
        assert PRODUCT_EVENTS.keys() == {
            *(f"webox.{thing}.{what}" for thing in ("website", "funnel") for what in things),
            "webox.generation.completed",
            "webox.storage.changed",
        }
        assert {stream_of(name) for name in PRODUCT_EVENTS} == {"gateway"}

    @pytest.mark.parametrize("size", [-1, 2**62 + 1, "many", None])
    def test_storage_is_a_size(self, size: Any) -> None:
        with pytest.raises(ValidationError, match="bytes"):
            StorageChanged(user_id=1, subject_id="s", event_id="e", occurred_at=NOON, bytes=size)
