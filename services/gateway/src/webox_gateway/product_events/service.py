"""Taking in what other Webox products report, durably and once."""

from pydantic import ValidationError

from webox_contracts.events import PRODUCT_EVENTS, ProductEventData
from webox_contracts.identity import Identity
from webox_gateway.product_events.repository import ProductEventRepository
from webox_gateway.product_events.schemas import Accepted, KeptEventList, ReportedEvent
from webox_kit.database import Database
from webox_kit.errors import BadRequestError, ForbiddenError, NotFoundError
from webox_kit.outbox import new_event_id, publish

_SOURCE = "gateway"


class ProductEventService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, event: ReportedEvent, reporter: Identity) -> Accepted:
        """Store an event and publish it, unless it was stored before.

        Raises:
            BadRequestError: its type is unknown, or it lacks what its type needs.
            ForbiddenError: a user reports for another one.
            NotFoundError: an admin reports for a user who is not there.
        """
        published = _as_published(event)
        if reporter.role != "admin" and event.data.user_id != reporter.user_id:
            raise ForbiddenError("You can report events of your own only: see `data.user_id`.")
        async with self._database.transaction() as session:
            events = ProductEventRepository(session)
            if not await events.user_exists(event.data.user_id):
                raise NotFoundError(f"There is no user {event.data.user_id}.")
            published_as = new_event_id()
            added = await events.add(
                user_id=event.data.user_id,
                source=event.source,
                event_id=event.id,
                type=event.type,
                subject=event.subject,
                occurred_at=event.time,
                data=event.data.model_dump(mode="json"),
                published_as=published_as,
            )
            if added:
                await publish(session, published, source=_SOURCE, ids=[published_as])
        return Accepted(accepted=int(added), duplicates=int(not added))

    async def kept(self, after: int, limit: int) -> KeptEventList:
        """Everybody's, with ids above `after`."""
        async with self._database.transaction() as session:
            found = await ProductEventRepository(session).after(after, limit)
        return KeptEventList(events=found)


def _as_published(event: ReportedEvent) -> ProductEventData:
    """The event as the services behind us know it."""
    event_class = PRODUCT_EVENTS.get(event.type)
    if event_class is None:
        known = ", ".join(sorted(PRODUCT_EVENTS))
        raise BadRequestError(
            f"The type {event.type!r} is not known; the known ones are {known}.",
            errors=[{"pointer": "#/type", "detail": "not a known type"}],
        )
    try:
        return event_class.model_validate(
            {
                "user_id": event.data.user_id,
                "subject_id": event.subject,
                "event_id": event.id,
                "occurred_at": event.time,
                "name": event.data.name,
                "bytes": event.data.bytes,
            }
        )
    except ValidationError as error:
        raise _lacking(error) from None


def _lacking(error: ValidationError) -> BadRequestError:
    errors = [
        {"pointer": f"#/data/{each['loc'][0]}", "detail": each["msg"]} for each in error.errors()
    ]
    return BadRequestError("The data does not fit the type of the event.", errors=errors)
