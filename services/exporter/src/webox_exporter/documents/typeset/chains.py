"""Text in runs of one font each: every character from the first face that has it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from webox_exporter.documents.typeset.elsewhere import face_elsewhere
from webox_exporter.documents.typeset.faces import (
    LAST_CHOICES,
    SCRIPT_FACES,
    Face,
    first_choices,
)
from webox_exporter.documents.typeset.scripts import IGNORABLE, NEVER_OBEYED, script_of

_KNOWN_AT_MOST = 50_000
_JOINER = re.compile(f"[{IGNORABLE}\U0001f3fb-\U0001f3ff]")
_DECOMPOSED = re.compile("[^\u0300-\u036f]?[\u0300-\u036f]+|[\u1100-\u11ff]{2,}")
"""Accents after their letter, and Korean syllables letter by letter."""


class Run(NamedTuple):
    """A stretch of text and the face to print it with."""

    face: Face
    text: str
    missing: bool = False
    """Whether no face has these characters: each is to be printed as a box with its code."""


class FontChain:
    """Faces in order of preference, asked one after the other for each character."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self.first = faces[0]
        self._faces = faces
        self._known: dict[str, Face | None] = {}

    def runs(self, text: str) -> list[Run]:
        """The text, whole and in order, its accents composed where Unicode has such letters."""
        if not text:
            return []
        if text.isascii() and text.isprintable():
            return [Run(self.first, text)]
        if self.first.characters.issuperset(text) and (
            is_western(text) or not _DECOMPOSED.search(text)
        ):
            return [Run(self.first, text)]
        return list(self._mixed_runs(_DECOMPOSED.sub(_composed, text)))

    def _mixed_runs(self, text: str) -> Iterator[Run]:
        face: Face | None = self.first
        start = 0
        for position, char in enumerate(text):
            following = self._face_of(char, face)
            if following is not face:
                if start < position:
                    yield _run(face or self.first, text[start:position], missing=face is None)
                face, start = following, position
        yield _run(face or self.first, text[start:], missing=face is None)

    def _face_of(self, char: str, current: Face | None) -> Face | None:
        """Spaces, accents and joiners stay with the letter before them when its face allows."""
        if current is not None and _stays(char, current):
            return current
        if char not in self._known:
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            self._known[char] = self._find(char)
        found = self._known[char]
        return face_elsewhere(char) if found is None and char not in NEVER_OBEYED else found

    def _find(self, char: str) -> Face | None:
        own = SCRIPT_FACES.get(script_of(ord(char)))
        for face in (*self._faces, *([own] if own else []), *LAST_CHOICES):
            if char in face.characters:
                return face
        if char.isspace() or _JOINER.match(char):
            return self.first
        return None


def is_western(text: str) -> bool:
    """Whether it is in Latin-1, where no letter depends on others: faster than a search."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _run(face: Face, text: str, *, missing: bool) -> Run:
    return Run(face, text, missing=missing)


def _stays(char: str, face: Face) -> bool:
    if _JOINER.match(char):
        return True
    return unicodedata.category(char)[0] == "M" and char in face.characters


def _composed(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match.group())


@cache
def sans(*, bold: bool = False, italic: bool = False) -> FontChain:
    """The fonts of running text."""
    return FontChain(first_choices(bold=bold, italic=italic, code=False))


@cache
def mono(*, bold: bool = False) -> FontChain:
    """The fonts of code."""
    return FontChain(first_choices(bold=bold, italic=False, code=True))
