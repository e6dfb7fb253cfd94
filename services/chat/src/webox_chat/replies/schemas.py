"""What moves between the parts that make a reply, and a reply as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from webox_chat.providers import ChatTurn

FinalStatus = Literal["done", "failed", "cancelled"]

FAN_OUT = "chat.fan_out"
"""The task that has the providers of one message asked."""

FINAL = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Claim:
    """A reply this worker may write as long as `attempt` is the newest: the lease's fence.

    `cancel_requested`: it is not to be asked for, only to be ended. `reserved` is
    what is held for it, in US dollars.
    """

    reply_id: int
    attempt: int
    message_id: int
    conversation_id: int
    user_id: int
    provider: str
    model: str
    position: int
    demo: bool
    cancel_requested: bool
    reserved: str


@dataclass(frozen=True)
class Question:
    """What the providers of one message are asked, each with its own thread so far."""

    threads: dict[str, tuple[ChatTurn, ...]]
    system: str | None
    temperature: float | None
    max_tokens: int | None
    stop: tuple[str, ...]

    def characters(self, provider: str) -> int:
        """How many the provider is to read."""
        thread = sum(len(turn.content) for turn in self.threads[provider])
        return thread + len(self.system or "")


@dataclass(frozen=True)
class Claimed:
    """The replies of one message that were claimed together, and what to ask for them."""

    claims: list[Claim]
    question: Question


@dataclass(frozen=True)
class Fallback:
    """Who answered in place of the provider that was asked."""

    provider: str
    model: str


@dataclass(frozen=True)
class OpenedCircuit:
    """A provider that is not asked for a while, since it failed too often."""

    provider: str
    opened_at: datetime


@dataclass(frozen=True)
class Final:
    """How a claimed reply ended. Times are in ms, the cost in US dollars."""

    claim: Claim
    status: FinalStatus
    content: str = ""
    reasoning: str = ""
    error_code: str | None = None
    error_detail: str | None = None
    finish_reason: str | None = None
    truncated: bool = False
    context_cut: bool = False
    fallback: Fallback | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    charge: Decimal | None = None
    """What it counts for in its user's budget: the cost, or an estimate when that is unknown."""

    time_to_first_token_ms: int | None = None
    total_ms: int | None = None
    opened_circuit: OpenedCircuit | None = None


@dataclass(frozen=True)
class StoredReply:
    """A reply as SQL has it. Times are in ms, the cost in US dollars."""

    id: int
    provider: str
    model: str
    position: int
    status: str
    attempt: int
    content: str
    reasoning: str
    error: dict[str, Any] | None
    finish_reason: str | None
    truncated: bool
    context_cut: bool
    fallback: dict[str, Any] | None
    demo: bool
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    time_to_first_token_ms: int | None
    total_ms: int | None
    created_at: datetime
    finished_at: datetime | None
    superseded_by: int | None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `orjson` made of one, with its decimal and moments as text."""
        cost, finished_at = value["cost"], value["finished_at"]
        return cls(
            **{
                **value,
                "cost": None if cost is None else Decimal(cost),
                "created_at": datetime.fromisoformat(value["created_at"]),
                "finished_at": None if finished_at is None else datetime.fromisoformat(finished_at),
            }
        )


REPLY_FIELDS = tuple(field.name for field in fields(StoredReply))


@dataclass(frozen=True)
class Lease:
    """How long a claim holds without renewal, and how often a reply may be begun."""

    duration: timedelta
    max_attempts: int
