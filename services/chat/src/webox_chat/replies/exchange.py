"""One question to one provider: what came of it so far, and how it ended."""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from webox_chat.live.texts import GrowingText
from webox_chat.providers import (
    ASCII_OF_A_TOKEN,
    Asked,
    Finished,
    ProviderError,
    ReasoningDelta,
    StreamItem,
    TextDelta,
)
from webox_chat.replies.schemas import Claim, Fallback, Final, FinalStatus, OpenedCircuit

Cost = Callable[[str, str, int | None, int | None], Decimal | None]
"""Of a provider's model, for so many tokens in and out; None when a price or count is unknown."""


class Exchange:
    """Takes what a provider streams. `text` is what it has said."""

    def __init__(self, claim: Claim, asked_characters: int, cost: Cost) -> None:
        self.claim = claim
        self._asked_characters = asked_characters
        self._cost = cost
        self.reply_id, self.message_id, self.attempt = (
            claim.reply_id,
            claim.message_id,
            claim.attempt,
        )
        self.text = GrowingText()
        self._started = time.monotonic()
        self._first_token: float | None = None
        self._reasoning: list[str] = []
        self._asked = Asked(claim.provider, claim.model, context_cut=False)
        self._finished: Finished | None = None
        self._opened_circuit: OpenedCircuit | None = None

    def take(self, item: StreamItem) -> bool:
        """Whether the text grew by it."""
        match item:
            case TextDelta(text):
                if self._first_token is None:
                    self._first_token = time.monotonic()
                self.text.append(text)
                return True
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case Finished():
                self._finished = item
            case Asked():
                self._ask(item)
        return False

    def failed(self, code: str, detail: str) -> Final:
        return replace(self.ended("failed"), error_code=code, error_detail=detail)

    def failed_by(self, error: ProviderError) -> Final:
        self._note_circuit(error)
        return self.failed(error.code, error.detail)

    def done(self) -> Final:
        """The end as the provider said it; without such an end it is `failed`."""
        finished = self._finished
        if finished is None:
            return self.failed("cut", "The answer has no end.")
        tokens = finished.input_tokens, finished.output_tokens
        paid = self._cost(self._asked.provider, self._asked.model, *tokens)
        ended = self.ended("done")
        return replace(
            ended,
            finish_reason=finished.finish_reason,
            truncated=finished.truncated,
            input_tokens=finished.input_tokens,
            output_tokens=finished.output_tokens,
            cost=paid,
            charge=ended.charge if paid is None else paid,
        )

    def ended(self, status: FinalStatus) -> Final:
        """With the text so far."""
        first = self._first_token
        return Final(
            self.claim,
            status,
            content=str(self.text),
            reasoning="".join(self._reasoning),
            context_cut=self._asked.context_cut,
            fallback=self._fallback(),
            charge=self._estimated_cost(),
            opened_circuit=self._opened_circuit,
            time_to_first_token_ms=None if first is None else _ms(first - self._started),
            total_ms=_ms(time.monotonic() - self._started),
        )

    def _estimated_cost(self) -> Decimal | None:
        """Nothing was paid for if nothing was said."""
        said = len(self.text) + sum(map(len, self._reasoning))
        if not (said and Decimal(self.claim.reserved)):
            return None
        tokens = self._asked_characters // ASCII_OF_A_TOKEN, said // ASCII_OF_A_TOKEN
        return self._cost(self._asked.provider, self._asked.model, *tokens)

    def _ask(self, asked: Asked) -> None:
        if asked.instead_of is not None:
            # What the one before thought is no part of this answer.
            self._reasoning.clear()
            self._note_circuit(asked.instead_of)
        self._asked = asked

    def _note_circuit(self, error: ProviderError) -> None:
        """Of who was asked last."""
        if error.circuit_opened_at is not None:
            self._opened_circuit = OpenedCircuit(self._asked.provider, error.circuit_opened_at)

    def _fallback(self) -> Fallback | None:
        asked = self._asked
        if asked.provider == self.claim.provider:
            return None
        return Fallback(asked.provider, asked.model)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
