"""Text in runs of one font each: every character from the first face that has it."""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from webox_exporter.documents.typeset.faces import Face, mono_faces, sans_faces


class Run(NamedTuple):
    """A stretch of text and the font to print it with."""

    font: str
    text: str
    missing: bool = False
    """Whether the text stands for characters that no face has, as `[U+XXXX]`."""


class FontChain:
    """Faces in order of preference, asked one after the other for each character."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self._faces = faces
        self._first = faces[0]
        self._known: dict[str, Face | None] = {}

    @property
    def font(self) -> str:
        """The name of the first face, registered, for measures."""
        _ = self._first.characters
        return self._first.name

    def runs(self, text: str) -> list[Run]:
        """The text, whole and in order; characters that no face has are spelled out."""
        if not text:
            return []
        if self._first.characters.issuperset(text):
            return [Run(self._first.name, text)]
        return self._mixed_runs(text)

    def _mixed_runs(self, text: str) -> list[Run]:
        runs: list[Run] = []
        face: Face | None = self._first
        start = 0
        for position, char in enumerate(text):
            following = self._face_of(char, face)
            if following is not face:
                runs += self._run(face, text[start:position])
                face, start = following, position
        return [*runs, *self._run(face, text[start:])]

    def _run(self, face: Face | None, text: str) -> list[Run]:
        if not text:
            return []
        if face is None:
            return [Run(self._first.name, "".join(map(_spelled_out, text)), missing=True)]
        shown = text if face.characters.issuperset(text) else _with_plain_spaces(face, text)
        return [Run(face.name, shown)]

    def _face_of(self, char: str, current: Face | None) -> Face | None:
        """Accents and joiners stay with the letter before them when its face has them."""
        joins = unicodedata.category(char)[0] == "M" or char == "\N{ZERO WIDTH JOINER}"
        if joins and current is not None and char in current.characters:
            return current
        if char not in self._known:
            fitting = (face for face in self._faces if char in face.characters)
            self._known[char] = next(fitting, self._first if char.isspace() else None)
        return self._known[char]


def _with_plain_spaces(face: Face, text: str) -> str:
    return "".join(char if char in face.characters else " " for char in text)


def _spelled_out(char: str) -> str:
    return f"[U+{ord(char):04X}]"


@cache
def sans(*, bold: bool = False, italic: bool = False) -> FontChain:
    """The fonts of running text."""
    return FontChain(sans_faces(bold=bold, italic=italic))


@cache
def mono(*, bold: bool = False) -> FontChain:
    """The fonts of code."""
    return FontChain(mono_faces(bold=bold))
