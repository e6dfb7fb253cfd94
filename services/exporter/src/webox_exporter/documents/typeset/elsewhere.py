"""Fonts beyond those of the install: the folder WEBOX_FONTS_DIR, then the system's."""

import os
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import uharfbuzz

from webox_exporter.documents.typeset.faces import Face, from_file

_SYSTEM = (
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)
_MAY_NOT_BE_EMBEDDED = 0x0002
"""OS/2 table, fsType: Restricted License embedding."""


@lru_cache(maxsize=10_000)
def face_elsewhere(char: str) -> Face | None:
    """The first of the other fonts that has this character; None when none has it."""
    for path, codes in catalogue():
        if ord(char) in codes:
            return _face(path)
    return None


@cache
def _face(path: Path) -> Face:
    return from_file(path)


@cache
def catalogue() -> list[tuple[Path, uharfbuzz.Set]]:
    """All fonts that a PDF can embed, with the code points they have."""
    return [entry for path in _files() for entry in _usable(path)]


def _files() -> Iterator[Path]:
    folders = [os.environ.get("WEBOX_FONTS_DIR", ""), *_SYSTEM]
    for folder in filter(None, folders):
        found = Path(folder).expanduser().rglob("*")
        yield from sorted(path for path in found if path.suffix.lower() in {".ttf", ".ttc"})


def _usable(path: Path) -> Iterator[tuple[Path, uharfbuzz.Set]]:
    """What the file has, if it can be read, has TrueType outlines and may be embedded."""
    try:
        face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path))
        if "glyf" in face.table_tags and not _is_restricted(face):
            yield path, face.unicodes
    except (OSError, ValueError, uharfbuzz.HarfBuzzError):
        return


def _is_restricted(face: uharfbuzz.Face) -> bool:
    table = face.reference_table("OS/2").data
    return int.from_bytes(table[8:10], "big") & 0x000F == _MAY_NOT_BE_EMBEDDED
