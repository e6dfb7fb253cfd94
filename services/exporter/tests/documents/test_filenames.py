import unicodedata
from urllib.parse import unquote

import pytest

from webox_exporter.documents.filenames import UniqueNames, content_disposition, file_stem


class TestStems:
    @pytest.mark.parametrize(
        ("title", "stem"),
        [
            ("Discussion marketing", "Discussion marketing"),
            ('a/b\\c:d*e?f"g<h>i|j', "a-b-c-d-e-f-g-h-i-j"),
            ("../../etc/passwd", "etc-passwd"),
            ("  .hidden.  ", "hidden"),
            ("line\nbreak\ttab", "line break tab"),
            ("nul\x00 esc\x1b[2J", "nul esc[2J"),
            ("spoof\u202efdp.exe", "spooffdp.exe"),
            ("CON", "fallback CON"),
            ("nul.txt", "fallback nul.txt"),
            ("日本語 العربية 🚀", "日本語 العربية 🚀"),
            ("", "fallback"),
            ("///", "fallback"),
            ("...", "fallback"),
            ("\u200d\u200b", "fallback"),
        ],
    )
    def test_are_safe_and_readable(self, title: str, stem: str) -> None:
        assert file_stem(title, "fallback") == stem

    @pytest.mark.parametrize(
        "title", ["x" * 200, "語" * 200, "🚀" * 200, "e\u0301" * 200, "ש" * 200]
    )
    def test_fit_into_a_file_system(self, title: str) -> None:
        stem = file_stem(title, "fallback")
        assert 0 < len(stem.encode()) <= 180
        assert unicodedata.normalize("NFC", title).startswith(stem)


class TestUniqueNames:
    def test_differ_on_every_system(self) -> None:
        names = UniqueNames("index.txt")
        claimed = [
            names.claim(stem, "txt")
            for stem in ("a", "A", "a", "a (2)", "é", "e\u0301", "index", "straße", "STRASSE")
        ]
        folded = [unicodedata.normalize("NFKC", name).casefold() for name in claimed]
        assert len(set(folded)) == len(claimed)
        assert claimed[0] == "a.txt"
        assert "index.txt" not in claimed

    def test_a_thousand_of_one_name(self) -> None:
        names = UniqueNames()
        assert len({names.claim("same", "md") for _ in range(1000)}) == 1000


class TestContentDisposition:
    @pytest.mark.parametrize(
        ("filename", "plain"),
        [
            ("plan.pdf", "plan.pdf"),
            ("Été à Nice.pdf", "Ete a Nice.pdf"),
            ("日本語.pdf", "export.pdf"),
            ('a"b;c\\d.pdf', "a_b_c_d.pdf"),
            ("🚀 x.md", "x.md"),
        ],
    )
    def test_has_both_forms(self, filename: str, plain: str) -> None:
        header = content_disposition(filename)
        first, encoded = header.split("; filename*=UTF-8''")
        assert first == f'attachment; filename="{plain}"'
        assert unquote(encoded) == filename
        assert encoded.isascii()
        assert not set(encoded) & set(' ";,\\')

    def test_nothing_can_be_added_to_the_header(self) -> None:
        assert "\n" not in content_disposition("a\r\nSet-Cookie: x=1.pdf")
