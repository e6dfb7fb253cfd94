"""The package around a document's text: styles, footer, properties, lists and links.

Python-docx makes these; the text, which is nearly all of the file, is written between them.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from webox_exporter.documents.word.links import Links
from webox_exporter.documents.word.markup import NAMESPACES, xml_text
from webox_exporter.documents.word.numbering import Numbering
from webox_exporter.documents.words import Words

_TEXT = "word/document.xml"
_FIRST = ("[Content_Types].xml", "_rels/.rels")
_LONGEST_PROPERTY = 255
_MUTED = RGBColor(0x66, 0x70, 0x85)
_MONO = "Consolas"
_LANGUAGES = {"fr": "fr-FR", "en": "en-GB"}


class Package:
    """A file in the making. `title` and `tags` go into its properties."""

    def __init__(self, title: str, tags: Iterable[str], words: Words) -> None:
        self.links = Links()
        self.numbering = Numbering()
        self._document = Document()
        _set_properties(self._document, title, tags, words)
        _set_styles(self._document)
        _set_page(self._document, title, words)

    def write(self, text: Iterable[str], out: BinaryIO, *, large: bool) -> None:
        """Write the file with this text, block by block; `large` ones may be over 2 GB inside."""
        section = self._document.element.body.sectPr.xml
        with ZipFile(out, "w", ZIP_DEFLATED) as archive:
            parts = self._parts()
            for name in _FIRST:
                archive.writestr(name, parts.pop(name))
            with archive.open(_TEXT, "w", force_zip64=large) as body:
                body.write(f"<w:document {NAMESPACES}><w:body>".encode())
                body.writelines(block.encode() for block in text)
                body.write(f"{section}</w:body></w:document>".encode())
            for name, content in self._finished().items():
                if name not in {_TEXT, *_FIRST}:
                    archive.writestr(name, content)

    def _finished(self) -> dict[str, bytes]:
        """The other parts once it is known which lists and links the text has."""
        for target, relation in self.links.relations.items():
            self._document.part.rels.add_relationship(
                RELATIONSHIP_TYPE.HYPERLINK, target, relation, is_external=True
            )
        lists: Any = self._document.part.numbering_part.element
        for place, kind in enumerate(self.numbering.abstracts()):
            lists.insert(place, _element(kind))
        lists.extend(map(_element, self.numbering.lists()))
        return self._parts()

    def _parts(self) -> dict[str, bytes]:
        saved = BytesIO()
        self._document.save(saved)
        with ZipFile(saved) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _element(markup: str) -> Any:
    tag, space, rest = markup.partition(" ")
    return parse_xml(f"{tag} {NAMESPACES}{space}{rest}")


def _set_properties(document: DocxDocument, title: str, tags: Iterable[str], words: Words) -> None:
    properties = document.core_properties
    properties.title = xml_text(title)[:_LONGEST_PROPERTY]
    properties.keywords = xml_text(", ".join(tags))[:_LONGEST_PROPERTY]
    properties.subject = words["subject"]
    properties.language = _LANGUAGES[words.language]
    properties.author = properties.last_modified_by = "Webox"
    properties.comments = ""


def _set_styles(document: DocxDocument) -> None:
    styles: Any = document.styles
    normal = styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10.5)
    normal.paragraph_format.space_after = Pt(6)
    for level in range(1, 10):
        heading = styles[f"Heading {level}"]
        heading.font.size = Pt({1: 14, 2: 13, 3: 13, 4: 12}.get(level, 11))
        heading.font.color.rgb = RGBColor(0x1F, 0x24, 0x30)
        heading.font.italic = False
        heading.paragraph_format.keep_with_next = True
    styles["Quote"].font.color.rgb = _MUTED
    styles["List Paragraph"].paragraph_format.space_after = Pt(2)
    _paragraph_style(styles, "Details", size=8.5, after=4).font.color.rgb = _MUTED
    _paragraph_style(styles, "Cell", size=10, after=0)
    _paragraph_style(styles, "Gap", size=4, after=4)
    _shade(_paragraph_style(styles, "Code", size=8.5, after=8, font=_MONO).element)
    _rule(_paragraph_style(styles, "Rule", size=4, after=8).element)
    code = styles.add_style("CodeCharacter", WD_STYLE_TYPE.CHARACTER)
    code.font.name, code.font.size = _MONO, Pt(9.5)
    link = styles.add_style("Hyperlink", WD_STYLE_TYPE.CHARACTER)
    link.font.color.rgb, link.font.underline = RGBColor(0x1A, 0x56, 0xDB), True


def _paragraph_style(styles: Any, name: str, *, size: float, after: float, font: str = "") -> Any:
    style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = styles["Normal"]
    style.font.size = Pt(size)
    style.paragraph_format.space_after = Pt(after)
    if font:
        style.font.name = font
    return style


def _shade(style: Any) -> None:
    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", "F6F8FA")):
        shade.set(qn(f"w:{name}"), value)
    style.get_or_add_pPr().insert(0, shade)


def _rule(style: Any) -> None:
    style.get_or_add_pPr().insert(
        0,
        _element(
            '<w:pBdr ><w:bottom w:val="single" w:sz="6" w:space="1" w:color="D0D5DD"/></w:pBdr>'
        ),
    )


def _set_page(document: DocxDocument, title: str, words: Words) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    section.top_margin = section.bottom_margin = Cm(2)
    foot = section.footer.paragraphs[0]
    foot.style = "Details"
    foot.add_run(f"{xml_text(title)[:_LONGEST_PROPERTY]} · {words['page']} ")
    _field(foot, "PAGE")
    foot.add_run(" / ")
    _field(foot, "NUMPAGES")


def _field(paragraph: Paragraph, name: str) -> None:
    """A number that the word processor fills in."""
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), name)
    field.append(paragraph.add_run("1")._r)  # noqa: SLF001 - how python-docx gives an element
    paragraph._p.append(field)  # noqa: SLF001 - likewise
