"""SQL of a thread: what was said before a message, and what each provider sees of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    bindparam,
    literal,
    literal_column,
    null,
    select,
    true,
    union_all,
)

from webox_chat.models import message, reply
from webox_chat.providers import ChatTurn

_THREAD_TURNS = 200
"""A thread goes back at most so many questions."""


def turns_of(said: Sequence[Mapping[str, Any]], provider: str) -> tuple[ChatTurn, ...]:
    """What `provider` sees of a thread: the questions, and its own answers."""
    return tuple(
        ChatTurn("user" if each["provider"] is None else "assistant", each["content"])
        for each in said
        if each["provider"] in (None, provider)
    )


def thread_query(providers: Select[Any]) -> CompoundSelect[Any]:
    """The message and its ancestors with their answers by `providers`, a depth each."""
    asked = (
        select(*message.c, literal(0).label("depth"))
        .where(message.c.id == bindparam("message_id"))
        .cte("asked", recursive=True)
    )
    before = message.alias("before")
    asked = asked.union_all(
        select(*before.c, asked.c.depth + 1)
        .join(asked, before.c.id == asked.c.parent_id)
        .where(asked.c.depth < _THREAD_TURNS)
    )
    questions = select(
        asked.c.depth,
        literal(0).label("place"),
        null().label("provider"),
        asked.c.content,
        asked.c.system,
        asked.c.temperature,
        asked.c.max_tokens,
        asked.c.stop,
    )
    # The offset keeps PostgreSQL from turning the join around, and going through all replies.
    answer = (
        select(reply.c.provider, reply.c.content)
        .where(
            reply.c.message_id == asked.c.id,
            reply.c.provider.in_(providers),
            reply.c.superseded_by.is_(None),
            reply.c.status == "done",
            reply.c.content != "",
        )
        .offset(literal_column("0"))
        .lateral("answer")
    )
    answers = (
        select(
            asked.c.depth,
            literal(1).label("place"),
            answer.c.provider,
            answer.c.content,
            *(null().label(name) for name in ("system", "temperature", "max_tokens", "stop")),
        )
        .join(answer, true())
        .where(asked.c.depth > 0)
    )
    return union_all(questions, answers)
