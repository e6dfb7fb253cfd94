import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from webox_kit.text import CleanText, clean, one_line


class Body(BaseModel):
    text: CleanText = Field(max_length=5)


class TestClean:
    @given(text=st.text(st.characters(codec=None, categories=None) | st.just("\ud800")))
    def test_leaves_nothing_that_cannot_be_stored(self, text: str) -> None:
        cleaned = clean(text)
        cleaned.encode()
        assert "\0" not in cleaned
        assert len(cleaned) == len(text)

    def test_leaves_the_rest_alone(self) -> None:
        text = "مرحبا 👨\u200d👩\u200d👧 日本語 \u202e\x01\ufffd"
        assert clean(text) == text

    def test_fields_are_cleaned_and_still_validated(self) -> None:
        assert Body(text="a\0\udfff").text == "a\ufffd\ufffd"
        with pytest.raises(ValidationError, match="at most 5"):
            Body(text="123456")
        with pytest.raises(ValidationError, match="valid string"):
            Body.model_validate({"text": 5})


class TestOneLine:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("  two\n\n words ", "two words"),
            ("exactly twenty chars", "exactly twenty chars"),
            ("cut at the last word there", "cut at the last..."),
            ("x" * 21, "x" * 17 + "..."),
            ("", ""),
        ],
    )
    def test_is_cut_at_a_word(self, text: str, line: str) -> None:
        assert one_line(text, 20) == line

    @given(text=st.text(), limit=st.integers(4, 50))
    def test_is_never_longer(self, text: str, limit: int) -> None:
        line = one_line(text, limit)
        assert len(line) <= limit
        assert "\n" not in line
