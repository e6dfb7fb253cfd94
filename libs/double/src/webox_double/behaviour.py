"""Which misbehaviour a model's name asks for."""

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED_QUESTIONS = 10_000
_ALWAYS = 1_000_000_000
FAULTS = frozenset(
    {
        "hang_headers", "hang_mid", "429", "500", "401", "badjson", "error_after_200",
        "no_terminator", "split_utf8", "crlf", "unknown_event", "dup_chunk", "10mb", "drip", "cut",
        "redirect_private", "gzip_bomb", "length", "refusal", "tool_call", "reasoning", "stream",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`delay:200+429:2:1` is a fault `429` with the arguments (2, 1), 200 ms late."""

    fault: str
    arguments: tuple[float, ...] = ()
    delay_seconds: float = 0.0

    def argument(self, position: int, default: float) -> float:
        return self.arguments[position] if position < len(self.arguments) else default

    @property
    def times(self) -> float:
        """How often the fault strikes one question before the answer comes; others always do."""
        if self.fault in {"429", "500"}:
            return self.argument(0, _ALWAYS)
        if self.fault == "cut":
            return self.argument(1, _ALWAYS)
        return _ALWAYS


def behaviour_of(model: str) -> Behaviour:
    """A name that is no fault's, e.g. a real model's, behaves well."""
    fault, delay = "ok", 0.0
    arguments: tuple[float, ...] = ()
    for part in model.split("+"):
        name, *values = part.split(":")
        numbers = _numbers(values)
        if name == "delay" and numbers:
            delay = numbers[0] / 1000
        elif name in FAULTS and numbers is not None:
            fault, arguments = name, numbers
    return Behaviour(fault, arguments, delay)


class Strikes:
    """Counts how often a question was failed, so that `429:2` answers it the third time."""

    def __init__(self) -> None:
        self._failed: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def strikes_now(self, behaviour: Behaviour, protocol: str, model: str, question: str) -> bool:
        key = (protocol, model, question)
        failed = self._failed.pop(key, 0)
        if failed >= behaviour.times:
            return False
        self._failed[key] = failed + 1
        if len(self._failed) > REMEMBERED_QUESTIONS:
            self._failed.popitem(last=False)
        return True

    def clear(self) -> None:
        self._failed.clear()


def _numbers(values: list[str]) -> tuple[float, ...] | None:
    try:
        return tuple(float(value) for value in values)
    except ValueError:
        return None
