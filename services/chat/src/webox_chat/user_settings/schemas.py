"""A user's settings as clients send and see them."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from webox_chat.bodies import Body
from webox_chat.limits import DEFAULT_MODELS_PER_USER, PROVIDERS_PER_MESSAGE
from webox_chat.messages.schemas import ModelName, ProviderName
from webox_contracts.events import Language
from webox_kit.text import Cleaned
from webox_kit.times import is_time_zone

_LONGEST_TIME_ZONE = 64


def _known_time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("no time zone has this name; one is written like `Europe/Paris`")
    return name


TimeZone = Annotated[
    str,
    StringConstraints(max_length=_LONGEST_TIME_ZONE),
    Cleaned,
    AfterValidator(_known_time_zone),
]


class UserSettings(BaseModel):
    """What the user chose; null where nothing was.

    Without a language words follow `Accept-Language`, else they are French; without a time zone
    dates are in UTC. `default_providers` are asked by sends that name none, those of them that
    are available then; `default_models` by sends that name none for a provider.
    """

    model_config = ConfigDict(from_attributes=True)

    language: Language | None = None
    time_zone: str | None = None
    default_providers: list[str] | None = None
    default_models: dict[str, str] | None = None


class SettingsChanges(Body):
    """What to change: a member that is left out stays, null clears.

    Providers must be known, and need not be available: keys come and go.
    """

    language: Language | None = None
    time_zone: TimeZone | None = None
    default_providers: (
        Annotated[list[ProviderName], Field(min_length=1, max_length=PROVIDERS_PER_MESSAGE)] | None
    ) = None
    default_models: (
        Annotated[dict[ProviderName, ModelName], Field(max_length=DEFAULT_MODELS_PER_USER)] | None
    ) = None


class StoredSettings(UserSettings):
    version: int = Field(exclude=True)
