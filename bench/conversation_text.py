"""Conversations for the figures of documents: the same text in every run, 1.4 KB a message."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from webox_exporter.documents.model import Conversation, Message

SEED = 20251124
BEGUN = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
_SYLLABLES = [
    "ba",
    "co",
    "du",
    "fe",
    "gri",
    "ho",
    "jou",
    "lan",
    "mer",
    "nou",
    "pla",
    "que",
    "roi",
    "sen",
    "tra",
    "ver",
    "chi",
    "dé",
    "pré",
    "tion",
    "ment",
    "eau",
]
_CODE = """```python
def {name}(values: list[int], limit: int = {number}) -> int:
    \"\"\"Adds up what is below the limit.\"\"\"
    return sum(value for value in values if value < limit)
```"""


def header(messages: int) -> Conversation:
    return Conversation(
        id=1,
        title="Une conversation de mesure",
        folder="Général",
        tags=("mesure",),
        is_favorite=False,
        message_count=messages,
        created_at=BEGUN,
        updated_at=BEGUN + timedelta(minutes=messages),
    )


def messages(count: int) -> Iterator[Message]:
    """Questions and answers by turns, half of the latter with code or a table."""
    words = _Words(random.Random(SEED))
    for number in range(count):
        moment = BEGUN + timedelta(minutes=number)
        if number % 2 == 0:
            yield Message(number + 1, "user", words.question(), moment)
        else:
            yield Message(
                number + 1,
                "assistant",
                words.answer(),
                moment,
                provider=("GPT-4", "Claude", "Mistral")[number // 2 % 3],
                model="model-1",
                parent_id=number,
                input_tokens=100,
                output_tokens=600,
                cost=Decimal("0.0021"),
                total_ms=2400,
            )


class _Words:
    """Text of 6,000 different words, the frequent ones far more so, as in a language."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._vocabulary = [
            "".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 4))))
            for _ in range(6000)
        ]

    def question(self) -> str:
        return f"{self._sentences(3)}\n\n{self._sentences(3)}"

    def answer(self) -> str:
        parts = [f"## {self._sentence(4)}", self._sentences(6), self._list(), self._sentences(7)]
        parts.append(self._chance.choice((self._code, self._table, self._short, self._short))())
        parts += [f"### {self._sentence(3)}", self._sentences(7), self._sentences(5)]
        return "\n\n".join(parts)

    def _sentences(self, count: int) -> str:
        return " ".join(self._sentence(9) for _ in range(count))

    def _sentence(self, words: int) -> str:
        picked = [self._word() for _ in range(words)]
        if self._chance.random() < 0.3:
            picked[2] = self._chance.choice(("**{}**", "*{}*", "`{}`")).format(picked[2])
        return " ".join(picked).capitalize() + "."

    def _word(self) -> str:
        return self._vocabulary[int(len(self._vocabulary) * self._chance.random() ** 3)]

    def _list(self) -> str:
        return "\n".join(f"- {self._sentence(7)}" for _ in range(4))

    def _code(self) -> str:
        return _CODE.format(name=self._word(), number=self._chance.randrange(100))

    def _table(self) -> str:
        rows = "\n".join(f"| {self._word()} | {self._word()} | {n} |" for n in range(5))
        return f"| un | deux | trois |\n|--|--|--:|\n{rows}"

    def _short(self) -> str:
        return self._sentences(3)
