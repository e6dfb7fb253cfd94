"""Which providers a message goes to, and with which models."""

from collections.abc import Mapping, Sequence

from webox_chat.messages.stored import ProviderChoice
from webox_chat.providers import Provider, Registry
from webox_kit.errors import BadRequestError, UnavailableError

_DEFAULT_PROVIDERS = 2


class ProviderChooser:
    def __init__(self, registry: Registry, default_names: Sequence[str]) -> None:
        self._registry = registry
        self._default_names = list(default_names)

    async def choose(
        self, names: Sequence[str] | None, models: Mapping[str, str] | None
    ) -> list[ProviderChoice]:
        """The providers named, or the default ones, each with its model.

        Raises:
            BadRequestError: a provider is unknown, unavailable or named twice, or a model is not
                one of its provider's.
            UnavailableError: none was named and none is available.
        """
        await self._registry.refresh()
        chosen = self._named(names) if names else self._defaults()
        wanted = models or {}
        strangers = wanted.keys() - {provider.name for provider in chosen}
        if strangers:
            raise _bad(
                "#/selected_models",
                f"Models are given for providers that are not asked: {_list(sorted(strangers))}.",
            )
        return [
            ProviderChoice(each.name, _model(each, wanted.get(each.name)), each.demo)
            for each in chosen
        ]

    def _named(self, names: Sequence[str]) -> list[Provider]:
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise _bad("#/selected_providers", f"Named more than once: {_list(twice)}.")
        return [self._available(name) for name in names]

    def _available(self, name: str) -> Provider:
        provider = self._registry.find(name)
        can_be_had = _list([each.name for each in self._registry.available()])
        if provider is None:
            raise _bad(
                "#/selected_providers",
                f"There is no provider {name!r}. These can be asked: {can_be_had}.",
            )
        if not provider.available:
            raise _bad(
                "#/selected_providers",
                f"{name} is not available ({provider.reason}). These can be asked: {can_be_had}.",
            )
        return provider

    def _defaults(self) -> list[Provider]:
        available = self._registry.available()
        configured = [each for each in available if each.name in self._default_names]
        defaults = configured or list(available[:_DEFAULT_PROVIDERS])
        if not defaults:
            raise UnavailableError(
                "No provider is available: give one a key (docs/providers.md).", retry_after=60
            )
        return defaults


def _model(provider: Provider, wanted: str | None) -> str:
    if wanted is None:
        return provider.default_model
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
