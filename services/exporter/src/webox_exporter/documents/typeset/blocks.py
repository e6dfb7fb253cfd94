"""Markdown blocks as flowables: paragraphs, headings, lists, quotes, code, tables, rules."""

from collections.abc import Iterator

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from reportlab.platypus import CondPageBreak, Indenter, Spacer
from reportlab.platypus.flowables import Flowable, HRFlowable

from webox_exporter.documents.parsing import parse
from webox_exporter.documents.sanitize import normal_lines
from webox_exporter.documents.typeset import palette
from webox_exporter.documents.typeset.bars import BarEnd, Bars, BarStart
from webox_exporter.documents.typeset.code import code_block
from webox_exporter.documents.typeset.inline import Span, paragraph, pieces, spans_of
from webox_exporter.documents.typeset.styles import LEAST_ROOM, TEXT_WIDTH, Styles
from webox_exporter.documents.typeset.tables import Cell, Row, table

_QUOTE_INDENT = 12.0
_BULLET_INDENT = 14.0
_NUMBER_INDENT = 20.0
_DEEPEST_INDENT = TEXT_WIDTH / 2
_BULLETS = "•\N{EN DASH}"


class BlockSetter:
    """Turns one message's Markdown into flowables, in order, one at a time."""

    def __init__(self, styles: Styles, bars: Bars) -> None:
        self._styles = styles
        self._bars = bars
        self._indent = 0.0

    def flowables(self, text: str) -> Iterator[Flowable]:
        """The whole text; what Markdown cannot say safely comes out as it was typed."""
        text = normal_lines(text)
        tokens = parse(text)
        if tokens is None:
            yield from self._paragraphs([Span(text)])
            return
        yield from self._children(SyntaxTreeNode(tokens))

    def _children(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        for child in node.children:
            yield from self._block(child)

    def _block(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        match node.type:
            case "paragraph":
                yield from self._paragraphs(_inline(node), tight=node.hidden)
            case "heading":
                yield from self._heading(node)
            case "bullet_list" | "ordered_list":
                yield from self._list(node)
            case "blockquote":
                yield from self._quote(node)
            case "fence" | "code_block":
                yield code_block(node.content, node.info)
            case "table":
                yield from self._table(node)
            case "hr":
                yield HRFlowable("100%", 0.7, color=palette.FAINT, spaceBefore=6, spaceAfter=8)
            case _:
                yield from self._paragraphs([Span(node.content)])

    def _paragraphs(
        self, spans: list[Span], *, tight: bool = False, bullet: str | None = None
    ) -> Iterator[Flowable]:
        last = self._styles.tight if tight else self._styles.body
        groups = list(pieces(spans)) or [[]]
        for group in groups[:-1]:
            yield paragraph(group, self._styles.continued, bullet)
            bullet = None
        yield paragraph(groups[-1], last, bullet)

    def _heading(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        yield CondPageBreak(LEAST_ROOM)
        style = self._styles.heading(int(node.tag[1]))
        for group in pieces(spans_of(_children_of(node), Span("", bold=True))):
            yield paragraph(group, style)

    def _list(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        ordered = node.type == "ordered_list"
        number = int(node.attrs.get("start", 1)) if ordered else 0
        indent = _NUMBER_INDENT if ordered else _BULLET_INDENT
        for item in node.children:
            bullet = f"{number}." if ordered else _BULLETS[node.level % 4 // 2]
            number += 1
            yield from self._indented(self._item(item, bullet), indent)
        yield Spacer(0, 4)

    def _item(self, item: SyntaxTreeNode, bullet: str) -> Iterator[Flowable]:
        children = list(item.children)
        if children and children[0].type == "paragraph":
            first = children.pop(0)
            yield from self._paragraphs(_inline(first), tight=first.hidden, bullet=bullet)
        else:
            yield from self._paragraphs([Span("")], tight=True, bullet=bullet)
        for child in children:
            yield from self._block(child)

    def _quote(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        yield from self._indented(self._barred(node), _QUOTE_INDENT)
        yield Spacer(0, 4)

    def _barred(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        yield BarStart(self._bars, palette.QUOTE_BAR, offset=_QUOTE_INDENT - 2, width=2)
        yield from self._children(node)
        yield BarEnd(self._bars)

    def _indented(self, flowables: Iterator[Flowable], indent: float) -> Iterator[Flowable]:
        """Further in, until half of the line is gone: deeper ones stay there."""
        if self._indent + indent > _DEEPEST_INDENT:
            yield from flowables
            return
        self._indent += indent
        yield Indenter(left=indent)
        yield from flowables
        yield Indenter(left=-indent)
        self._indent -= indent

    def _table(self, node: SyntaxTreeNode) -> Iterator[Flowable]:
        rows = [_row(row) for part in node.children for row in part.children]
        yield from table(rows[0], rows[1:], TEXT_WIDTH - self._indent, self._styles)


def _row(row: SyntaxTreeNode) -> Row:
    bold = Span("", bold=row.children[0].type == "th")
    return [Cell(spans_of(_children_of(cell), bold), _alignment(cell)) for cell in row.children]


def _alignment(cell: SyntaxTreeNode) -> str:
    return str(cell.attrs.get("style", "")).removeprefix("text-align:")


def _inline(node: SyntaxTreeNode) -> list[Span]:
    return spans_of(_children_of(node))


def _children_of(node: SyntaxTreeNode) -> list[Token]:
    """The inline tokens of a block: the text of a paragraph, heading or cell."""
    inlines = (child.token for child in node.children)
    return [token for inline in inlines if inline for token in inline.children or ()]
