import io
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest

from webox_exporter.documents import pdf
from webox_exporter.documents.model import Message
from webox_exporter.documents.typeset.inline import Span, pieces
from webox_exporter.documents.words import Words

from .conftest import NOON, Printed, answered, asked, conversation

Print = Callable[..., Printed]

needs_poppler = pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not there")


def reader(printed: Printed) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(printed.content))


def links(printed: Printed) -> set[str]:
    """Where the links of all pages lead."""
    found = set()
    for page in reader(printed).pages:
        for annotation in page.get("/Annots", []):
            found.add(str(annotation.get_object()["/A"]["/URI"]))
    return found


def _roman(document: pypdf.PdfReader) -> list[str]:
    return [label for label in document.page_labels if not label.isdecimal()]


def _link_over(page: pypdf.PageObject, number: int, *, of: pypdf.PdfReader) -> int:
    """The page that the contents' line with this question's name leads to."""
    for annotation in page["/Annots"]:
        link = annotation.get_object()
        if link["/Contents"] == f"Question {number} ?":
            target = (
                of.named_destinations[link["/Dest"]] if isinstance(link["/Dest"], str) else None
            )
            page_there = target.page if target else link["/Dest"][0]
            return of.get_page_number(page_there.get_object())
    raise AssertionError(number)


@needs_poppler
class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            "if a <b and c> d",
            "<b>",
            "<b>bold</b> <i>",
            "<img src=/etc/passwd>",
            '<img src="file:///etc/passwd" width="100"/>',
            "<script>alert(1)</script>",
            "<para><font color=red>x</font></para>",
            "</para></b>",
            "&undefined; a&b",
            "[click](javascript:alert(1))",
            "![x](file:///etc/passwd)",
            "a % b (unbalanced",
        ],
    )
    def test_markup_comes_out_as_it_went_in(self, printed: Print, text: str) -> None:
        result = printed(asked(text), answered(text), title=text).text()
        title, running_title, messages = 1, 1, 2
        assert result.count(text) == title + running_title + messages
        assert "root:" not in result

    @pytest.mark.parametrize(
        "text",
        [
            "Où est l'œuvre ? Déjà « là », à 12 € — voilà…",
            "Zażółć gęślą jaźń, Příliš žluťoučký kůň, Đặng Thị Hồng",
            "Съешь же ещё этих мягких французских булок",
            "Γαζέες καὶ μυρτιὲς δὲν θὰ βρῶ πιὰ",
            "→ ≤ ≠ ∞ √ ┌─┐ █ ● ✓",
            "emoji 🚀 ✅ 👍 💡 dans le texte",
            "mêlés : Été Привет αβγ 🚀 → fin",
        ],
    )
    def test_letters_of_many_scripts_can_be_copied(self, printed: Print, text: str) -> None:
        result = printed(answered(text), answered(f"```\n{text}\n```")).text()
        assert result.count(text) == 2
        assert "U+" not in result

    def test_characters_that_no_font_has_are_spelled_out(self, printed: Print) -> None:
        text = printed(answered("a b \x1b[31m \ue0ff c \u202ed"), title="\ue0ff").text()
        assert "a b U+001B [31m U+E0FF c U+202E d" in text
        assert text.startswith("U+E0FF")

    def test_every_word_of_an_answer_in_order(self, printed: Print) -> None:
        source = "\n\n".join(
            f"## Titre {n}\n\nParagraphe {n} avec **gras {n}** et *italique {n}*.\n\n"
            f"1. premier {n}\n   - dessous {n}\n2. second {n}\n\n> citation {n}\n\n"
            f"| a{n} | b{n} |\n|--|--|\n| c{n} | d{n} |\n\n```python\ncode_{n} = 1\n```"
            for n in range(40)
        )
        text = printed(answered(source)).text()
        position = 0
        for n in range(40):
            for word in ("Titre", "Paragraphe", "gras", "italique", "premier", "dessous"):
                position = text.index(f"{word} {n}", position)
            for word in (f"second {n}", f"citation {n}", f"c{n}", f"d{n}", f"code_{n} = 1"):
                position = text.index(word, position)

    def test_who_said_it_and_when(self, printed: Print) -> None:
        text = printed(
            asked("Question"),
            answered("Réponse", "Claude"),
            answered("Partie", "Mistral", status="cancelled"),
            answered("Essai", "Demo A", demo=True),
        ).text()
        assert "Vous 24 novembre 2025 à 12:00 UTC Question" in text
        assert "Claude gpt-4-turbo 24 novembre 2025 à 12:00 UTC Réponse" in text
        assert "interrompue 24 novembre 2025 à 12:00 UTC Partie" in text
        assert "démonstration 24 novembre 2025 à 12:00 UTC Essai" in text

    def test_in_english(self, printed: Print) -> None:
        text = printed(asked("Question"), language="en").text()
        assert "Folder Général Tags marketing, stratégie" in text
        assert "You 24 November 2025, 12:00 UTC Question" in text
        assert "Page 1 of 1" in text

    def test_every_page_has_its_number_and_title(self, printed: Print) -> None:
        result = printed(answered("Un paragraphe.\n\n" * 300), title="Le titre courant")
        title_page, *body = reader(result).pages
        count = len(body)
        text = result.text()
        assert count > 5
        assert text.count("Le titre courant") == 1 + count
        for number in range(1, count + 1):
            assert f"Page {number} sur {count}" in text
        assert "Page" not in title_page.extract_text()

    def test_cancelled_nesting_is_not_lost(self, printed: Print) -> None:
        deep = "\n".join("  " * level + f"- niveau{level}" for level in range(60))
        text = printed(answered(deep), answered("> " * 60 + "profond")).text()
        assert all(f"niveau{level}" in text for level in range(60))
        assert "profond" in text


class TestTheFile:
    def test_says_what_it_is(self, printed: Print) -> None:
        document = reader(printed(asked("x"), title="Été <b> 🚀", language="en"))
        assert document.metadata is not None
        assert document.metadata.title == "Été <b> 🚀"
        assert document.metadata.author == "Webox"
        assert document.metadata.subject == "Conversation exported from Webox"
        assert document.trailer["/Root"]["/Lang"] == "en"

    def test_every_font_is_embedded(self, printed: Print) -> None:
        source = (
            "**gras** *italique* ***les deux*** `code` 🚀 →\n\n|a|\n|-|\n|b|\n\n```c\nint x;\n```"
        )
        document = reader(printed(asked(source), answered(source)))
        fonts = {
            str(font["/BaseFont"]): font.get_object()
            for page in document.pages
            for font in page["/Resources"]["/Font"].values()
        }
        assert any("NotoEmoji" in name for name in fonts)
        for name, font in fonts.items():
            assert "/FontFile2" in font["/FontDescriptor"], name
            assert "/ToUnicode" in font, name

    def test_only_harmless_links_can_be_clicked(self, printed: Print) -> None:
        result = printed(
            answered(
                "[a](https://a.example/x?y=1&z=2) [b](http://b.example) <mailto:c@d.example> "
                "[e](javascript:alert(1)) [f](file:///etc/passwd) [g](ftp://g) [h](/relative) "
                "[i](data:text/html,x) ![j](https://j.example/pixel.png) "
                "[k](&#106;avascript:alert(1)) [l](vbscript:x)\n\n[m]: javascript:x\n\n[m]"
            )
        )
        assert links(result) == {
            "https://a.example/x?y=1&z=2",
            "http://b.example",
            "mailto:c@d.example",
            "https://j.example/pixel.png",
        }
        assert b"/XObject /Image" not in result.content
        assert not any(page.images for page in reader(result).pages)

    def test_questions_are_bookmarks(self, printed: Print) -> None:
        outline = reader(printed(asked("Première ?"), answered("x"), asked("Deux ?", 3))).outline
        assert [entry["/Title"] for entry in outline] == ["Première ?", "Deux ?"]

    def test_says_the_same_in_xmp(self, printed: Print) -> None:
        document = reader(printed(asked("x"), title="Été & <b>", language="en"))
        xmp = document.xmp_metadata
        assert xmp is not None
        assert xmp.dc_title == {"x-default": "Été & <b>"}
        assert xmp.dc_subject == ["marketing", "stratégie"]
        assert xmp.dc_language == ["en"]

    def test_a_long_one_has_contents_whose_lines_lead_to_the_questions(
        self, printed: Print
    ) -> None:
        messages = [
            message
            for n in range(1, 121)
            for message in (
                asked(f"Question {n} ?", 2 * n),
                answered(f"Réponse {n}. " * 60, number=2 * n + 1),
            )
        ]
        document = reader(printed(*messages))
        contents = next(page for page in document.pages if "Question 60 ?" in page.extract_text())
        line = _link_over(contents, 60, of=document)
        assert "Question 60 ?" in document.pages[line].extract_text()
        assert len(document.outline) == 120
        assert document.page_labels[:3] == ["i", "ii", "iii"]
        assert document.page_labels[-1] == str(len(document.pages) - len(_roman(document)))

    def test_a_short_one_has_none(self, printed: Print) -> None:
        assert len(reader(printed(asked("a"), answered("b"))).pages) == 2

    @pytest.mark.skipif(not shutil.which("qpdf"), reason="qpdf is not there")
    def test_qpdf_finds_no_fault(self, printed: Print, tmp_path: Path) -> None:
        file = tmp_path / "checked.pdf"
        file.write_bytes(printed(asked("a"), answered("**b** 🚀\n\n" * 200)).content)
        subprocess.run(["qpdf", "--check", str(file)], check=True, capture_output=True)


class TestHugeMessages:
    @pytest.mark.parametrize(
        "text",
        [
            "mot " * 50_000,
            "x" * 200_000,
            ("é" * 99 + "🚀") * 2_000,
            "سلام" * 50_000,
            "สวัสดี" * 33_333,
            "e" + "\u0301" * 199_999,
            "\ue0ff" * 50_000,
        ],
    )
    def test_200_000_characters_take_under_5_s(self, printed: Print, text: str) -> None:
        begun = time.process_time()
        printed(answered(text))
        assert time.process_time() - begun < 5

    @pytest.mark.parametrize(
        "text",
        [
            "日" * 5_000,
            "a\n" * 3_000,
            "- a\n" * 1_000,
            "|a|b|\n|-|-|\n" + "|x|y|\n" * 500,
            "|" + "a|" * 40 + "\n|" + "-|" * 40 + "\n|" + "b|" * 40,
            "|a|b|\n|-|-|\n|" + "mot " * 5_000 + "|y|",
            "|a|b|\n|-|-|\n|" + "x" * 9_000 + "|y|",
            "# " + "W" * 5_000,
            "```\n" + "x" * 50_000 + "\n```",
            "```python\n" + "x = 'é'\n" * 2_000,
            "> " * 30 + "a",
            "e" + "\u0301" * 5_000,
            "-\n-\n1.\n",
            "- ```\n  x\n  ```\n- # h\n- > q\n- |a|b|\n  |-|-|\n  |1|2|\n",
            "[" * 5_000,
            "**" * 5_000,
            "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u202e\u200b\u00ad\ufeff",
            "",
            " \n\n ",
        ],
    )
    def test_no_shape_of_text_breaks_it(self, printed: Print, text: str) -> None:
        assert printed(asked(text), answered(text)).content.startswith(b"%PDF-")

    def test_long_paragraphs_are_cut_without_loss(self) -> None:
        text = "mot " * 10_000
        groups = list(pieces([Span(text), Span("x" * 25_000, bold=True)]))
        assert all(sum(len(span.text) for span in group) <= 10_000 for group in groups)
        assert "".join(span.text for group in groups for span in group) == text + "x" * 25_000

    def test_messages_are_not_all_held_at_once(self) -> None:
        """The renderer asks for a message only when the one before it stands on a page."""
        alive = 0
        most = 0

        class Counted(str):
            __slots__ = ()

            def __del__(self) -> None:
                nonlocal alive
                alive -= 1

        def messages() -> Iterator[Message]:
            nonlocal alive, most
            for number in range(50):
                alive += 1
                most = max(most, alive)
                yield Message(number, "user", Counted(f"message {number} " * 30), NOON)

        pdf.render(conversation(), messages(), Words(), io.BytesIO())
        assert most < 5
