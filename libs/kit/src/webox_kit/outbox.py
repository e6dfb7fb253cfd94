"""Events leave with the change that caused them: the row commits with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, select, text
from uuid_utils import uuid7

from webox_contracts.events import Event, EventData
from webox_kit import clock
from webox_kit.context import current_request
from webox_kit.database import Session


def new_event_id() -> str:
    return str(uuid7())


async def publish(
    session: Session, *events: EventData, source: str, ids: Sequence[str] = ()
) -> None:
    """Add `events` to the outbox, in the transaction of `session`.

    `source` is the service's name; the CloudEvent's source becomes `/webox/<source>`. `ids` are
    the events' own, for who keeps them; without any they get new ones.
    """
    if not events:
        return
    envelopes = [
        _envelope(data, source, event_id)
        for data, event_id in zip(events, ids or map(_new_id, events), strict=True)
    ]
    await session.execute(
        _INSERT,
        {
            "ids": [each.id for each in envelopes],
            "events": [each.model_dump_json(exclude_none=True).encode() for each in envelopes],
        },
    )


def draft(data: EventData, *, source: str) -> dict[str, Any]:
    """`event_id` and `event` of an event that a statement publishes together with its change.

    What only the statement knows, such as a new id, may be any value: `filled_in` replaces it.
    """
    envelope = _envelope(data, source, new_event_id())
    return {
        "event_id": envelope.id,
        "event": envelope.model_dump(mode="json", exclude_none=True),
    }


def filled_in(
    event: ColumnElement[Any],
    data: Mapping[str, ColumnElement[Any]],
    *,
    subject: ColumnElement[Any] | None = None,
) -> ColumnElement[bytes]:
    """A draft's `event` as the outbox keeps it, with these fields of its data if it has them."""
    drafted = event.op("->")("data")
    field = func.jsonb_each(_object(data)).table_valued("key", "value")
    known = (
        select(func.jsonb_object_agg(field.c.key, field.c.value))
        .where(func.jsonb_exists(drafted, field.c.key))
        .scalar_subquery()
    )
    changes: dict[str, ColumnElement[Any]] = {"data": drafted.op("||")(known)}
    if subject is not None:
        changes["subject"] = cast(subject, Text)
    whole = event.op("||")(_object(changes))
    return func.convert_to(cast(whole, Text), "UTF8", type_=LargeBinary)


def _object(fields: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    return func.jsonb_build_object(*(each for pair in fields.items() for each in pair))


_INSERT = text(
    "INSERT INTO outbox (event_id, event)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:events AS bytea[]))"
)
"""One statement however many events there are."""


def _new_id(_: EventData) -> str:
    return new_event_id()


def _envelope(data: EventData, source: str, event_id: str) -> Event:
    request = current_request()
    return Event.of(
        data,
        id=event_id,
        source=f"/webox/{source}",
        time=clock.now(),
        requestid=request.request_id if request else None,
        traceparent=request.traceparent if request else None,
    )
