"""The text of an answer as it grows: cleaned for the database, and bounded."""

import re

LONGEST_REPLY_BYTES = 1_000_000

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FIRST_HALVES = ("\ud800", "\udbff")


class ReplyText:
    """Takes an answer's pieces and gives them back fit to be stored and sent on.

    NUL and lone surrogates become U+FFFD; two halves of one character are joined even when they
    come in different pieces. Past `limit` bytes of UTF-8 nothing more comes out.
    """

    def __init__(self, limit: int = LONGEST_REPLY_BYTES) -> None:
        self.truncated = False
        self._room = limit
        self._first_half = ""

    def take(self, piece: str) -> str:
        """What of the answer can be shown now; empty when nothing can."""
        text = self._first_half + piece
        self._first_half = ""
        if text and _FIRST_HALVES[0] <= text[-1] <= _FIRST_HALVES[1]:
            text, self._first_half = text[:-1], text[-1]
        return self._bounded(storable(text))

    def rest(self) -> str:
        """What was held back and has no other half to come."""
        return self._bounded(storable(self._first_half))

    def _bounded(self, text: str) -> str:
        if self.truncated:
            return ""
        encoded = text.encode()
        if len(encoded) > self._room:
            self.truncated = True
            return encoded[: self._room].decode(errors="ignore")
        self._room -= len(encoded)
        return text


def storable(text: str) -> str:
    """`text` with surrogate pairs joined, and NUL and lone surrogates replaced by U+FFFD."""
    if _UNSTORABLE.search(text) is None:
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\x00", "\ufffd")
