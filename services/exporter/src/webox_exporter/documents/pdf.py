"""PDF: pages of selectable text, a label and a colour for each provider.

Reportlab keeps the finished pages until the end. The flowables, which are thirty times as
large, are made from one message at a time and let go once they stand on a page.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import BinaryIO

from reportlab.lib.colors import Color
from reportlab.platypus import CondPageBreak, Indenter, Spacer
from reportlab.platypus.flowables import Flowable, HRFlowable

from webox_exporter.documents.labels import details_of, facts_of, speaker_of, title_of
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.bars import BarEnd, Bars, BarStart
from webox_exporter.documents.typeset.blocks import BlockSetter
from webox_exporter.documents.typeset.inline import Span, paragraph
from webox_exporter.documents.typeset.label import MessageLabel
from webox_exporter.documents.typeset.page import Pages
from webox_exporter.documents.typeset.styles import LEAST_ROOM, Styles
from webox_exporter.documents.words import Words

_INDENT = 12.0
_OUTLINE_LENGTH = 80


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Set the conversation on A4 pages; returns how many messages were set."""
    document = _Document(conversation, words, out)
    document.set(messages)
    return document.written


@cache
def _styles() -> Styles:
    return Styles()


class _Document:
    def __init__(self, conversation: Conversation, words: Words, out: BinaryIO) -> None:
        self.written = 0
        self._conversation = conversation
        self._words = words
        self._title = plain_text(title_of(conversation, words))
        self._bars = Bars()
        self._blocks = BlockSetter(_styles(), self._bars)
        self._pages = Pages(
            out,
            self._bars,
            title=self._title,
            subject=words["subject"],
            keywords=[plain_text(tag) for tag in conversation.tags],
            language=words.language,
            page_word=words["page"],
        )

    def set(self, messages: Iterable[Message]) -> None:
        self._pages.set(self._flowables(messages))

    def _flowables(self, messages: Iterable[Message]) -> Iterator[Flowable]:
        yield from self._head()
        for message in messages:
            yield from self._message(message)
            self.written += 1

    def _head(self) -> Iterator[Flowable]:
        yield paragraph([Span(self._title, bold=True)], _styles().title)
        for label, value in facts_of(self._conversation, self._words):
            line = [Span(label + self._words.colon, bold=True), Span(plain_text(value))]
            yield paragraph(line, _styles().fact)
        yield HRFlowable("100%", 1, color=palette.FAINT, spaceBefore=8, spaceAfter=4)

    def _message(self, message: Message) -> Iterator[Flowable]:
        colour = self._colour(message)
        yield CondPageBreak(LEAST_ROOM)
        yield self._label(message, colour)
        yield Indenter(left=_INDENT)
        yield BarStart(self._bars, colour, offset=_INDENT, width=2.5)
        yield from self._blocks.flowables(message.content)
        yield BarEnd(self._bars)
        yield Indenter(left=-_INDENT)
        yield Spacer(0, 4)

    def _label(self, message: Message, colour: Color) -> MessageLabel:
        bookmark = None
        if message.role == "user":
            title = " ".join(plain_text(message.content).split())[:_OUTLINE_LENGTH]
            bookmark = (f"message-{message.id}", title or self._words["you"])
        speaker = plain_text(speaker_of(message, self._words))
        details = plain_text(details_of(message, self._words))
        return MessageLabel(speaker, details, colour, bookmark)

    def _colour(self, message: Message) -> Color:
        if message.role == "assistant":
            return palette.provider_colour(speaker_of(message, self._words))
        return palette.USER
