"""SQL over users' settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, func, null, select
from sqlalchemy.dialects.postgresql import insert

from webox_chat.models import user_setting
from webox_chat.user_settings.schemas import StoredSettings
from webox_kit.database import Database, Session
from webox_kit.statements import Statement


@dataclass(frozen=True, slots=True)
class UsualChoice:
    """Whom a user asks by default, and which models of them."""

    providers: Sequence[str] = ()
    models: Mapping[str, str] = field(default_factory=dict)


async def usual_choice(database: Database, user_id: int) -> UsualChoice:
    """One hot statement: sends that leave a choice open wait for it."""
    [rows] = await database.run(_USUAL(user_id=user_id))
    if not rows:
        return UsualChoice()
    return UsualChoice(rows[0]["default_providers"] or (), rows[0]["default_models"] or {})


class UserSettingRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, user_id: int) -> StoredSettings | None:
        query = select(user_setting).where(user_setting.c.user_id == user_id)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else StoredSettings.model_validate(row)

    async def save(self, user_id: int, values: Mapping[str, Any]) -> StoredSettings:
        """Set these columns, in one statement: parallel changes of different ones all count."""
        # A plain None would be the JSON null.
        new = {name: null() if value is None else value for name, value in values.items()}
        changed = {"version": user_setting.c.version + 1, "updated_at": func.now()}
        statement = (
            insert(user_setting)
            .values(user_id=user_id, **new)
            .on_conflict_do_update(index_elements=[user_setting.c.user_id], set_={**new, **changed})
            .returning(user_setting)
        )
        return StoredSettings.model_validate((await self._session.execute(statement)).one())

    async def delete(self, user_id: int) -> None:
        await self._session.execute(delete(user_setting).where(user_setting.c.user_id == user_id))


_USUAL = Statement(
    select(user_setting.c.default_providers, user_setting.c.default_models).where(
        user_setting.c.user_id == bindparam("user_id")
    )
)
