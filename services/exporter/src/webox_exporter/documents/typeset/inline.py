"""Inline text as paragraph fragments: never as markup, so nothing in it can be obeyed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from markdown_it.token import Token
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph
from reportlab.platypus.paraparser import ParaFrag

from webox_exporter.documents.parsing import is_safe_link
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.chains import Run, mono, sans

LONGEST_PARAGRAPH = 2_000
"""Line breaking takes more than linear time, so that longer ones are cut into several."""
_COST_OF_A_LINE = 40


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text with one look. Line ends in it are kept."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    struck: bool = False
    link: str | None = None

    def runs(self) -> list[Run]:
        """The text's runs of one font each."""
        chain = mono(bold=self.bold) if self.code else sans(bold=self.bold, italic=self.italic)
        return chain.runs(self.text)


_SWITCHES: dict[str, dict[str, Any]] = {
    "strong_open": {"bold": True},
    "strong_close": {"bold": False},
    "em_open": {"italic": True},
    "em_close": {"italic": False},
    "s_open": {"struck": True},
    "s_close": {"struck": False},
}


def spans_of(tokens: Iterable[Token], look: Span | None = None) -> list[Span]:
    """The spans of an inline token's children; `look` is how the text starts out."""
    look = look or Span("")
    spans: list[Span] = []
    for token in tokens:
        if token.type in _SWITCHES:
            look = replace(look, **_SWITCHES[token.type])
        elif token.type == "link_open":
            look = replace(look, link=str(token.attrs.get("href", "")))
        elif token.type == "link_close":
            look = replace(look, link=None)
        else:
            spans.append(_leaf(token, look))
    return [span for span in spans if span.text]


def _leaf(token: Token, look: Span) -> Span:
    if token.type in {"softbreak", "hardbreak"}:
        return replace(look, text="\n")
    if token.type == "code_inline":
        return replace(look, text=token.content, code=True)
    if token.type == "image":
        return _image(token, look)
    return replace(look, text=token.content)


def _image(token: Token, look: Span) -> Span:
    """An image as a link with its description. Nothing is ever fetched or read."""
    source = str(token.attrs.get("src", ""))
    link = source if is_safe_link(source) else None
    return replace(look, text=f"[{token.content or source}]", link=link)


def pieces(spans: Iterable[Span], limit: int = LONGEST_PARAGRAPH) -> Iterator[list[Span]]:
    """The same spans in groups worth at most `limit` characters, cut at spaces if there are."""
    group: list[Span] = []
    room = float(limit)
    for span in spans:
        text, weight = span.text, _weight(span)
        while len(text) * weight > room:
            cut = _cut(text, int(room / weight) if group else max(int(room / weight), 1))
            yield [*group, replace(span, text=text[:cut])] if cut else group
            group, room, text = [], limit, text[cut:]
        group.append(span if text is span.text else replace(span, text=text))
        room -= len(text) * weight
    if group:
        yield group


def _weight(span: Span) -> float:
    """What one character of the span costs: more where lines end, or no font has it."""
    printed = sum(len(run.text) for run in span.runs())
    return (printed + span.text.count("\n") * _COST_OF_A_LINE) / max(len(span.text), 1)


def _cut(text: str, room: int) -> int:
    space = max(text.rfind(" ", 0, room), text.rfind("\n", 0, room))
    return space + 1 if space > room // 2 else room


def paragraph(spans: Iterable[Span], style: ParagraphStyle, bullet: str | None = None) -> Paragraph:
    """One paragraph of the spans in the given style."""
    frags = [frag for number, span in enumerate(spans) for frag in _frags(span, style, number)]
    return Paragraph("", style, bulletText=bullet, frags=frags or [_frag("", style)])


def _frags(span: Span, style: ParagraphStyle, number: int) -> Iterator[ParaFrag]:
    for line_number, line in enumerate(span.text.split("\n")):
        if line_number:
            yield _frag("", style, lineBreak=True)
        part = span if line == span.text else replace(span, text=line)
        for run in part.runs():
            yield _styled(run, span, style, number)


def _styled(run: Run, span: Span, style: ParagraphStyle, number: int) -> ParaFrag:
    frag = _frag(run.text, style, fontName=run.font)
    if span.code:
        frag.fontSize = style.fontSize * 0.9
        frag.backColor = palette.CODE_CHIP
    if run.missing:
        frag.fontSize = style.fontSize * 0.8
        frag.backColor = palette.MISSING_PAPER
    if span.link:
        frag.link = [(number, span.link)]
        frag.textColor = palette.LINK
        frag.us_lines = [_rule(number, "underline")]
    if span.struck:
        frag.us_lines = [*frag.us_lines, _rule(number, "strike")]
    return frag


def _rule(number: int, kind: str) -> tuple[object, ...]:
    """A line under or through text: number, kind, colour, width, offset, rise, count, gap."""
    return (number, kind, None, "", "", 0, 1, "1")


def _frag(text: str, style: ParagraphStyle, **more: object) -> ParaFrag:
    look: dict[str, object] = {
        "fontName": style.fontName,
        "fontSize": style.fontSize,
        "textColor": style.textColor,
        "rise": 0,
        "link": [],
        "us_lines": [],
        **more,
    }
    return ParaFrag(text=text, **look)
