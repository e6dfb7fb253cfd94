"""Messages as they are stored, and what is stored of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class ProviderChoice:
    """A provider to ask, and which of its models.

    `reserved` is what that may cost, in US dollars, where its user has a budget.
    """

    provider: str
    model: str
    demo: bool
    reserved: Decimal = Decimal(0)


@dataclass(frozen=True)
class Asking:
    """How the providers are asked."""

    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] | None = None


@dataclass(frozen=True)
class Once:
    """A request that is to have its effect once: its key, and what tells it from others."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class MadeBefore:
    """What a request with a key made: a message or, by a retry, a reply."""

    entry_id: int
    fingerprint: str


@dataclass(frozen=True)
class NewMessage:
    """What is to be stored; `preview` is how its conversation's list shows it."""

    user_id: int
    content: str
    preview: str
    choices: Sequence[ProviderChoice]
    asking: Asking
    once: Once | None = None


@dataclass(frozen=True)
class StoredMessage:
    id: int
    conversation_id: int
    content: str
    created_at: datetime
    age_ms: int


@dataclass(frozen=True)
class Sent:
    """A message as it was asked, so that it can be asked again."""

    conversation_id: int
    content: str
    choices: Sequence[ProviderChoice]
    asking: Asking
