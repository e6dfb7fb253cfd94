"""What people and providers may write to hurt a reader, through every format (FAULTS.md)."""

import io
import json
import shutil
import socketserver
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest
from docx import Document

from webox_exporter.documents.formats import FORMATS
from webox_exporter.documents.words import Words

from .conftest import answered, asked, conversation

BEFORE, AFTER = "avantcanari", "aprescanari"
CANARY = "http://127.0.0.1:{port}/canary"
PAYLOADS = {
    "script": "<script src='{canary}'></script><svg/onload=fetch('{canary}')>",
    "image": "![x]({canary}.png) <img src={canary}> <iframe src='{canary}'></iframe>",
    "style": "<style>@import '{canary}';</style><link rel=stylesheet href={canary}>",
    "links": "[a](javascript:fetch`{canary}`) [b](data:text/html,x) [c](file:///etc/passwd)",
    "definition": "[a]\n\n[a]: javascript:alert(1)\n",
    "paragraph markup": "</para><img src='{canary}'/><a href='javascript:x'>y</a>",
    "entity": "<!DOCTYPE x [<!ENTITY e SYSTEM '{canary}'>]>&e; &#x0; ]]>",
    "word": '</w:t><w:instrText>INCLUDEPICTURE "{canary}"</w:instrText>',
    "formula": "=HYPERLINK(\"{canary}\") =cmd|' /C calc'!A0",
    "front matter": "---\ntitle: x\n---\n...\n- !!python/object:os.system",
    "template": "{{{{7*7}}}} ${{7*7}} %s %(x)s {{0}}",
    "right to left": "\u202egnp.exe\u2066 \u200f مرحبا שלום \u2069",
    "controls": "a\x00b\x07\x1b[2J\x1b]0;x\x07\x85\u2028\u2029\ufeff\ufffe",
    "surrogates": "\ud800 \udfff \ud83d",
    "every script": "日本語 한국어 हिन्दी ไทย Ελληνικά 👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ┌┐",
    "nesting": "> " * 200 + "- " * 200 + "x",
    "left open": "```python\n~~~\n<!-- <pre> `a **b [c](",
}
LONG = {
    "without spaces": "x" * 200_000,
    "with spaces": "mot " * 50_000,
    "brackets": "[" * 200_000,
    "lines": "ligne éé\n" * 20_000,
}


def rendered(name: str, *payloads: str) -> bytes:
    """A conversation whose every text is a payload, between two messages that must survive."""
    out = io.BytesIO()
    short = payloads[0][:200]
    hostile = [
        message
        for number, payload in enumerate(payloads)
        for message in (
            answered(payload, payload[:200], 2 * number + 2, reasoning=payload),
            asked(payload, 2 * number + 3),
        )
    ]
    messages = [asked(BEFORE, 1), *hostile, asked(AFTER, 2 * len(payloads) + 2)]
    header = conversation(title=short, folder=short, tags=(short,), message_count=len(messages))
    render = FORMATS[name].renderer()
    assert render(header, iter(messages), Words(), out) == len(messages)
    return out.getvalue()


def _pdf(content: bytes) -> str:
    """What stands on the pages with numbers: not the title page and the contents."""
    document = pypdf.PdfReader(io.BytesIO(content))
    pages = zip(document.page_labels, document.pages, strict=True)
    return "".join(page.extract_text() for label, page in pages if label.isdecimal())


def _docx(content: bytes) -> str:
    return "\n".join(each.text for each in Document(io.BytesIO(content)).paragraphs)


def _json(content: bytes) -> str:
    return "\n".join(each["content"] for each in json.loads(content)["messages"])


READERS: dict[str, Callable[[bytes], str]] = {"pdf": _pdf, "docx": _docx, "json": _json}


def test_every_format_is_tried() -> None:
    assert set(FORMATS) == {"pdf", "md", "txt", "json", "html", "docx"}


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("name", FORMATS)
def test_what_stands_around_it_survives(name: str, payload: str) -> None:
    content = rendered(name, PAYLOADS[payload].format(canary=CANARY.format(port=9)))
    text = READERS.get(name, bytes.decode)(content)
    assert text.count(BEFORE) == text.count(AFTER) == 1


@pytest.mark.parametrize("payload", LONG)
@pytest.mark.parametrize("name", FORMATS)
def test_the_longest_messages(name: str, payload: str) -> None:
    out = io.BytesIO()
    began = time.process_time()
    FORMATS[name].renderer()(conversation(), iter([asked(LONG[payload])]), Words(), out)
    assert time.process_time() - began < 5, "seconds of CPU"
    if name not in READERS:
        assert LONG[payload].strip() in out.getvalue().decode().replace("<br>", "")


class TestNothingIsFetched:
    @pytest.fixture
    def canary(self) -> Iterator[tuple[str, list[bytes]]]:
        """A server's address, and what it was asked."""
        asked_for: list[bytes] = []

        class Listener(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked_for.append(self.request.recv(200))

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Listener) as server:
            serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            serving.start()
            yield CANARY.format(port=server.server_address[1]), asked_for
            server.shutdown()

    @pytest.fixture
    def everything(self, canary: tuple[str, list[bytes]]) -> list[str]:
        return [text.format(canary=canary[0]) for text in PAYLOADS.values()]

    @pytest.mark.parametrize("name", FORMATS)
    def test_while_it_is_made(
        self, name: str, everything: list[str], canary: tuple[str, list[bytes]]
    ) -> None:
        rendered(name, *everything)
        assert canary[1] == []

    @pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
    def test_by_a_browser(
        self, everything: list[str], canary: tuple[str, list[bytes]], tmp_path: Path
    ) -> None:
        page = tmp_path / "page.html"
        page.write_bytes(rendered("html", *everything))
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
        shown = subprocess.run(
            ["chromium", *options, f"--user-data-dir={tmp_path}/profile", "--dump-dom", str(page)],
            capture_output=True, check=True, text=True, timeout=60,
        )  # fmt: skip
        assert AFTER in shown.stdout
        assert canary[1] == []

    @pytest.mark.skipif(not shutil.which("soffice"), reason="needs LibreOffice")
    def test_by_a_word_processor(
        self, everything: list[str], canary: tuple[str, list[bytes]], tmp_path: Path
    ) -> None:
        (tmp_path / "a.docx").write_bytes(rendered("docx", *everything))
        command = ["soffice", f"-env:UserInstallation={tmp_path.as_uri()}/profile", "--headless"]
        subprocess.run(
            [*command, "--convert-to", "txt:Text (encoded):UTF8", "a.docx"],
            cwd=tmp_path, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        assert AFTER in (tmp_path / "a.txt").read_text()
        assert canary[1] == []


LINKS = "[a](https://example.org/harmless) [b](file:///canary) ![c](file:///canary)"


def test_a_docx_holds_nothing_that_is_obeyed() -> None:
    with zipfile.ZipFile(io.BytesIO(rendered("docx", PAYLOADS["word"], LINKS))) as package:
        body = package.read("word/document.xml").decode()
        relations = package.read("word/_rels/document.xml.rels").decode()
    assert "<w:instrText" not in body
    assert "https://example.org/harmless" in relations
    assert "canary" not in relations
