"""Markdown as one line of plain text, without losing a letter of it."""

import re
import unicodedata

MARK_START, MARK_END = "\ue000", "\ue001"
"""Private-use characters that an engine puts around a match; a text itself never holds them."""

_INVISIBLE = re.compile(
    f"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069{MARK_START}{MARK_END}]"
)
# Every pattern is linear: what is read here is hostile and up to a megabyte long.
_RULE = re.compile(r"^[-*_=:|~ \t]+$", re.MULTILINE)
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]?)*(?:#{1,6}[ \t]+|[-*+][ \t]+)?", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\(([^()\s]*)\)")
_EMPHASIS = re.compile(r"(?<![\w*])[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?![\w*])|~~|\*\*")


def plain_text(markdown: str) -> str:
    """One line, composed (NFC), without markup, control characters or direction overrides."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", markdown))
    # Most texts have none of what the patterns look for, and to see that is far cheaper.
    if "\n" in text or not text[:1].isalnum():
        text = _LINE_START.sub("", _RULE.sub("", text))
    if "](" in text:
        text = _LINK.sub(r"\1 (\2)", text)
    text = text.replace("`", "")
    if "*" in text or "_" in text or "~~" in text:
        text = _EMPHASIS.sub("", text)
    return " ".join(text.replace("|", " ").split())
