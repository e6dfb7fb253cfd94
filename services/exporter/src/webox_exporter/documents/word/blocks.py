"""Markdown blocks as WordprocessingML: paragraphs, headings, lists, quotes, code, tables."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from pygments.styles import get_style_by_name
from pygments.token import _TokenType

from webox_exporter.documents.highlighting import lexer_for
from webox_exporter.documents.parsing import SWITCHES, image_text, inline_tokens, parse
from webox_exporter.documents.word.links import Links
from webox_exporter.documents.word.markup import (
    PLAIN,
    Look,
    Place,
    is_right_to_left,
    link,
    paragraph,
    row,
    run,
    table,
    xml_text,
)
from webox_exporter.documents.word.numbering import DEEPEST, STEP, Numbering, indent_of

_FIRST_HEADING = 3
"""Of a message: the document's own stand above it."""
_LAST_HEADING = 9
_MOST_COLUMNS = 63
"""Word opens no wider table."""
_DEEPEST_INDENT = 14 * STEP
_ALIGNMENTS = {f"text-align:{side}": side for side in ("left", "center", "right")}


@dataclass(frozen=True, slots=True)
class _Inside:
    """What a block stands in."""

    indent: int = 0
    level: int = -1
    style: str = ""


class BlockWriter:
    """Turns one message's Markdown into markup, block by block."""

    def __init__(self, links: Links, numbering: Numbering) -> None:
        self._links = links
        self._numbering = numbering

    def blocks(self, text: str) -> Iterator[str]:
        """The whole text; what Markdown cannot say safely comes out as it was typed."""
        text = xml_text(text)
        tokens = parse(text)
        if tokens is None:
            yield _code(text, "", 0)
            return
        yield from self._children(SyntaxTreeNode(tokens), _Inside())

    def _children(self, node: SyntaxTreeNode, inside: _Inside) -> Iterator[str]:
        for child in node.children:
            yield from self._block(child, inside)

    def _block(self, node: SyntaxTreeNode, inside: _Inside) -> Iterator[str]:
        match node.type:
            case "heading":
                level = min(int(node.tag[1]) + _FIRST_HEADING - 1, _LAST_HEADING)
                yield self._paragraph(node, f"Heading{level}", Place(inside.indent))
            case "bullet_list" | "ordered_list":
                yield from self._list(node, inside)
            case "blockquote":
                indent = min(inside.indent + STEP, _DEEPEST_INDENT)
                yield from self._children(node, replace(inside, indent=indent, style="Quote"))
            case "fence" | "code_block":
                yield _code(node.content, node.info, inside.indent)
            case "table":
                yield self._table(node, inside)
            case "hr":
                yield paragraph("", "Rule")
            case "paragraph":
                yield self._paragraph(node, inside.style, Place(inside.indent))
            case _:
                yield paragraph(run(node.content), inside.style, Place(inside.indent))

    def _paragraph(self, node: SyntaxTreeNode, style: str, place: Place) -> str:
        tokens = inline_tokens(node)
        runs = self._runs(tokens)
        return paragraph(runs, style, place, right_to_left=_right_to_left(tokens))

    def _list(self, node: SyntaxTreeNode, inside: _Inside) -> Iterator[str]:
        level = min(inside.level + 1, DEEPEST)
        number = self._numbering.bullets()
        if node.type == "ordered_list":
            number = self._numbering.begin(level, int(node.attrs.get("start", 1)))
        within = replace(inside, level=level, indent=indent_of(level))
        for item in node.children:
            yield from self._item(item, within, Place(number=number, level=level))

    def _item(self, item: SyntaxTreeNode, inside: _Inside, mark: Place) -> Iterator[str]:
        children = list(item.children)
        if children and children[0].type == "paragraph":
            yield self._paragraph(children.pop(0), "ListParagraph", mark)
        else:
            yield paragraph("", "ListParagraph", mark)
        for child in children:
            yield from self._block(child, inside)

    def _table(self, node: SyntaxTreeNode, inside: _Inside) -> str:
        lines = [line for part in node.children for line in part.children]
        columns = len(lines[0].children)
        if columns > _MOST_COLUMNS:
            return _code("\n".join(map(_plain_row, lines)), "", inside.indent)
        rows = (row(map(self._cell, line.children), head=line is lines[0]) for line in lines)
        return table(rows, columns, inside.indent)

    def _cell(self, cell: SyntaxTreeNode) -> str:
        tokens = inline_tokens(cell)
        runs = self._runs(tokens, Look(bold=cell.type == "th"))
        alignment = _ALIGNMENTS.get(str(cell.attrs.get("style", "")), "")
        return paragraph(runs, "Cell", right_to_left=_right_to_left(tokens), alignment=alignment)

    def _runs(self, tokens: list[Token], look: Look = PLAIN) -> str:
        """The runs of a line; those of a link whose target may be opened are put into one."""
        parts: list[str] = []
        linked: list[str] = []
        relation = None
        for token in tokens:
            if token.type in SWITCHES:
                look = replace(look, **SWITCHES[token.type])
            elif token.type == "link_open":
                relation = self._links.relation(str(token.attrs.get("href", "")))
            elif token.type == "link_close":
                if relation and linked:
                    parts.append(link(relation, "".join(linked)))
                linked, relation = [], None
            else:
                (linked if relation else parts).append(
                    self._leaf(token, replace(look, style="Hyperlink") if relation else look)
                )
        return "".join(parts + linked)

    def _leaf(self, token: Token, look: Look) -> str:
        if token.type == "code_inline":
            return run(token.content, replace(look, style="CodeCharacter"))
        if token.type != "image":
            return run(_content(token), look)
        source = str(token.attrs.get("src", ""))
        relation = None if look.style == "Hyperlink" else self._links.relation(source)
        if relation is None:
            return run(_content(token), look)
        return link(relation, run(_content(token), replace(look, style="Hyperlink")))


def _content(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return "\n"
    if token.type == "image":
        return image_text(token)
    return token.content


def _plain_row(line: SyntaxTreeNode) -> str:
    return " | ".join("".join(map(_content, inline_tokens(cell))) for cell in line.children)


def _right_to_left(tokens: list[Token]) -> bool:
    return is_right_to_left("".join(token.content for token in tokens))


def _code(source: str, language: str, indent: int) -> str:
    source = source.rstrip("\n")
    lexer = lexer_for(source, language)
    pieces = lexer.get_tokens(source) if lexer else [(None, source)]
    return paragraph(
        "".join(run(text, _look(kind)) for kind, text in pieces), "Code", Place(indent)
    )


@cache
def _look(kind: _TokenType | None) -> Look:
    if kind is None:
        return PLAIN
    look = get_style_by_name("default").style_for_token(kind)
    return Look(bold=bool(look["bold"]), colour=look["color"] or "")
