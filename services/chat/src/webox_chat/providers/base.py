"""What is asked of a provider, and what comes back."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Role = Literal["user", "assistant"]
ErrorCode = Literal[
    "timeout", "rate_limited", "unauthorized", "unavailable", "bad_response", "circuit_open", "cut"
]

LONGEST_DETAIL = 300
_CODES_OF_ILLNESS: tuple[ErrorCode, ...] = ("timeout", "unavailable", "bad_response", "cut")


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One earlier or the current message; providers refuse an empty one."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """A question with its conversation, oldest turn first, the question last.

    `temperature` is 0 to 2; a protocol with a narrower range takes the nearest value it knows.
    `stop` are texts at which the model stops; they are not part of the answer.
    """

    model: str
    turns: tuple[ChatTurn, ...]
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is being asked now; comes before anything else, and again when a fallback takes over.

    `model` is the one that really answers, where an alias was asked for. `context_cut` says that
    the oldest turns were left out, for the model's window. `instead_of` is why the provider that
    was asked for does not answer; reasoning that came before it is the other's.
    """

    provider: str
    model: str
    context_cut: bool
    instead_of: "ProviderError | None" = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer: never empty, without NUL or lone surrogates."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of what the model thinks before and while it answers; cleaned likewise."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete.

    `finish_reason` is `stop`, `length`, `content_filter`, `tool_calls` or the provider's own word.
    `truncated` says that the text was cut at its limit; the token counts are then unknown.
    """

    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    truncated: bool = False


StreamItem = Asked | TextDelta | ReasoningDelta | Finished


class ProviderError(Exception):
    """A provider did not answer as it should.

    `detail` is for the user and never holds the key; it may quote the provider, so it is not for
    logs. `retry_after` is in seconds. `retryable` says that the same request may succeed later.
    `ill` says that the fault is the provider's and not the request's, the key's or the account's;
    by default the code decides. `circuit_opened_at` is set on the failure that opened the
    provider's circuit or kept it open, and on refusals while it is open: since when it is.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        retry_after: float | None = None,
        retryable: bool = False,
        ill: bool | None = None,
        circuit_opened_at: datetime | None = None,
    ) -> None:
        if len(detail) > LONGEST_DETAIL:
            detail = detail[: LONGEST_DETAIL - 1] + "…"
        super().__init__(f"{code}: {detail}")
        self.code: ErrorCode = code
        self.detail = detail
        self.retry_after = retry_after
        self.retryable = retryable
        self.ill = code in _CODES_OF_ILLNESS if ill is None else ill
        self.circuit_opened_at = circuit_opened_at


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long a provider may take, in seconds."""

    connect: float = 10.0
    first_token: float = 60.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider listens and with which key; everything a wire protocol needs to know."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    limits: TimeLimits = TimeLimits()
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
