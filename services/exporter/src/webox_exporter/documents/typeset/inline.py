"""Inline text as spans: never as markup, so nothing in it can be obeyed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from markdown_it.token import Token

from webox_exporter.documents.parsing import SWITCHES, image_text, is_safe_link
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import mono, sans
from webox_exporter.documents.typeset.styles import TextStyle
from webox_exporter.documents.typeset.wording import Look

LONGEST_PARAGRAPH = 10_000
"""A paragraph is set whole before it is put on pages, so longer ones are cut into several."""
_CODE_SIZE = 0.88


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text with one look. Line ends in it are kept."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    struck: bool = False
    link: str | None = None

    def saying(self, text: str, *, code: bool = False, link: str | None = None) -> "Span":
        """Another text with this look."""
        return Span(text, self.bold, self.italic, self.code or code, self.struck, link or self.link)

    def look(self, style: TextStyle) -> Look:
        """How it looks in a paragraph of that style."""
        return _look(style, self.bold or style.bold, self.italic, self.code,
                     self.struck, self.link)  # fmt: skip


@lru_cache(maxsize=1024)
def _look(
    style: TextStyle, bold: bool, italic: bool, code: bool, struck: bool, link: str | None
) -> Look:  # fmt: skip
    chain = mono(bold=bold) if code else sans(bold=bold, italic=italic)
    return Look(
        chain=chain,
        size=style.size * (_CODE_SIZE if code else 1),
        colour=palette.LINK if link else style.colour,
        bold=bold,
        ground=palette.CODE_CHIP if code else None,
        link=link,
        struck=struck,
    )


_SWITCHES: dict[str, dict[str, Any]] = {**SWITCHES, "link_close": {"link": None}}


def spans_of(tokens: Iterable[Token], look: Span | None = None) -> list[Span]:
    """The spans of an inline token's children; `look` is how the text starts out."""
    look = look or Span("")
    spans: list[Span] = []
    for token in tokens:
        if token.type in _SWITCHES:
            look = replace(look, **_SWITCHES[token.type])
        elif token.type == "link_open":
            look = replace(look, link=str(token.attrs.get("href", "")))
        else:
            spans.append(_leaf(token, look))
    return [span for span in spans if span.text]


def _leaf(token: Token, look: Span) -> Span:
    match token.type:
        case "softbreak" | "hardbreak":
            return look.saying("\n")
        case "code_inline":
            return look.saying(token.content, code=True)
        case "image":
            return _image(token, look)
    return look.saying(token.content)


def _image(token: Token, look: Span) -> Span:
    """An image as a link with its description. Nothing is ever fetched or read."""
    source = str(token.attrs.get("src", ""))
    link = source if is_safe_link(source) else None
    return look.saying(image_text(token), link=link)


def pieces(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """The same spans in groups that a paragraph holds, cut at spaces if there are."""
    group: list[Span] = []
    room = LONGEST_PARAGRAPH
    for span in spans:
        text = span.text
        while len(text) > room:
            cut = _cut(text, room)
            yield [*group, span.saying(text[:cut])]
            group, room, text = [], LONGEST_PARAGRAPH, text[cut:]
        group.append(span if text is span.text else span.saying(text))
        room -= len(text)
    if group:
        yield group


def _cut(text: str, room: int) -> int:
    space = max(text.rfind(" ", 0, room), text.rfind("\n", 0, room))
    return space + 1 if space > room // 2 else room
