"""One Markdown parser for all formats: CommonMark with tables and strike-through, no HTML."""

import re
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

SWITCHES: dict[str, dict[str, Any]] = {
    "strong_open": {"bold": True},
    "strong_close": {"bold": False},
    "em_open": {"italic": True},
    "em_close": {"italic": False},
    "s_open": {"struck": True},
    "s_close": {"struck": False},
}
"""What the marks within a paragraph change of how the text looks from there on."""

_SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)
_EXTENSIONS = ["table", "strikethrough"]
_NESTING_LIMIT = 40
_MOST_BRACKETS = 10_000
_MATH = re.compile(
    r"\\\((?!\s*\\\)).{1,1000}?\\\)|\\\[(?!\s*\\\]).{1,1000}?\\\]|\$\$[^$]{1,1000}\$\$"
    r"|(?<![\\$\w])\$(?![\s$])[^$\n`]{0,200}[^$\s\\`]\$(?![\w$])",
    re.DOTALL,
)
_TASK = re.compile(r"\[([ xX])\] ")
BOXES = {" ": "\N{BALLOT BOX} ", "x": "\N{BALLOT BOX WITH CHECK} "}


def is_safe_link(target: str) -> bool:
    """Whether a link may be clicked: http, https and mailto only."""
    return _SAFE_LINK.fullmatch(target) is not None


class _StrictParser(MarkdownIt):
    """Leaves a link to anywhere unsafe as the text that it is."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the base class's name
        return is_safe_link(url)


class _CredulousParser(MarkdownIt):
    """Reads a text as a careless program would: HTML and every link count."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - the base class's signature
        return True


@cache
def _strict_parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": _NESTING_LIMIT}
    parser = _StrictParser("commonmark", options).enable(_EXTENSIONS)
    parser.inline.ruler.before("escape", "math", _math)
    parser.core.ruler.push("tasks", _tasks)
    return parser


@cache
def _credulous_parser() -> MarkdownIt:
    options = {"html": True, "maxNesting": _NESTING_LIMIT}
    return _CredulousParser("commonmark", options).enable(_EXTENSIONS)


def _math(state: StateInline, silent: bool) -> bool:
    """A formula stays as it was typed: nothing in it is emphasis or an escape."""
    formula = _MATH.match(state.src, state.pos, state.posMax)
    if formula is None:
        return False
    if not silent:
        state.push("text", "", 0).content = formula.group()
    state.pos = formula.end()
    return True


def _tasks(state: StateCore) -> None:
    """The box of a task is a character of the item's text."""
    for opening, _, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if opening.type != "list_item_open" or not inline.children:
            continue
        first = inline.children[0]
        if task := _TASK.match(first.content if first.type == "text" else ""):
            first.content = BOXES[task[1].lower()] + first.content[task.end() :]


def parse(text: str) -> list[Token] | None:
    """The text's tokens, or None where it is better shown as it was typed.

    That is when it nests so deeply that the parser drops some of it, or has so many brackets that
    looking for links in it would take minutes.
    """
    if text.count("[") > _MOST_BRACKETS:
        return None
    tokens = _strict_parser().parse(text)
    return None if _nests_too_deep(tokens) else tokens


def inline_tokens(node: SyntaxTreeNode) -> list[Token]:
    """What the text of a paragraph, heading or cell is made of."""
    inlines = (child.token for child in node.children)
    return [token for inline in inlines if inline for token in inline.children or ()]


def image_text(token: Token) -> str:
    """What stands in an image's place: nothing is ever fetched or read."""
    return f"[{token.content or token.attrs.get('src', '')}]"


def is_harmless(text: str) -> bool:
    """Whether even a careless reader finds no HTML, no image and no unsafe link in the text."""
    tokens = _credulous_parser().parse(text)
    return not _nests_too_deep(tokens) and not any(map(_is_harmful, tokens))


def _nests_too_deep(tokens: list[Token]) -> bool:
    return any(token.level >= _NESTING_LIMIT - 1 for token in tokens)


def _is_harmful(token: Token) -> bool:
    if token.type in {"html_block", "html_inline", "image"}:
        return True
    if token.type == "link_open" and not is_safe_link(str(token.attrs.get("href", ""))):
        return True
    return any(map(_is_harmful, token.children or ()))
