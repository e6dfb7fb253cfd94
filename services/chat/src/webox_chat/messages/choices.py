"""Which providers a message goes to, and with which models."""

from collections.abc import Mapping, Sequence

from webox_chat.messages.stored import ProviderChoice
from webox_chat.providers import Provider, Registry
from webox_chat.user_settings.repository import UsualChoice, usual_choice
from webox_kit.database import Database
from webox_kit.errors import BadRequestError, UnavailableError

_DEFAULT_PROVIDERS = 2


class ProviderChooser:
    """`default_names` are for users who chose no default providers, or none to be had now."""

    def __init__(
        self, database: Database, registry: Registry, default_names: Sequence[str]
    ) -> None:
        self._database = database
        self._registry = registry
        self._default_names = list(default_names)

    async def choose(
        self, user_id: int, names: Sequence[str] | None, models: Mapping[str, str] | None
    ) -> list[ProviderChoice]:
        """The providers named, or the user's default ones, each with its model.

        Raises:
            BadRequestError: a provider is unknown, unavailable or named twice, or a model is not
                one of its provider's.
            UnavailableError: none was named and none is available.
        """
        await self._registry.refresh()
        wanted = models or {}
        usual = await self._usual(user_id, names or (), wanted)
        chosen = self._named(names) if names else self._defaults(usual.providers)
        strangers = wanted.keys() - {provider.name for provider in chosen}
        if strangers:
            raise _bad(
                "#/selected_models",
                f"Models are given for providers that are not asked: {_list(sorted(strangers))}.",
            )
        return [
            ProviderChoice(each.name, _model(each, wanted.get(each.name), usual), each.demo)
            for each in chosen
        ]

    async def _usual(
        self, user_id: int, names: Sequence[str], models: Mapping[str, str]
    ) -> UsualChoice:
        """What the user has in the settings; not looked up when the request says it all."""
        if names and all(name in models for name in names):
            return UsualChoice()
        return await usual_choice(self._database, user_id)

    def _named(self, names: Sequence[str]) -> list[Provider]:
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise _bad("#/selected_providers", f"Named more than once: {_list(twice)}.")
        return [self._available(name) for name in names]

    def _available(self, name: str) -> Provider:
        provider = self._registry.find(name)
        if provider is not None and provider.available:
            return provider
        why = f"There is no provider {name!r}."
        if provider is not None:
            why = f"{name} is not available ({provider.reason})."
        can_be_had = _list([each.name for each in self._registry.available()])
        raise _bad("#/selected_providers", f"{why} These can be asked: {can_be_had}.")

    def _defaults(self, usual: Sequence[str]) -> list[Provider]:
        """The user's that are available now, in their order, else the configured ones."""
        available = self._registry.available()
        if own := [each for name in usual for each in available if each.name == name]:
            return own
        configured = [each for each in available if each.name in self._default_names]
        defaults = configured or list(available[:_DEFAULT_PROVIDERS])
        if not defaults:
            raise UnavailableError(
                "No provider is available: give one a key (docs/providers.md).", retry_after=60
            )
        return defaults


def _model(provider: Provider, wanted: str | None, usual: UsualChoice) -> str:
    """The model wanted, else the user's default if the provider still has it, else its own."""
    if wanted is None:
        own = usual.models.get(provider.name, "")
        return provider.canonical_model(own) or provider.default_model
    model = provider.canonical_model(wanted)
    if model is None:
        raise _bad(
            "#/selected_models",
            f"{provider.name} has no model {wanted!r}. It has: {_list(provider.models)}.",
        )
    return model


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _bad(pointer: str, detail: str) -> BadRequestError:
    return BadRequestError(detail, errors=[{"pointer": pointer, "detail": detail}])
