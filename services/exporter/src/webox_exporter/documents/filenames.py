"""File names made from titles: safe on every system, readable in every script, unique."""

import re
import unicodedata
from urllib.parse import quote

_FORBIDDEN = re.compile(r'[\\/:*?"<>|]+')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_MOST_BYTES = 180
"""File systems take 255 bytes; a counter, an extension and a browser's own suffix need room."""


def file_stem(title: str, fallback: str) -> str:
    """A file name without its extension, or `fallback` when nothing of the title is left."""
    text = unicodedata.normalize("NFC", title)
    text = "".join(" " if char.isspace() else char for char in text)
    text = "".join(char for char in text if _may_stand(char))
    text = " ".join(_FORBIDDEN.sub("-", text).split())
    text = _cut(text).strip(" .-" + _JOINERS)
    if not text:
        return fallback
    return f"{fallback} {text}" if _RESERVED.fullmatch(text) else text


def _may_stand(char: str) -> bool:
    """Joiners shape words and emoji; other invisible characters only deceive."""
    return char in _JOINERS or unicodedata.category(char)[0] != "C"


def _cut(text: str) -> str:
    """The longest beginning that fits, not ending inside a character or before its accent."""
    encoded = text.encode()
    if len(encoded) <= _MOST_BYTES:
        return text
    kept = encoded[:_MOST_BYTES].decode(errors="ignore")
    while kept and unicodedata.combining(text[len(kept)]):
        kept = kept[:-1]
    return kept


class UniqueNames:
    """Gives each file of one folder its own name, whatever the reader's system folds."""

    def __init__(self, *taken: str) -> None:
        self._counts = {self._key(name): 1 for name in taken}

    def claim(self, stem: str, extension: str) -> str:
        """`stem.ext`, or `stem (2).ext` when that is taken."""
        name = f"{stem}.{extension}"
        while self._key(name) in self._counts:
            first = self._key(f"{stem}.{extension}")
            self._counts[first] += 1
            name = f"{stem} ({self._counts[first]}).{extension}"
        self._counts[self._key(name)] = 1
        return name

    @staticmethod
    def _key(name: str) -> str:
        return unicodedata.normalize("NFKC", name).casefold()


def content_disposition(filename: str) -> str:
    """An attachment's header in both of RFC 6266's forms: plain ASCII, then `filename*`."""
    plain = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", plain).strip()
    if not plain.rpartition(".")[0].strip(" ._-"):
        plain = "export." + plain.rpartition(".")[2]
    encoded = quote(filename, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
