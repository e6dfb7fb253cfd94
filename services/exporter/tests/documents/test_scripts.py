import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pymupdf_fonts import FiraGO_Regular

from webox_exporter.cli import main
from webox_exporter.documents.typeset import elsewhere
from webox_exporter.documents.typeset.scripts import SAMPLES

from .conftest import Box, Printed, answered, asked

Print = Callable[..., Printed]

pytestmark = pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not there")

_ADDED_BY_POPPLER = re.compile("[\u200f\u202a-\u202e]")


def copied(printed: Printed) -> str:
    """What copying gives, without the marks of direction that poppler puts around words."""
    return " ".join(_ADDED_BY_POPPLER.sub("", printed.text()).split())


@pytest.fixture
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh machine: what is printed is printed with the fonts of the install."""
    monkeypatch.setattr(elsewhere, "catalogue", list)
    elsewhere.face_elsewhere.cache_clear()


@pytest.mark.usefixtures("no_other_fonts")
class TestEveryScript:
    def test_on_one_page_is_copied_as_it_was_written(self, printed: Print) -> None:
        text = "\n\n".join(SAMPLES.values())
        result = copied(printed(answered(text)))
        missing = [name for name, sample in SAMPLES.items() if sample not in result]
        assert missing == []
        assert "U+" not in result

    @pytest.mark.parametrize("form", ["**{}**", "# {}", "- {}", "> {}", "|{}|\n|-|", "`{}`"])
    def test_in_every_place(self, printed: Print, form: str) -> None:
        samples = [SAMPLES[name] for name in ("Arabic", "Devanagari", "Thai", "Chinese", "Emoji")]
        result = copied(printed(*(answered(form.format(sample)) for sample in samples)))
        assert [sample for sample in samples if sample not in result] == []

    def test_in_code_in_titles_and_in_names(self, printed: Print) -> None:
        for name in ("Hebrew", "Korean", "Devanagari"):
            sample = " ".join(SAMPLES[name].split()[:2])
            code = f"```\n{sample}\n```"
            result = copied(printed(asked(code), answered("x", sample), title=sample))
            title, running_title, code_block, tally, label = 1, 1, 1, 1, 1
            assert result.count(sample) == title + running_title + code_block + tally + label

    def test_mixed_in_one_line(self, printed: Print) -> None:
        words = ["Été", "Привет", "αβγ", "नमस्ते", "สวัสดี", "漢字", "かな", "한글", "🚀", "┌─┐", "→"]
        assert " ".join(words) in copied(printed(answered(" ".join(words))))

    def test_right_to_left_with_other_words_in_it(self, printed: Print) -> None:
        text = copied(printed(answered("مرحبا بكم في Webox هذا نص (عربي) و 2025 سنة")))
        for words in ("مرحبا بكم في", "Webox", "هذا نص (عربي)", "2025", "سنة"):
            assert words in text

    def test_vowel_signs_and_ligatures(self, printed: Print) -> None:
        for word in ("مَرْحَبًا", "بِسْمِ", "שָׁלוֹם", "क्षत्रिय", "कृष्ण", "ปี่", "நொந்து"):
            wanted = unicodedata.normalize("NFC", word)
            assert wanted in unicodedata.normalize("NFC", copied(printed(answered(word))))

    def test_accents_apart_from_their_letters_are_put_together(self, printed: Print) -> None:
        apart = unicodedata.normalize("NFD", "déjà vu Đặng 한글")
        assert "déjà vu Đặng 한글" in copied(printed(answered(apart)))


def letters(word: str) -> str:
    """Poppler gives the words of a page with their letters from left to right."""
    return "".join(sorted(_ADDED_BY_POPPLER.sub("", word)))


def by_letters(printed: Printed) -> dict[str, Box]:
    return {letters(box.text): box for box in printed.boxes()}


class TestDirection:
    def test_a_right_to_left_paragraph_begins_on_the_right(self, printed: Print) -> None:
        boxes = by_letters(printed(answered("مرحبا\n\nHello")))
        assert boxes[letters("مرحبا")].right > 500
        assert boxes[letters("Hello")].left < 100

    def test_the_first_word_stands_right_of_the_second(self, printed: Print) -> None:
        boxes = by_letters(printed(answered("שלום ידידי")))
        assert boxes[letters("שלום")].left > boxes[letters("ידידי")].right

    def test_an_override_is_shown_and_not_obeyed(self, printed: Print) -> None:
        assert "abc U+202E fdp.exe" in copied(printed(answered("abc\u202efdp.exe")))


class TestOtherFonts:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """What WEBOX_FONTS_DIR says, on a machine that has no other fonts."""
        monkeypatch.setattr(elsewhere, "_SYSTEM", ())
        monkeypatch.setenv("WEBOX_FONTS_DIR", str(tmp_path / "fonts"))
        (tmp_path / "fonts").mkdir()
        self.look_again()
        yield tmp_path / "fonts"
        self.look_again()

    def look_again(self) -> None:
        elsewhere.catalogue.cache_clear()
        elsewhere.face_elsewhere.cache_clear()

    def test_those_of_the_operator_print_what_the_install_lacks(
        self, printed: Print, folder: Path
    ) -> None:
        on_switch = "\N{POWER ON SYMBOL}"
        assert "U+23FD" in copied(printed(answered(on_switch)))
        (folder / "FiraGO.ttf").write_bytes(FiraGO_Regular.fontbuffer)
        (folder / "broken.ttf").write_bytes(b"no font at all")
        self.look_again()
        assert on_switch in copied(printed(answered(on_switch)))


def test_the_command_says_which_scripts_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(main, ["scripts"])
    assert (result.exit_code, result.stdout) == (0, ", ".join(SAMPLES) + "\n")
    monkeypatch.setitem(SAMPLES, "Private", "\ue0ff")
    result = CliRunner().invoke(main, ["scripts"])
    assert (result.exit_code, result.stderr) == (1, "No font here has all of: Private.\n")


def test_fonts_are_read_when_a_script_occurs() -> None:
    """Latin text costs the memory of Latin fonts."""
    code = (
        "from webox_exporter.documents.typeset.chains import sans, mono;"
        "sans(bold=True).runs('Où est Съешь же Γαζέες'); mono().runs('┌─┐ x');"
        "from webox_exporter.documents.typeset.faces import SCRIPT_FACES as faces, MONO;"
        "print([face for face in faces.values() if '_bytes' in vars(face) and face is not MONO[0]])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout == b"[]\n"
