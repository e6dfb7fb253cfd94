"""What of an answer may be stored."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from webox_chat.providers.text import ReplyText, storable

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT)
def test_is_utf8_without_nul(text: str) -> None:
    shown = storable(text)
    shown.encode()
    assert "\x00" not in shown


@given(st.text().filter(lambda text: "\x00" not in text))
def test_good_text_is_left_alone(text: str) -> None:
    assert storable(text) == text


@given(ANY_TEXT, st.lists(st.integers(0, 50)))
def test_pieces_come_out_as_the_whole_would(text: str, cuts: list[int]) -> None:
    reply = ReplyText()
    edges = [0, *sorted(cuts), max(len(text), *cuts, 0)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert "".join(map(reply.take, pieces)) + reply.rest() == storable(text)


def test_is_cut_at_a_whole_character() -> None:
    reply = ReplyText(limit=5)
    assert (reply.take("éé"), reply.truncated) == ("éé", False)
    assert (reply.take("é"), reply.truncated) == ("", True)
    assert reply.take("a") == ""


def test_the_limit_itself_is_not_cut() -> None:
    reply = ReplyText(limit=4)
    assert reply.take("éé") == "éé"
    assert not reply.truncated
