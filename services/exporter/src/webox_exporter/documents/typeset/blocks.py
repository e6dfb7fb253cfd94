"""Markdown as blocks: paragraphs, headings, lists, quotes, code, tables, rules."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from markdown_it.tree import SyntaxTreeNode

from webox_exporter.documents.parsing import BOXES, inline_tokens, parse
from webox_exporter.documents.sanitize import normal_lines
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.block import Block, Gap, Inset, Rule
from webox_exporter.documents.typeset.code import code_block
from webox_exporter.documents.typeset.inline import Span, pieces, spans_of
from webox_exporter.documents.typeset.paragraph import Paragraph, is_mirrored
from webox_exporter.documents.typeset.styles import Styles
from webox_exporter.documents.typeset.tables import Cell, Row, table

_QUOTE_INDENT = 12.0
_BULLET_INDENT = 15.0
_DIGIT = 5.8
_BULLETS = "•\N{EN DASH}"
_TASKS = tuple(BOXES.values())


def blocks(text: str, styles: Styles, width: float) -> Iterator[Block]:
    """The whole text; what Markdown cannot say safely comes out as it was typed."""
    text = normal_lines(text)
    tokens = parse(text)
    setter = _Setter(styles, width)
    if tokens is None:
        return setter.paragraphs([Span(text)])
    return setter.children(SyntaxTreeNode(tokens))


class _Setter:
    def __init__(self, styles: Styles, width: float) -> None:
        self._styles = styles
        self._width = width

    def children(self, node: SyntaxTreeNode) -> Iterator[Block]:
        for child in node.children:
            yield from self._block(child)

    def _block(self, node: SyntaxTreeNode) -> Iterator[Block]:
        match node.type:
            case "paragraph":
                yield from self.paragraphs(_inline(node), tight=node.hidden)
            case "heading":
                yield from self._heading(node)
            case "bullet_list" | "ordered_list":
                yield from self._list(node)
            case "blockquote":
                yield from self._inset(self.children(node), _QUOTE_INDENT, node, bar=True)
                yield Gap(4)
            case "fence" | "code_block":
                yield code_block(node.content, node.info, self._styles.code)
            case "table":
                rows = [_row(row) for part in node.children for row in part.children]
                yield from table(rows[0], rows[1:], self._styles, self._width)
            case "hr":
                yield Rule(palette.FAINT, 15)
            case _:
                yield from self.paragraphs([Span(node.content)])

    def paragraphs(
        self, spans: list[Span], *, tight: bool = False, bullet: str = ""
    ) -> Iterator[Block]:
        style = self._styles.tight if tight else self._styles.body
        for group in list(pieces(spans)) or [[]]:
            yield Paragraph(group, style, bullet=bullet)
            bullet = ""

    def _heading(self, node: SyntaxTreeNode) -> Iterator[Block]:
        style = self._styles.heading(int(node.tag[1]))
        yield Gap(style.leading / 3)
        for group in pieces(spans_of(inline_tokens(node), Span("", bold=True))):
            yield Paragraph(group, style, keeps_with_next=True)

    def _list(self, node: SyntaxTreeNode) -> Iterator[Block]:
        ordered = node.type == "ordered_list"
        number = int(node.attrs.get("start", 1)) if ordered else 0
        indent = _BULLET_INDENT
        if ordered:
            indent = max(indent, _DIGIT * (len(str(number + len(node.children))) + 1) + 6)
        for item in node.children:
            bullet = f"{number}." if ordered else _BULLETS[node.level % 4 // 2]
            number += 1
            yield from self._inset(self._item(item, bullet), indent, item)
        yield Gap(4)

    def _item(self, item: SyntaxTreeNode, bullet: str) -> Iterator[Block]:
        children = list(item.children)
        spans, tight = [Span("")], True
        if children and children[0].type == "paragraph":
            first = children.pop(0)
            spans, tight = _inline(first), first.hidden
            if spans and spans[0].text.startswith(_TASKS):
                bullet, spans[0] = spans[0].text[0], replace(spans[0], text=spans[0].text[2:])
        yield from self.paragraphs(spans, tight=tight, bullet=bullet)
        for child in children:
            yield from self._block(child)

    def _inset(
        self, inner: Iterable[Block], indent: float, node: SyntaxTreeNode, *, bar: bool = False
    ) -> Iterator[Block]:
        mirrored = _is_mirrored(node)
        self._width -= indent
        for block in inner:
            colour = palette.QUOTE_BAR if bar else None
            yield Inset(block, indent, colour, mirrored=mirrored)
        self._width += indent


def _is_mirrored(node: SyntaxTreeNode) -> bool:
    """Whether the first text inside runs from right to left."""
    first = next((each for each in node.walk() if each.type == "inline"), None)
    return first is not None and is_mirrored([Span(first.content)])


def _row(row: SyntaxTreeNode) -> Row:
    bold = Span("", bold=row.children[0].type == "th")
    return [Cell(spans_of(inline_tokens(cell), bold), _alignment(cell)) for cell in row.children]


def _alignment(cell: SyntaxTreeNode) -> str:
    return str(cell.attrs.get("style", "")).removeprefix("text-align:")


def _inline(node: SyntaxTreeNode) -> list[Span]:
    return spans_of(inline_tokens(node))
