"""Events leave with the change that caused them: the row commits with it."""

from datetime import UTC, datetime

from sqlalchemy import insert
from uuid_utils import uuid7

from webox_contracts.events import Event, EventData
from webox_kit.context import current_request
from webox_kit.database import Session
from webox_kit.event_tables import outbox


async def publish(session: Session, *events: EventData, source: str) -> None:
    """Add `events` to the outbox, in the transaction of `session`.

    `source` is the service's name; the CloudEvent's source becomes `/webox/<source>`.
    """
    if not events:
        return
    rows = [_row(data, source) for data in events]
    await session.execute(insert(outbox), rows)


def _row(data: EventData, source: str) -> dict[str, object]:
    request = current_request()
    event = Event.of(
        data,
        id=str(uuid7()),
        source=f"/webox/{source}",
        time=datetime.now(UTC),
        requestid=request.request_id if request else None,
        traceparent=request.traceparent if request else None,
    )
    return {"event_id": event.id, "event": event.model_dump_json(exclude_none=True).encode()}
