"""Which of pygments' lexers reads a listing."""

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MOST_HIGHLIGHTED = 60_000
"""Some lexers take far more than linear time; a listing longer than this stays plain."""
_LONGEST_NAME = 30


def lexer_for(source: str, language: str) -> Lexer | None:
    """The lexer of the language that a code block names; None to leave it plain."""
    name = language.strip().split(" ", 1)[0].strip("{}.").lower()
    if not name or len(name) > _LONGEST_NAME or len(source) > _MOST_HIGHLIGHTED:
        return None
    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
