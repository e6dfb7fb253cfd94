# ruff: noqa: ARG002 - the rules of a renderer all have one signature
"""Markdown from people and providers as HTML: the one function that does it.

HTML in the text becomes text, images become links (opening the file asks no server for
anything), links lead to http, https and mailto only, and no attribute holds anything of the
text's but those links.
"""

from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter

from webox_exporter.documents.highlighting import lexer_for
from webox_exporter.documents.parsing import image_text, is_safe_link, parse
from webox_exporter.documents.sanitize import plain_text

CODE_CLASS = "code"
_HIGHEST_HEADING = 4
"""Of a message: a document's own headings stand above it."""
_ALIGNMENTS = {"text-align:left": "l", "text-align:center": "c", "text-align:right": "r"}

_OPTIONS = MarkdownIt("commonmark", {"breaks": True, "xhtmlOut": False}).options
Environment = MutableMapping[str, Any]


def safe_html(text: str) -> str:
    """The text's Markdown as HTML blocks, harmless: see the module's word on what changes."""
    text = plain_text(text)
    tokens = parse(text)
    if tokens is None:  # what Markdown cannot say safely comes out as it was typed
        return f'<pre class="{CODE_CLASS}">{escape(text)}</pre>\n'
    return _renderer().render(tokens, _OPTIONS, {})


@cache
def _renderer() -> "_Renderer":
    return _Renderer()


@cache
def _formatter() -> "HtmlFormatter[str]":
    return HtmlFormatter(nowrap=True)


class _Renderer(RendererHTML):
    """Markdown-it's own, which escapes all text, but for the rules below."""

    def image(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        source = str(tokens[idx].attrs.get("src", ""))
        described = escape(image_text(tokens[idx]))
        return f"{_anchor(source)}{described}</a>" if is_safe_link(source) else described

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return _anchor(str(tokens[idx].attrs.get("href", "")))

    def fence(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        source = tokens[idx].content.rstrip("\n")
        lexer = lexer_for(source, tokens[idx].info)
        code = highlight(source, lexer, _formatter()) if lexer else escape(source)
        return f'<pre class="{CODE_CLASS}"><code>{code}</code></pre>\n'

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return self.fence(tokens, idx, options, env)

    def bullet_list_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        tokens[idx].attrSet("dir", "auto")  # marks stand where its script begins a line
        return self.renderToken(tokens, idx, options, env)

    ordered_list_open = bullet_list_open
    blockquote_open = bullet_list_open
    table_open = bullet_list_open

    def heading_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return f"<h{_level(tokens[idx])}>"

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return f"</h{_level(tokens[idx])}>\n"

    def th_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return _cell(tokens[idx])

    def td_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Environment
    ) -> str:
        return self.th_open(tokens, idx, options, env)


def _anchor(target: str) -> str:
    """An open link. Whoever calls has seen that it is safe: the parser leaves others as text."""
    return f'<a href="{escape(target)}" rel="noopener noreferrer nofollow">'


def _level(heading: Token) -> int:
    return min(int(heading.tag[1]) + _HIGHEST_HEADING - 1, 6)


def _cell(token: Token) -> str:
    """Alignment as a class: the page's policy lets no style attribute through."""
    alignment = _ALIGNMENTS.get(str(token.attrs.get("style", "")))
    return f'<{token.tag} class="{alignment}">' if alignment else f"<{token.tag}>"


def code_css(scheme: str) -> str:
    """Pygments' rules for one of its styles, e.g. `default`."""
    formatter: Any = HtmlFormatter(style=scheme)
    rules: str = formatter.get_style_defs(f".{CODE_CLASS}")
    return rules
