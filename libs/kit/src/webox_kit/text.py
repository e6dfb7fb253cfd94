"""Text that PostgreSQL and JSON can hold.

NUL and lone surrogates break inserts (`text` refuses both), so they are replaced where text
comes in: in request bodies and in what providers send.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """`text` with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def _clean_if_text(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


Cleaned = BeforeValidator(_clean_if_text)
"""The last mark of a constrained string, `Annotated[str, StringConstraints(…), Cleaned]`.

It must come last: constraints that follow it would be checked as those of any sequence.
"""

CleanText = Annotated[str, Cleaned]
"""A string of a request, cleaned before it is validated."""


def one_line(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` characters, cut at a word with `...` if longer."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    cut = flat[: limit - 3]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut) + "..."
