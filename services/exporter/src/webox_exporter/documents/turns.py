"""A conversation question by question, for layouts that show its answers side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from webox_exporter.documents.model import Message


@dataclass(slots=True)
class Turn:
    """A question and its answers, at most one a provider unless superseded ones are read too.

    The question is None where a conversation begins with an answer.
    """

    question: Message | None
    answers: list[Message] = field(default_factory=list)


def turns(messages: Iterable[Message]) -> Iterator[Turn]:
    """The turns in order; each is given out once the next begins."""
    turn: Turn | None = None
    for message in messages:
        if message.role == "assistant" and turn is not None and _answers(message, turn):
            turn.answers.append(message)
            continue
        if turn is not None:
            yield turn
        answer = message.role == "assistant"
        turn = Turn(None, [message]) if answer else Turn(message)
    if turn is not None:
        yield turn


def _answers(reply: Message, turn: Turn) -> bool:
    """Whether it belongs to the turn, as one of which no parent is known does."""
    if reply.parent_id is None or turn.question is None:
        return turn.question is not None or turn.answers[0].parent_id == reply.parent_id
    return reply.parent_id == turn.question.id
