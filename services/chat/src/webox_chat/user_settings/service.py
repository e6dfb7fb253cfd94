"""Decisions about a user's settings."""

from collections.abc import Mapping, Sequence

from webox_chat.providers import Provider, Registry
from webox_chat.user_settings.repository import UserSettingRepository
from webox_chat.user_settings.schemas import SettingsChanges, UserSettings
from webox_contracts.events import SettingsChanged
from webox_kit.database import Database
from webox_kit.errors import BadRequestError
from webox_kit.outbox import publish

_MEMBERS = ", ".join(f"`{name}`" for name in SettingsChanges.model_fields)


class UserSettingsService:
    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry

    async def get(self, user_id: int) -> UserSettings:
        async with self._database.transaction() as session:
            found = await UserSettingRepository(session).get(user_id)
        return found or UserSettings()

    async def change(self, user_id: int, changes: SettingsChanges) -> UserSettings:
        """Change what is given, and tell the other services.

        Raises:
            BadRequestError: nothing is given, or a provider or a model is not known.
        """
        values = changes.model_dump(exclude_unset=True)
        if not values.keys() & SettingsChanges.model_fields.keys():
            raise BadRequestError(f"Give at least one of {_MEMBERS}.")
        await self._registry.refresh()
        self._check_providers(changes.default_providers or ())
        self._check_models(changes.default_models or {})
        async with self._database.transaction() as session:
            stored = await UserSettingRepository(session).save(user_id, values)
            event = SettingsChanged(
                user_id=user_id,
                version=stored.version,
                language=stored.language,
                time_zone=stored.time_zone,
            )
            await publish(session, event, source="chat")
        return stored

    def _check_providers(self, names: Sequence[str]) -> None:
        if len(set(names)) < len(names):
            raise _bad("default_providers", "A provider is named more than once.")
        for name in names:
            self._known("default_providers", name)

    def _check_models(self, models: Mapping[str, str]) -> None:
        for name, model in models.items():
            provider = self._known("default_models", name)
            if not provider.accepts(model):
                has = ", ".join(provider.models) or "none now"
                raise _bad("default_models", f"{name} has no model {model!r}. It has: {has}.")

    def _known(self, member: str, name: str) -> Provider:
        provider = self._registry.find(name)
        if provider is None:
            known = ", ".join(each.name for each in self._registry.all()) or "none"
            raise _bad(member, f"There is no provider {name!r}. There are: {known}.")
        return provider


def _bad(member: str, detail: str) -> BadRequestError:
    return BadRequestError(detail, errors=[{"pointer": f"#/{member}", "detail": detail}])
