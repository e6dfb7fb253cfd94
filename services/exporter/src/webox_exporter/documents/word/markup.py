"""WordprocessingML (ECMA-376, part 1, 17) as text, written as it is needed.

Python-docx would build a tree of everything first. Each text goes through `escaped`.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from webox_exporter.documents.sanitize import plain_text

NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_NO_CHARACTERS = re.compile("[\ufffe\uffff\U0001fffe\U0001ffff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_BREAKS = re.compile("([\n\t])")
_MARKS = {"\n": "<w:br/>", "\t": "<w:tab/>"}
_STRONG = {"L": False, "R": True, "AL": True}
_LOOKED_AT = 500
"""Characters in which one looks for a direction; what has none by then is left to right."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a run of text looks. `colour` is RGB without its mark, `style` a character style's id."""

    bold: bool = False
    italic: bool = False
    struck: bool = False
    style: str = ""
    colour: str = ""


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a paragraph stands: how far in (twips), and as what item of which numbering."""

    indent: int = 0
    number: int | None = None
    level: int = 0


def xml_text(text: str) -> str:
    """The text without what XML has no character for; controls are shown."""
    return _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", plain_text(text))


def escaped(text: str) -> str:
    return escape(xml_text(text))


def run(text: str, look: Look = PLAIN) -> str:
    """A stretch of text with one look; its line ends and tabs are kept."""
    properties = _run_properties(text, look)
    parts = _BREAKS.split(text)
    content = "".join(
        _MARKS.get(part) or f'<w:t xml:space="preserve">{escaped(part)}</w:t>'
        for part in parts
        if part
    )
    return f"<w:r>{properties}{content}</w:r>" if content else ""


def _run_properties(text: str, look: Look) -> str:
    """In the order that the schema wants."""
    parts = (
        f'<w:rStyle w:val="{look.style}"/>' if look.style else "",
        "<w:b/><w:bCs/>" if look.bold else "",
        "<w:i/><w:iCs/>" if look.italic else "",
        "<w:strike/>" if look.struck else "",
        f'<w:color w:val="{look.colour}"/>' if look.colour else "",
        "<w:rtl/>" if not text.isascii() and _RIGHT_TO_LEFT.search(text) else "",
    )
    joined = "".join(parts)
    return f"<w:rPr>{joined}</w:rPr>" if joined else ""


def link(relation: str, runs: str) -> str:
    return f'<w:hyperlink r:id="{relation}" w:history="1">{runs}</w:hyperlink>'


def paragraph(
    runs: str,
    style: str = "",
    place: Place | None = None,
    *,
    right_to_left: bool = False,
    alignment: str = "",
) -> str:
    place = place or Place()
    numbered = ""
    if place.number is not None:
        numbered = (
            f'<w:numPr><w:ilvl w:val="{place.level}"/><w:numId w:val="{place.number}"/></w:numPr>'
        )
    elif place.indent:
        numbered = f'<w:ind w:left="{place.indent}"/>'
    parts = (
        f'<w:pStyle w:val="{style}"/>' if style else "",
        numbered if place.number is not None else "",
        "<w:bidi/>" if right_to_left else "",
        numbered if place.number is None else "",
        f'<w:jc w:val="{alignment}"/>' if alignment else "",
    )
    joined = "".join(parts)
    properties = f"<w:pPr>{joined}</w:pPr>" if joined else ""
    return f"<w:p>{properties}{runs}</w:p>"


def table(rows: Iterable[str], columns: int, indent: int = 0) -> str:
    """A table of `row`s, as wide as what is in it, at most the page."""
    moved = f'<w:tblInd w:w="{indent}" w:type="dxa"/>' if indent else ""
    grid = "<w:gridCol/>" * columns
    return (
        f'<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="0" w:type="auto"/>{moved}'
        f"</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>{paragraph('', 'Gap')}"
    )


def row(cells: Iterable[str], *, head: bool = False) -> str:
    """A row of paragraphs, one a cell; a head is repeated on each page."""
    properties = f"<w:trPr><w:cantSplit/>{'<w:tblHeader/>' if head else ''}</w:trPr>"
    shade = '<w:shd w:val="clear" w:color="auto" w:fill="F2F4F7"/>' if head else ""
    content = "".join(f"<w:tc><w:tcPr>{shade}</w:tcPr>{cell}</w:tc>" for cell in cells)
    return f"<w:tr>{properties}{content}</w:tr>"


def is_right_to_left(text: str) -> bool:
    """Whether the first character that has a direction has this one (UAX 9, P2 and P3)."""
    if text.isascii():
        return False
    directions = (_STRONG.get(unicodedata.bidirectional(each)) for each in text[:_LOOKED_AT])
    return next((each for each in directions if each is not None), False)
