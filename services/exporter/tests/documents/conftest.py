import html
import io
import re
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from webox_exporter.documents import pdf
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.words import Language, Words

NOON = datetime(2025, 11, 24, 12, 0, tzinfo=UTC)


def conversation(**more: Any) -> Conversation:
    values: dict[str, Any] = {
        "id": 7,
        "title": "Discussion marketing",
        "folder": "Général",
        "tags": ("marketing", "stratégie"),
        "is_favorite": False,
        "message_count": 2,
        "created_at": NOON,
        "updated_at": NOON,
        **more,
    }
    return Conversation(**values)


def asked(content: str, number: int = 1) -> Message:
    return Message(number, "user", content, NOON)


def answered(content: str, provider: str = "GPT-4", number: int = 2, **more: Any) -> Message:
    return Message(number, "assistant", content, NOON, provider, "gpt-4-turbo", **more)


_WORD = re.compile(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)"[^>]*>([^<]*)<')


class Box(NamedTuple):
    """A word, its page (the first is 0), and its edges in points from the left and the top."""

    text: str
    page: int
    left: float
    top: float
    right: float


class Printed:
    """A PDF, and what a reader gets of it."""

    def __init__(self, content: bytes, folder: Path) -> None:
        self.content = content
        self._file = folder / "printed.pdf"
        self._file.write_bytes(content)

    def text(self) -> str:
        """What copying everything gives, on one line. Needs poppler's `pdftotext`."""
        printed = subprocess.run(
            ["pdftotext", "-enc", "UTF-8", str(self._file), "-"], capture_output=True, check=True
        )
        return " ".join(printed.stdout.decode().split())

    def boxes(self) -> list[Box]:
        """Every word of the document and where it stands."""
        command = ["pdftotext", "-bbox", "-enc", "UTF-8", str(self._file), "-"]
        found = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        return [
            Box(html.unescape(text), page, *map(float, places))
            for page, part in enumerate(found.split("<page ")[1:])
            for *places, text in _WORD.findall(part)
        ]


@pytest.fixture
def printed(tmp_path: Path) -> Callable[..., Printed]:
    """`printed(*messages, language="fr", **header)`: the PDF of a conversation."""

    def render(*messages: Message, language: Language = "fr", **header: Any) -> Printed:
        out = io.BytesIO()
        written = pdf.render(conversation(**header), iter(messages), Words(language), out)
        assert written == len(messages)
        return Printed(out.getvalue(), tmp_path)

    return render


Render = Callable[[Conversation, Iterable[Message], Words, io.BytesIO], int]


def written(render: Render, *messages: Message, language: Language = "fr", **header: Any) -> str:
    """A text document."""
    out = io.BytesIO()
    assert render(conversation(**header), iter(messages), Words(language), out) == len(messages)
    return out.getvalue().decode()
