"""One HTML file that stands alone: no script, nothing fetched, light and dark, made to print."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib import resources
from typing import BinaryIO

from webox_exporter.documents import colours
from webox_exporter.documents.labels import (
    details_of,
    facts_of,
    figures_of,
    speaker_of,
    title_of,
)
from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.safe_html import code_css, safe_html
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.turns import Turn, turns
from webox_exporter.documents.words import Words


def render(
    conversation: Conversation, messages: Iterable[Message], words: Words, out: BinaryIO
) -> int:
    """Write the conversation as one page; returns how many messages were written."""
    out.write(_head(conversation, words).encode())
    written = 0
    for turn in turns(messages):
        out.writelines(part.encode() for part in _turn(turn, words))
        written += len(turn.answers) + (turn.question is not None)
    out.write(b"</main>\n</body>\n</html>\n")
    return written


def _head(conversation: Conversation, words: Words) -> str:
    title = _text(title_of(conversation, words))
    facts = "".join(
        f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>"
        for label, value in facts_of(conversation, words)
    )
    return (
        f'<!doctype html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_css()}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{title}</h1>\n<dl class="facts">{facts}</dl>\n</header>\n<main>\n'
    )


def _turn(turn: Turn, words: Words) -> Iterator[str]:
    yield '<section class="turn">\n'
    if turn.question is not None:
        yield _message(turn.question, words, "question")
    if turn.answers:
        yield f'<div class="answers n{len(turn.answers)}">\n'
        for answer in turn.answers:
            yield _message(answer, words, "answer")
        yield "</div>\n"
    yield "</section>\n"


def _message(message: Message, words: Words, kind: str) -> str:
    speaker = speaker_of(message, words)
    accent = colours.accent_of(speaker) if kind == "answer" else colours.USER
    figures = " · ".join(figures_of(message, words))
    foot = f'<p class="figures">{_text(figures)}</p>\n' if figures else ""
    return (
        f'<article class="message {kind} {_class(accent)}" id="m{message.id}">\n'
        f'<h2 class="head"><bdi class="who">{_text(speaker)}</bdi> '
        f'<bdi class="details">{_text(details_of(message, words))}</bdi></h2>\n'
        f'<div class="text">\n{safe_html(message.content)}</div>\n{foot}</article>\n'
    )


def _text(text: str) -> str:
    return escape(plain_text(text))


def _class(accent: str) -> str:
    return f"a{accent[1:]}"


@cache
def _css() -> str:
    page = (resources.files(__package__) / "page.css").read_text()
    accents = "".join(
        f".{_class(code)} {{ --base: {code}; --accent: {code}; }}\n" for code in colours.ALL
    )
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{code_css('github-dark')}\n}}\n"
    return f"\n{code_css('default')}\n{dark}{accents}{page}"


@cache
def _policy() -> str:
    """Nothing but the page's own style, told by its hash, has any effect."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
