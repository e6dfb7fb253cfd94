"""A face's characters as the bytes of a PDF's strings, with what reportlab says of its subsets."""

from typing import Any

from webox_exporter.documents.typeset.faces import Face


class _OtherSubsetError(LookupError):
    """A character is not among the first 256 of its face that the document uses."""


class Encoding(dict[str, str]):
    """The escaped byte of each character in the first subset of a face, for one document.

    Reportlab puts up to 256 characters into each subset, which is a font of its own in the PDF.
    """

    def __init__(self, canvas: Any, face: Face) -> None:
        super().__init__()
        self._canvas = canvas
        self._font = face.font
        self._name = ""

    def encoded(self, text: str) -> list[tuple[str, str]]:
        """The text in parts, each with the name of the font that it is in."""
        try:
            characters = "".join(map(self.__getitem__, text))
        except _OtherSubsetError:
            return [
                (self._named(subset), self._canvas._escape(part))  # noqa: SLF001 - as Pen does
                for subset, part in self._split(text)
            ]
        return [(self._name, characters)]

    def __missing__(self, char: str) -> str:
        ((subset, part),) = self._split(char)
        if subset:
            raise _OtherSubsetError
        self._name = self._named(0)
        escaped: str = self._canvas._escape(part)  # noqa: SLF001 - as Pen does
        self[char] = escaped
        return escaped

    def _split(self, text: str) -> list[tuple[int, bytes]]:
        parts: list[tuple[int, bytes]] = self._font.splitString(text, self._canvas._doc)  # noqa: SLF001 - as Pen does
        return parts

    def _named(self, subset: int) -> str:
        return str(self._font.getSubsetInternalName(subset, self._canvas._doc))  # noqa: SLF001 - as Pen does
