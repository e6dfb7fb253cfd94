"""Cutting a snippet, beyond what the engines' suite shows."""

from hypothesis import given
from hypothesis import strategies as st

from webox_search.index.snippets import SNIPPET_CHARACTERS, cut_snippet

TEXTS = st.lists(
    st.text(alphabet="abé機🚀\u200d\u0301", min_size=1, max_size=200), min_size=1, max_size=40
).map(" ".join)


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=20)))
    return text, [(start, end) for start, end in zip(places[::2], places[1::2], strict=False)]


class TestCutSnippet:
    @given(texts_with_spans())
    def test_it_fits_and_its_highlights_are_in_it(
        self, given_: tuple[str, list[tuple[int, int]]]
    ) -> None:
        text, spans = given_

        snippet, highlights = cut_snippet(text, spans)

        assert len(snippet) <= SNIPPET_CHARACTERS
        body = snippet.removeprefix("...").removesuffix("...")
        assert body in text
        matched = {text[start:end] for start, end in spans}
        for start, end in highlights:
            assert 0 <= start < end <= len(snippet)
            assert any(snippet[start:end] in each for each in matched)

    @given(texts_with_spans())
    def test_some_match_is_always_shown(self, given_: tuple[str, list[tuple[int, int]]]) -> None:
        text, spans = given_

        _, highlights = cut_snippet(text, spans)

        assert bool(highlights) == bool(spans)

    def test_no_match_shows_the_beginning(self) -> None:
        snippet, highlights = cut_snippet("Un mot et la suite. " * 20, [])

        assert snippet.startswith("Un mot")
        assert snippet.endswith("...")
        assert highlights == ()

    def test_a_joined_emoji_is_not_parted(self) -> None:
        family = "👨\u200d👩\u200d👧"
        text = family * 100

        snippet, _ = cut_snippet(text, [(len(text) // 2, len(text) // 2 + 1)])

        assert not snippet.removeprefix("...").startswith("\u200d")
        assert not snippet.removesuffix("...").endswith("\u200d")
