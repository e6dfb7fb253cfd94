"""What moves between the parts that make a reply."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from webox_chat.providers import ChatTurn

FinalStatus = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True)
class Claim:
    """A reply this worker may write as long as `attempt` is the newest: the lease's fence."""

    reply_id: int
    attempt: int
    message_id: int
    conversation_id: int
    user_id: int
    provider: str
    model: str
    demo: bool


@dataclass(frozen=True)
class Question:
    """What the providers of one message are asked, each with its own thread so far."""

    threads: dict[str, tuple[ChatTurn, ...]]
    temperature: float | None
    max_tokens: int | None


@dataclass(frozen=True)
class Claimed:
    """The replies of one message that were claimed together, and what to ask for them."""

    claims: list[Claim]
    question: Question


@dataclass(frozen=True)
class Final:
    """How a claimed reply ended. Times are in ms, the cost in US dollars."""

    claim: Claim
    status: FinalStatus
    content: str = ""
    error_code: str | None = None
    error_detail: str | None = None
    finish_reason: str | None = None
    truncated: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    time_to_first_token_ms: int | None = None
    total_ms: int | None = None


@dataclass(frozen=True)
class Lease:
    """How long a claim holds without renewal, and how often a reply may be begun."""

    duration: timedelta
    max_attempts: int
