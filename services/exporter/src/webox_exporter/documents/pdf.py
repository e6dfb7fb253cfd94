"""PDF: a title page, contents, and each question with its answers, side by side if that fits.

Reportlab keeps the finished pages until the end. What stands on them is made from one question
and its answers at a time, and let go.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import BinaryIO

from reportlab.lib.colors import Color

from webox_exporter.documents.labels import facts_of, figures_of, marks_of, speaker_of, title_of
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.turns import Turn, turns
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Gap, Inset, Stack
from webox_exporter.documents.typeset.blocks import blocks
from webox_exporter.documents.typeset.columns import Column, Columns, width_of_each
from webox_exporter.documents.typeset.front import Entry, Tally, contents, title_page
from webox_exporter.documents.typeset.label import Bookmark, MessageLabel
from webox_exporter.documents.typeset.metadata import About
from webox_exporter.documents.typeset.pages import Pages
from webox_exporter.documents.typeset.styles import FULL, NARROW, TEXT_WIDTH
from webox_exporter.documents.words import Words

_INDENT = 12.0
_NARROW_INDENT = 9.0
_TITLE_LENGTH = 120
_MOST_COLUMNS = 3
_FEWEST_ENTRIES = 5
_FEWEST_PAGES = 4
"""Contents are for documents with as many questions, or several on as many pages, as this."""
_LOPSIDED = 3
_LONG = 3_000
"""An answer longer than this, and that many times the others, would leave them empty columns."""


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Set the conversation on A4 pages; returns how many messages that count were set."""
    document = _Document(conversation, words, out)
    for turn in turns(messages):
        document.add(turn)
    document.finish()
    return document.written


class _Document:
    def __init__(self, conversation: Conversation, words: Words, out: BinaryIO) -> None:
        self.written = 0
        self._conversation = conversation
        self._words = words
        self._title = plain_text(title_of(conversation, words))
        self._entries: list[Entry] = []
        self._tallies: dict[str, _Tally] = {}
        about = About(
            title=self._title,
            subject=words["subject"],
            keywords=tuple(plain_text(tag) for tag in conversation.tags),
            language=words.language,
        )
        self._pages = Pages(out, about, (words["page"], words["of"]))

    def add(self, turn: Turn) -> None:
        if turn.question is not None:
            self._question(turn.question)
        comparison = _comparison(turn.answers, self._words)
        below = [Gap(8), comparison, Gap(8)] if comparison else self._stacked(turn.answers)
        for block in below:
            self._pages.add(block)
        for answer in turn.answers:
            speaker = _speaker(answer, self._words)
            self._tallies.setdefault(speaker, _Tally()).add(answer)
            self.written += answer.counts

    def _question(self, message: Message) -> None:
        title = " ".join(plain_text(message.content).split())[:_TITLE_LENGTH]
        bookmark = Bookmark(f"message-{message.id}", title or self._words["you"])
        self._pages.add(_label(message, self._words, bookmark))
        self._entries.append(Entry(len(self._entries) + 1, *bookmark[::-1], self._pages.number))
        self._body(message)
        self.written += message.counts

    def _stacked(self, answers: list[Message]) -> Iterator[Block]:
        for message in answers:
            yield _label(message, self._words)
            yield from _body(message, self._words)

    def _body(self, message: Message) -> None:
        for block in _body(message, self._words):
            self._pages.add(block)

    def finish(self) -> None:
        """Put the title page, and the contents if it is long, before the rest; write the file."""
        pages = self._pages.finish_body()
        self._pages.add_front(self._front(pages))
        self._pages.save()

    def _front(self, pages: int) -> Iterator[Iterator[Block]]:
        facts = [
            (plain_text(name), plain_text(value))
            for name, value in facts_of(self._conversation, self._words)
        ]
        tallies = [tally.line(name, self._words) for name, tally in self._tallies.items()]
        yield title_page(self._title, self._words["subject"], facts, tallies)
        several = len(self._entries) > 1 and pages >= _FEWEST_PAGES
        if several or len(self._entries) >= _FEWEST_ENTRIES:
            yield contents(self._words["contents"], self._entries)


class _Tally:
    """What a provider contributed so far."""

    def __init__(self) -> None:
        self._answers = 0
        self._models: dict[str, None] = {}
        self._tokens = 0
        self._cost: Decimal | None = None

    def add(self, answer: Message) -> None:
        self._answers += 1
        if answer.model:
            self._models[plain_text(answer.model)] = None
        self._tokens += (answer.input_tokens or 0) + (answer.output_tokens or 0)
        if answer.cost is not None:
            self._cost = (self._cost or Decimal(0)) + answer.cost

    def line(self, name: str, words: Words) -> Tally:
        parts = [words.answers(self._answers), ", ".join(self._models)]
        if self._tokens:
            parts.append(f"{words.whole(self._tokens)} {words['tokens']}")
        if self._cost is not None:
            parts.append(words.dollars(self._cost))
        return Tally(name, palette.provider_colour(name), " · ".join(filter(None, parts)))


def _comparison(answers: list[Message], words: Words) -> Columns | None:
    """Two or three answers side by side, when all that is in them fits a column."""
    if not 1 < len(answers) <= _MOST_COLUMNS:
        return None
    *_, second, longest = sorted(len(answer.content) for answer in answers)
    if longest > max(_LONG, _LOPSIDED * second):
        return None
    width = width_of_each(TEXT_WIDTH, len(answers))
    columns: list[Column] = []
    for answer in answers:
        column = _column(answer, words, width)
        if not column.fits(width):
            return None
        columns.append(column)
    return Columns(columns)


def _column(message: Message, words: Words, width: float) -> Column:
    colour, speaker = _colour(message, words), _speaker(message, words)
    body = blocks(message.content, NARROW, width - _NARROW_INDENT)
    inner = Stack(Inset(block, _NARROW_INDENT, colour, bar_width=1.6) for block in body)
    again = MessageLabel(f"{speaker} ({words['continued']})", [], colour, narrow=True)
    return Column(
        MessageLabel(speaker, _details(message, words), colour, narrow=True), again, inner
    )


def _body(message: Message, words: Words) -> Iterator[Block]:
    colour = _colour(message, words)
    for block in blocks(message.content, FULL, TEXT_WIDTH - _INDENT):
        yield Inset(block, _INDENT, colour, bar_width=2.4)


def _label(message: Message, words: Words, bookmark: Bookmark | None = None) -> MessageLabel:
    details = _details(message, words)
    return MessageLabel(_speaker(message, words), details, _colour(message, words), bookmark)


def _details(message: Message, words: Words) -> list[str]:
    """Model and marks, figures, date: one line each in a column, all in one above a page."""
    lines = [
        " · ".join(filter(None, [message.model or "", *marks_of(message, words)])),
        " · ".join(figures_of(message, words)),
        words.date(message.moment),
    ]
    return [plain_text(line) for line in lines if line]


def _speaker(message: Message, words: Words) -> str:
    return plain_text(speaker_of(message, words))


def _colour(message: Message, words: Words) -> Color:
    if message.role == "assistant":
        return palette.provider_colour(_speaker(message, words))
    return palette.USER
