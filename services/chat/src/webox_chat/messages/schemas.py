"""Sending, and what is answered."""

from typing import Annotated, Any

from fastapi import Header, Path
from pydantic import BaseModel, Field, StringConstraints, field_validator

from webox_chat.bodies import Body
from webox_chat.conversations.schemas import Folder
from webox_chat.limits import (
    MAX_ID,
    MAX_TEMPERATURE,
    MAX_TOKENS,
    MAX_WAIT_SECONDS,
    MESSAGE_CHARACTERS,
    PROVIDERS_PER_MESSAGE,
    STOP_CHARACTERS,
    STOP_SEQUENCES,
    SYSTEM_CHARACTERS,
)
from webox_kit.text import Cleaned
from webox_kit.times import Moment

MessageId = Annotated[int, Path(ge=1, le=MAX_ID, description="The message's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(description="Repeats of a request within 24 h answer what the first one made."),
]
ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=40), Cleaned]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200), Cleaned]


class Wait(Body):
    """Answer as soon as so many replies are final, or after so many seconds."""

    replies: Annotated[int, Field(ge=1, le=PROVIDERS_PER_MESSAGE)] | None = None
    seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS)] | None = None


Stop = Annotated[str, StringConstraints(min_length=1, max_length=STOP_CHARACTERS), Cleaned]


class AskRequest(Body):
    """A message to several providers at once, and how they are asked.

    `system` says how they are to answer, `stop` where they are to end.
    """

    message: Annotated[str, StringConstraints(min_length=1, max_length=MESSAGE_CHARACTERS), Cleaned]
    selected_providers: (
        Annotated[list[ProviderName], Field(min_length=1, max_length=PROVIDERS_PER_MESSAGE)] | None
    ) = None
    selected_models: dict[ProviderName, ModelName] | None = None
    temperature: Annotated[float, Field(ge=0, le=MAX_TEMPERATURE, allow_inf_nan=False)] | None = (
        None
    )
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    system: (
        Annotated[str, StringConstraints(min_length=1, max_length=SYSTEM_CHARACTERS), Cleaned]
        | None
    ) = None
    stop: Annotated[list[Stop], Field(min_length=1, max_length=STOP_SEQUENCES)] | None = None
    wait: Wait | None = None

    @field_validator("message")
    @classmethod
    def _not_blank(cls, message: str) -> str:
        if not message.strip():
            raise ValueError("the message is blank")
        return message


class SendRequest(AskRequest):
    """Only `message` is required. Without `conversation_id` it begins a new conversation."""

    conversation_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    folder: Folder | None = None


class EditRequest(AskRequest):
    """What is left out is as it was asked before; `message` is required."""


class Fallback(BaseModel):
    """Who answered in place of the provider that was asked."""

    provider: str
    model: str


class ReplyState(BaseModel):
    """One provider's reply, without its text. `cost` is in US dollars, an exact decimal.

    `context_cut`: the oldest turns were left out, for the model's window. `reasoning` is what the
    model thought, where its provider tells.
    """

    id: int
    model: str
    status: str
    attempt: int
    finish_reason: str | None
    truncated: bool
    context_cut: bool
    reasoning: str | None
    fallback: Fallback | None
    time_to_first_token_ms: int | None
    total_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None
    demo: bool


class ReplyDetail(ReplyState):
    """A reply with its text; `error` is a problem where it failed."""

    provider: str
    content: str
    error: dict[str, Any] | None
    superseded_by: int | None
    created_at: Moment
    finished_at: Moment | None


class ReplyHistory(BaseModel):
    replies: list[ReplyDetail]


class RetryRequest(Body):
    """Without a model, the same one is asked."""

    model: ModelName | None = None


class SendAnswer(BaseModel):
    """A message and its replies as of now.

    `ai_responses` holds those that are done, `errors` a problem for those that failed, `replies`
    the state of all. `response_time` is in ms: until the last reply was final, or until now.
    """

    conversation_id: int
    message_id: int
    user_message: str
    ai_responses: dict[str, str]
    response_time: int
    created_at: Moment
    errors: dict[str, dict[str, Any]]
    replies: dict[str, ReplyState]

    def finals(self) -> int:
        """How many replies are final."""
        return sum(reply.status not in {"queued", "running"} for reply in self.replies.values())

    @property
    def complete(self) -> bool:
        return self.finals() == len(self.replies)

    @property
    def all_failed(self) -> bool:
        return all(reply.status == "failed" for reply in self.replies.values())
