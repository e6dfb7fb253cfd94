"""A Word document: styles, lists, tables and links that a word processor can work with.

Its text is written as the messages come. What stays in memory is each link's target and each
ordered list's beginning.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from webox_exporter.documents import colours
from webox_exporter.documents.labels import (
    details_of,
    facts_of,
    figures_of,
    speaker_of,
    title_of,
)
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.word.blocks import BlockWriter
from webox_exporter.documents.word.markup import Look, is_right_to_left, paragraph, run
from webox_exporter.documents.word.package import Package
from webox_exporter.documents.words import Words

_LARGE = 100_000
"""Messages from which the text may be over 2 GB, for which a ZIP needs larger fields."""


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Write the conversation; returns how many messages were written."""
    document = _Document(conversation, words)
    document.write(messages, out)
    return document.written


class _Document:
    def __init__(self, conversation: Conversation, words: Words) -> None:
        self.written = 0
        self._conversation = conversation
        self._words = words
        self._title = title_of(conversation, words)
        self._package = Package(self._title, conversation.tags, words)
        self._blocks = BlockWriter(self._package.links, self._package.numbering)

    def write(self, messages: Iterable[Message], out: BinaryIO) -> None:
        large = self._conversation.message_count > _LARGE
        self._package.write(self._text(messages), out, large=large)

    def _text(self, messages: Iterable[Message]) -> Iterator[str]:
        right_to_left = is_right_to_left(self._title)
        yield paragraph(run(self._title), "Title", right_to_left=right_to_left)
        for label, value in facts_of(self._conversation, self._words):
            name = run(label + self._words.colon, Look(bold=True))
            yield paragraph(name + run(value), "Details")
        for message in messages:
            yield from self._message(message)
            self.written += 1

    def _message(self, message: Message) -> Iterator[str]:
        speaker = speaker_of(message, self._words)
        answer = message.role == "assistant"
        accent = colours.accent_of(speaker) if answer else colours.USER
        style = "Heading2" if answer else "Heading1"
        yield paragraph(run(speaker, Look(colour=accent[1:])), style)
        details = [details_of(message, self._words), *figures_of(message, self._words)]
        yield paragraph(run(" · ".join(details)), "Details")
        yield from self._blocks.blocks(message.content)
