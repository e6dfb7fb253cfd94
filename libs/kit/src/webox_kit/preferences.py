"""What users chose in chat's settings, as every service that speaks to people keeps it.

Chat owns the settings and publishes them; a service that needs them follows these events into a
table of its own database, and asks that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import BigInteger, Column, Connection, Table, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from webox_contracts.events import Language, SettingsChanged, UserDeleted
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database, Session, new_metadata
from webox_kit.identity import CurrentUser
from webox_kit.statements import Statement
from webox_kit.times import zone_of

preference = Table(
    "preference",
    new_metadata(),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("language", Text),
    Column("time_zone", Text),
    Column("version", BigInteger, nullable=False),
)

_NEVER_EXCEEDED = 2**63 - 1
"""The version of a deleted user's row: whatever still arrives is older."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """A user's language, None where none was chosen, and time zone, by default UTC."""

    language: Language | None = None
    zone: tzinfo = UTC


def create_preference_table(connection: Connection) -> None:
    """For a migration of a service that follows preferences."""
    preference.create(connection)


async def follow_preferences(session: Session, events: Sequence[ReceivedEvent]) -> None:
    """Keep what a batch of events says of settings and deleted users; it may hold others."""
    said = [row for event in events if (row := _row_of(event))]
    if said:
        # Those of one user in the order of their versions, all in one order: no deadlocks.
        said.sort(key=lambda row: (row["user_id"], row["version"]))
        await session.execute(_KEEP, said)


async def preferences_of(database: Database, user_id: int) -> Preferences:
    [rows] = await database.run(_FIND(user_id=user_id))
    if not rows:
        return Preferences()
    return Preferences(rows[0]["language"], zone_of(rows[0]["time_zone"]))


async def _current_preferences(request: Request, user: CurrentUser) -> Preferences:
    database: Database = request.app.state.database
    return await preferences_of(database, user.user_id)


CurrentPreferences = Annotated[Preferences, Depends(_current_preferences)]
"""FastAPI dependency: what the calling user chose."""


def _row_of(event: ReceivedEvent) -> dict[str, str | int | None] | None:
    match event.data:
        case SettingsChanged(user_id=user_id, version=version, language=language, time_zone=zone):
            chosen = {"language": language, "time_zone": zone}
            return {"user_id": user_id, "version": version, **chosen}
        case UserDeleted(user_id=user_id):
            nothing = {"language": None, "time_zone": None}
            return {"user_id": user_id, "version": _NEVER_EXCEEDED, **nothing}
        case _:
            return None


_new = insert(preference)
_KEEP = _new.on_conflict_do_update(
    index_elements=[preference.c.user_id],
    set_={name: _new.excluded[name] for name in ("language", "time_zone", "version")},
    where=_new.excluded.version > preference.c.version,
)
_FIND = Statement(
    select(preference.c.language, preference.c.time_zone).where(
        preference.c.user_id == bindparam("user_id")
    )
)
