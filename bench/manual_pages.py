"""Manual pages in several languages, as texts of a benchmark.

They are those of Debian's packages `manpages`, `manpages-fr`, `-de`, `-es`, `-ru` and `-ja`, under
/usr/share/man or wherever WEBOX_BENCH_MANPAGES says. Images of Debian often leave such files out
of what they install: `apt-get download` the packages and unpack each with `dpkg -x PACKAGE FOLDER`.
"""

import gzip
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("en", "fr", "de", "es", "ru", "ja")
NEEDED = (
    "needs Debian's packages manpages, manpages-fr, -de, -es, -ru and -ja under /usr/share/man, or "
    "unpacked in the folder that WEBOX_BENCH_MANPAGES names (…/usr/share/man)"
)

_SHORTEST_PARAGRAPH = 40
_BREAKS = {"PP", "P", "LP", "TP", "IP", "sp", "HP", "Pp", "TQ", "SS", "Ss", "It", "RS", "RE", "br"}
_TEXT = {"B", "I", "BR", "IR", "RB", "RI", "BI", "IB", "SM", "SB", "Nm", "Nd", "Fl", "Ar", "Xr"}
_FONT = re.compile(r"\\f(?:\(..|\[[^\]]*\]|.)|\\s[-+]?\d|\\[&/,|^:%c]")
_SPECIAL = re.compile(r"\\(?:\(..|\[[^\]]*\]|\*\(..|\*\[[^\]]*\])")


@dataclass(frozen=True)
class Page:
    language: str
    name: str
    title: str
    """`ls - list directory contents`."""
    paragraphs: list[str]


def pages(language: str) -> Iterator[Page]:
    """Those with a title and a paragraph of text, by name; nothing where none are installed."""
    root = Path(os.environ.get("WEBOX_BENCH_MANPAGES", "/usr/share/man"))
    folder = root if language == "en" else root / language
    for file in sorted(folder.glob("man[1-8]/*.gz"), key=lambda file: file.name):
        with gzip.open(file, "rt", encoding="utf-8", errors="replace") as source:
            sections = list(_sections(source))
        title = " ".join(sections[0]) if sections else ""
        paragraphs = [
            text for section in sections[1:] for text in section if len(text) > _SHORTEST_PARAGRAPH
        ]
        if " - " in title and paragraphs:
            yield Page(language, file.name.partition(".")[0], title, paragraphs)


def _sections(source: Iterator[str] | gzip.GzipFile) -> Iterator[list[str]]:
    """The paragraphs of each section, without markup."""
    paragraphs: list[str] | None = None
    words: list[str] = []
    for line in source:
        macro, _, rest = _parted(str(line))
        if macro in {"SH", "Sh"} or macro in _BREAKS:
            if words and paragraphs is not None:
                paragraphs.append(" ".join(words))
            words = []
        if macro in {"SH", "Sh"}:
            if paragraphs is not None:
                yield paragraphs
            paragraphs = []
        elif (macro == "" or macro in _TEXT) and rest.strip():
            words.append(_plain(rest))
    if paragraphs is not None:
        yield [*paragraphs, " ".join(words)]


def _parted(line: str) -> tuple[str, str, str]:
    """A line's macro, or none, and its text."""
    if line[:1] not in {".", "'"}:
        return "", "", line
    return line[1:].strip().partition(" ")


def _plain(text: str) -> str:
    text = _FONT.sub("", text).replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ")
    return " ".join(_SPECIAL.sub(" ", text).replace('"', "").split())
