"""Applies events to the read models, in the transaction of its caller.

Nothing here knows where the tables are: with another `search_path` the same call fills others,
which is how read models can be rebuilt beside the ones in use.
"""

from collections.abc import Sequence

from webox_contracts.events import NotificationCreated
from webox_dashboard.projection import beside
from webox_dashboard.projection.handlers import rows_of
from webox_dashboard.projection.repository import ProjectionRepository
from webox_dashboard.projection.rows import Rows, living, things_of_rows
from webox_dashboard.projection.things import Deletion, Thing, deletion_by, things_of, user
from webox_dashboard.words.kinds import NOTIFICATIONS
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Session


async def apply_events(
    session: Session, events: Sequence[ReceivedEvent]
) -> list[NotificationCreated]:
    """Apply a batch; the notifications it made, for whoever wants to tell.

    Events may come in any order and any number of times. Deletions go first: what is deleted
    in a batch has no other effect in it.
    """
    repository = ProjectionRepository(session)
    await repository.take_turn()
    deleted = await _delete(repository, events)
    rows = rows_of(((each.envelope.id, each.data) for each in events), deleted)
    await repository.save(rows)
    return [
        NotificationCreated(
            user_id=made.user_id,
            notification_id=made.id,
            kind=NOTIFICATIONS[made.kind].type,
        )
        for made in await repository.add_notifications(rows.notifications)
    ]


async def apply_beside(session: Session, events: Sequence[ReceivedEvent]) -> None:
    """Apply a batch once more, to the read models being built beside the ones in use, if any.

    To be called after `apply_events`, in the same transaction: it has the turn.
    """
    if await beside.exists(session):
        async with beside.in_use(session):
            await apply_events(session, events)


async def add_beside(session: Session, rows: Rows) -> None:
    """Add what a source says to the read models being built, but for what is deleted."""
    repository = ProjectionRepository(session)
    await repository.take_turn()
    async with beside.in_use(session):
        deleted = await repository.deleted_among(things_of_rows(rows))
        await repository.save(living(rows, deleted))


async def _delete(repository: ProjectionRepository, events: Sequence[ReceivedEvent]) -> set[Thing]:
    """Delete what the batch says is deleted; everything it is about that is deleted then."""
    deletions = [found for event in events if (found := deletion_by(event.data))]
    await repository.bury_users({each.user_id for each in deletions if _is_user(each)})
    about = {thing for event in events for thing in things_of(event.data)}
    deleted = await repository.deleted_among(about)
    rest = [each for each in deletions if user(each.user_id) not in deleted]
    await repository.bury(rest)
    return deleted | {each.thing for each in rest}


def _is_user(deletion: Deletion) -> bool:
    return deletion.thing == user(deletion.user_id)
