import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webox_kit.errors import BadRequestError
from webox_kit.pagination import decode_cursor, encode_cursor

keys = st.lists(st.text() | st.integers(-(2**62), 2**62) | st.none(), max_size=4)


class TestCursor:
    @given(key=keys)
    def test_comes_back_as_it_was(self, key: list[Any]) -> None:
        cursor = encode_cursor("list", {"folder": "Général", "limit": 5}, key)
        assert decode_cursor("list", {"limit": 5, "folder": "Général"}, cursor, len(key)) == key
        assert cursor.replace("-", "").replace("_", "").isalnum()

    @pytest.mark.parametrize(
        ("scope", "filters", "size"),
        [
            ("other", {"tag": "a"}, 2),
            ("list", {"tag": "b"}, 2),
            ("list", {}, 2),
            ("list", {"tag": "a", "folder": None}, 2),
            ("list", {"tag": "a"}, 1),
        ],
        ids=str,
    )
    def test_of_another_list_is_refused(
        self, scope: str, filters: dict[str, Any], size: int
    ) -> None:
        cursor = encode_cursor("list", {"tag": "a"}, ["2025-11-24", 7])
        with pytest.raises(BadRequestError, match="belongs to another list"):
            decode_cursor(scope, filters, cursor, size)

    @given(garbage=st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
    def test_garbage_is_refused(self, garbage: str) -> None:
        with pytest.raises(BadRequestError):
            decode_cursor("list", {}, garbage, 1)

    @pytest.mark.parametrize("document", [5, "xy", None, {}, {"a": 1}, [], [[]], ["x", 1]])
    def test_other_json_is_refused(self, document: Any) -> None:
        cursor = base64.urlsafe_b64encode(orjson.dumps(document)).decode()
        with pytest.raises(BadRequestError):
            decode_cursor("list", {}, cursor, 1)

    @pytest.mark.parametrize("part", [{"a": 1}, [1]])
    def test_a_forged_key_holds_plain_values_only(self, part: Any) -> None:
        with pytest.raises(BadRequestError):
            decode_cursor("list", {}, encode_cursor("list", {}, [part]), 1)
