"""Text as words, plain text, queries as terms: what both engines build on."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webox_search.index.highlights import near_words
from webox_search.index.parsing import Term, parse, typos_allowed
from webox_search.index.plain import plain_text
from webox_search.index.stems import words_and_forms
from webox_search.index.words import LONGEST_WORD, fold, words, words_with_places

LETTERS = "aeéÉçœŒﬁßİ ıñяёЙωςאבשםمرحカガｶﾞ機한हिन्दी0\uff19_-.'\u200d\u0301🚀\n"


class TestFold:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Étudier", "etudier"),
            ("ŒUVRE", "oeuvre"),
            ("ﬁne", "fine"),
            ("STRASSE straße", "strasse strasse"),
            ("\uff21\uff22\uff23", "abc"),
            ("ｶﾞ", "ガ"),
            ("か", "か"),
            ("が", "が"),
            ("한국어", "한국어"),
            ("क़", "क\u093c"),
        ],
    )
    def test_what_a_reader_takes_for_the_same(self, text: str, folded: str) -> None:
        assert fold(text) == folded

    @given(st.text(alphabet=LETTERS, max_size=40))
    def test_composed_or_not_makes_no_difference(self, text: str) -> None:
        assert words(unicodedata.normalize("NFD", text)) == words(
            unicodedata.normalize("NFC", text)
        )

    @given(st.text(alphabet=LETTERS, max_size=40))
    def test_folding_twice_is_folding_once(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)


class TestWords:
    @given(st.text(alphabet=LETTERS, max_size=60))
    def test_with_and_without_places_are_the_same(self, text: str) -> None:
        composed = unicodedata.normalize("NFC", text)

        found = list(words_with_places(composed))

        assert [word.text for word in found] == words(composed)
        assert all(0 <= word.start < word.end <= len(composed) for word in found)

    @given(st.text(max_size=60) | st.text(alphabet=LETTERS, max_size=60))
    def test_with_and_without_forms_are_the_same(self, text: str) -> None:
        assert words_and_forms(text)[0] == words(text)

    @pytest.mark.parametrize("plane", range(0, 0x3000, 0x400))
    def test_nor_does_it_depend_on_the_characters_beside(self, plane: int) -> None:
        for code in range(plane, plane + 0x400):
            text = f"a{chr(code)}b {chr(code)} {chr(code)}{chr(code)}"
            assert words_and_forms(text)[0] == words(text), hex(code)

    @given(st.text(max_size=60))
    def test_any_text_can_be_read(self, text: str) -> None:
        words(text)
        for word in words_with_places(text):
            assert text[word.start : word.end]

    def test_places_are_those_of_the_original(self) -> None:
        text = "L'ŒUVRE ﬁne, et 機械"

        found = [(word.text, text[word.start : word.end]) for word in words_with_places(text)]

        assert found == [
            ("l", "L"),
            ("oeuvre", "ŒUVRE"),
            ("fine", "ﬁne"),
            ("et", "et"),
            ("機", "機"),
            ("械", "械"),
        ]

    def test_long_words_are_known_by_their_beginning(self) -> None:
        assert words("x" * 1000) == ["x" * LONGEST_WORD]


class TestPlainText:
    @pytest.mark.parametrize(
        ("markdown", "plain"),
        [
            (
                "# Titre\n\nDu **gras**, de l'_italique_ et `code`.",
                "Titre Du gras, de l'italique et code.",
            ),
            ("- un\n* deux\n+ trois\n> cité", "un deux trois cité"),
            ("```python\nx = a*b\n```", "python x = a*b"),
            (
                "[lien](https://example.org/a_b) ![image](b.png)",
                "lien (https://example.org/a_b) image (b.png)",
            ),
            ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a b 1 2"),
            ("snake_case and 2 * 3 * 4", "snake_case and 2 * 3 * 4"),
            ("un\n---\ndeux", "un deux"),
            ("nul\x00, bidi\u202e, marks\ue000\ue001", "nul, bidi, marks"),
            ("", ""),
        ],
    )
    def test_markup_goes_and_words_stay(self, markdown: str, plain: str) -> None:
        assert plain_text(markdown) == plain

    @pytest.mark.parametrize(
        "piece",
        ["[", "*", "_ ", "> ", "- ", "`", "|-", "[a](", " ", "\n", "*a", "-\n", " \t", "---x"],
    )
    def test_hostile_text_takes_linear_time(self, piece: str) -> None:
        started = time.monotonic()

        plain_text(piece * (1_000_000 // len(piece)))

        assert time.monotonic() - started < 5

    @given(st.text(alphabet="a é*_`#>-[]()|\n\t", max_size=80))
    def test_it_is_one_line_with_every_letter(self, markdown: str) -> None:
        plain = plain_text(markdown)

        assert "\n" not in plain
        assert "".join(words(plain)) == "".join(words(markdown))


class TestParse:
    @pytest.mark.parametrize(
        ("text", "wanted", "unwanted"),
        [
            ("un deux", [Term(("un",)), Term(("deux",), prefix=True)], []),
            (
                '"un deux" trois',
                [Term(("un", "deux"), quoted=True), Term(("trois",), prefix=True)],
                [],
            ),
            ("« un deux »", [Term(("un", "deux"), quoted=True)], []),
            ('"un deux', [Term(("un",)), Term(("deux",), prefix=True)], []),
            ("un -deux", [Term(("un",), prefix=True)], [Term(("deux",))]),
            ("un-deux", [Term(("un", "deux"), prefix=True)], []),
            ("un - deux", [Term(("un",)), Term(("deux",), prefix=True)], []),
            ("--un", [Term(("un",), prefix=True)], []),
            ("l'étudiant", [Term(("etudiant",), prefix=True)], []),
            ("機械", [Term(("機", "械"))], []),
            ("a", [Term(("a",))], []),
            ("*", [], []),
        ],
    )
    def test_terms(self, text: str, wanted: list[Term], unwanted: list[Term]) -> None:
        parsed = parse(text)

        assert (list(parsed.wanted), list(parsed.unwanted)) == (wanted, unwanted)

    @given(st.text(max_size=512))
    def test_any_text_can_be_parsed(self, text: str) -> None:
        assert all(term.words for term in parse(text).wanted)


class TestTypos:
    @pytest.mark.parametrize(
        ("word", "typos"),
        [
            ("chat", 0),
            ("chien", 1),
            ("marketin", 1),
            ("marketing", 2),
            ("12345678", 0),
            ("v1234", 0),
        ],
    )
    def test_how_many_are_forgiven(self, word: str, typos: int) -> None:
        assert typos_allowed(word) == typos

    @pytest.mark.parametrize(
        ("word", "other", "typos"),
        [
            ("marketing", "marketing", 0),
            ("markteing", "marketing", 1),
            ("marketin", "marketing", 1),
            ("narketing", "marketing", 1),
            ("markketing", "marketing", 1),
            ("mraektings", "marketing", 3),
        ],
    )
    def test_they_are_counted(self, word: str, other: str, typos: int) -> None:
        for at_most in range(4):
            assert bool(list(near_words(word, [other], at_most))) == (at_most >= typos)

    def test_to_the_nearest_beginning(self) -> None:
        words = ["strategique", "stra", "tragi", "stratosphere", "stratgie"]
        assert set(near_words("stratgi", words, 1, prefix=True)) == {"strategique", "stratgie"}
        assert set(near_words("stratgi", words, 1)) == {"stratgie"}
