"""Events leave with the change that caused them: the row commits with it."""

from datetime import UTC, datetime

from sqlalchemy import text
from uuid_utils import uuid7

from webox_contracts.events import Event, EventData
from webox_kit.context import current_request
from webox_kit.database import Session
from webox_kit.statements import Flight, Statement


async def publish(session: Session | Flight, *events: EventData, source: str) -> None:
    """Add `events` to the outbox, in the transaction of `session`.

    `source` is the service's name; the CloudEvent's source becomes `/webox/<source>`.
    """
    if not events:
        return
    envelopes = [_envelope(data, source) for data in events]
    values = {
        "ids": [each.id for each in envelopes],
        "events": [each.model_dump_json(exclude_none=True).encode() for each in envelopes],
    }
    if isinstance(session, Flight):
        await session.add(_HOT_INSERT(**values))
    else:
        await session.execute(_INSERT, values)


_INSERT = text(
    "INSERT INTO outbox (event_id, event)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:events AS bytea[]))"
)
"""One statement however many events there are."""

_HOT_INSERT = Statement(_INSERT)


def _envelope(data: EventData, source: str) -> Event:
    request = current_request()
    return Event.of(
        data,
        id=str(uuid7()),
        source=f"/webox/{source}",
        time=datetime.now(UTC),
        requestid=request.request_id if request else None,
        traceparent=request.traceparent if request else None,
    )
