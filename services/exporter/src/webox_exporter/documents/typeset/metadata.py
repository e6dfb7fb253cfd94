"""What a PDF says of itself: the information dictionary and the same as XMP (ISO 16684-1)."""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from webox_kit import clock

_CREATOR = "Webox"

_XMP = """<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag>{keywords}</rdf:Bag></dc:subject>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{creator}</xmp:CreatorTool>
<xmp:CreateDate>{now}</xmp:CreateDate>
<pdf:Keywords>{words}</pdf:Keywords>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True)
class About:
    """What a document is: plain text, without control characters."""

    title: str
    subject: str
    keywords: tuple[str, ...]
    language: str


def describe(canvas: Canvas, about: About) -> None:
    """Put it into the document that the canvas is making."""
    canvas.setTitle(about.title)
    canvas.setAuthor(_CREATOR)
    canvas.setCreator(_CREATOR)
    canvas.setSubject(about.subject)
    canvas.setKeywords(", ".join(about.keywords))
    canvas.setViewerPreference("DisplayDocTitle", "true")
    raw: Any = canvas
    document = raw._doc  # noqa: SLF001 - reportlab knows no XMP
    stream = pdfdoc.PDFStream(content=_xmp(about).encode())
    stream.dictionary["Type"] = pdfdoc.PDFName("Metadata")
    stream.dictionary["Subtype"] = pdfdoc.PDFName("XML")
    document.Catalog.Metadata = document.Reference(stream)


def _xmp(about: About) -> str:
    return _XMP.format(
        title=_text(about.title),
        subject=_text(about.subject),
        keywords="".join(f"<rdf:li>{_text(word)}</rdf:li>" for word in about.keywords),
        words=_text(", ".join(about.keywords)),
        language=about.language,
        creator=_CREATOR,
        now=clock.now().isoformat(timespec="seconds"),
    )


def _text(text: str) -> str:
    """Text for XML, without the code points that XML 1.0 has no way to say."""
    return escape("".join(char for char in text if char not in "\ufffe\uffff"))
