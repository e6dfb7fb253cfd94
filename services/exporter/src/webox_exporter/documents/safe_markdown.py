"""Markdown from people and providers, made safe to stand inside a document of ours.

The text stays Markdown. What changes: HTML becomes text, images become links (opening the
file asks no server for anything), links lead to http, https and mailto only, and a code
block left open is closed, so that it cannot swallow what follows. Whatever is still not
harmless after that is printed as it is, in a code block.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from markdown_it.token import Token

from webox_exporter.documents.parsing import is_harmless, is_safe_link, parse
from webox_exporter.documents.sanitize import plain_text

_TAG = re.compile("<[A-Za-z/!?]")
_INNER_FENCE = re.compile(r"^[ \t>*+.)\d-]+(?:```|~~~)", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,})([^`\n]*)$|^(~{3,})(.*)$", re.MULTILINE)
_TICKS = re.compile("`+")
_OPENING = re.compile(r"\\[\\`]|(`+)")
_CELL = re.compile(r"((?<!\\)\|)")
_RISKY = re.compile(
    r"(?P<escaped>\\.)"
    r"|(?P<autolink><(?:https?://|mailto:)[^\s<>]*>)"
    r"|(?P<html><(?=[A-Za-z/!?]))"
    r"|(?P<image>!(?=\[))"
    r"|(?P<link>\](?=\(\s*<?(?P<target>[^\s<>)]{0,12})))"
    r"|(?P<definition>^(?P<indent>[ >\t]*)\["
    r"(?=(?:[^\[\]\\]|\\.)*\]:\s*<?(?P<place>[^\s<>]{0,12})))",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def safe_markdown(text: str) -> str:
    """The same text, harmless: see the module's word on what changes."""
    text = plain_text(text).strip("\n")
    prose = _outside_fences(text)
    if prose is not None and not _is_suspect(prose):
        return text  # most messages: parsing them takes a hundred times as long
    escaped = _escaped(text)
    if escaped is not None and is_harmless(escaped):
        return escaped
    return _fenced(text)


def _is_suspect(prose: str) -> bool:
    """Whether there may be HTML, an image, a link or a code block inside of something."""
    return (
        any(mark in prose for mark in ("![", "](", "]:"))
        or ("<" in prose and _TAG.search(prose) is not None)
        or (_has_fence(prose) and _INNER_FENCE.search(prose) is not None)
    )


def _has_fence(text: str) -> bool:
    return "```" in text or "~~~" in text


def _outside_fences(text: str) -> str | None:
    """The text without the code blocks at its margin; None if the last of them is left open."""
    if not _has_fence(text):
        return text
    parts: list[str] = []
    position = 0
    opened = ""
    for line in _FENCE.finditer(text):
        marker, rest = line[1] or line[3], line[2] or line[4] or ""
        if not opened:
            parts.append(text[position : line.start()])
            opened = marker
        elif marker.startswith(opened) and not rest.strip():
            opened, position = "", line.end()
    return None if opened else "\n".join([*parts, text[position:]])


def _fenced(text: str) -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _escaped(text: str) -> str | None:
    tokens = parse(text)
    if tokens is None:
        return None
    lines = text.split("\n")
    stretches = [
        _ESCAPERS[kind]("\n".join(lines[first:last]))
        for first, last, kind in _stretches(tokens, len(lines))
        if first < last
    ]
    return "\n".join([*stretches, *_closing_fence(tokens, lines)])


def _stretches(tokens: list[Token], count: int) -> Iterator[tuple[int, int, str]]:
    """All lines in order, as ranges that hold code, one paragraph, a table row or the rest."""
    position = 0
    for token in tokens:
        kind = _KINDS.get(token.type)
        if kind is None or not token.map or token.map[0] < position:
            continue
        yield position, token.map[0], "rest"
        yield token.map[0], token.map[1], kind
        position = token.map[1]
    yield position, count, "rest"


def _escape_plain(text: str) -> str:
    return _RISKY.sub(_harmless, text)


def _escape_prose(text: str) -> str:
    """Escape everywhere but inside code spans."""
    parts: list[str] = []
    position = 0
    for start, end in _code_spans(text):
        parts += [_escape_plain(text[position:start]), text[start:end]]
        position = end
    return "".join([*parts, _escape_plain(text[position:])])


def _escape_row(text: str) -> str:
    """Escape cell by cell: a code span cannot reach over a cell's border."""
    return "".join(map(_escape_prose, _CELL.split(text)))


_KINDS = {"fence": "code", "code_block": "code", "tr_open": "row", "inline": "prose"}
_ESCAPERS: dict[str, Callable[[str], str]] = {
    "code": str,
    "row": _escape_row,
    "prose": _escape_prose,
    "rest": _escape_plain,
}


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where code spans stand: a run of back-ticks up to the next run of the same length."""
    runs: dict[int, list[int]] = {}
    for run in _TICKS.finditer(text):
        runs.setdefault(len(run.group()), []).append(run.start())
    position = 0
    while opening := _OPENING.search(text, position):
        position = opening.end()
        size = len(opening.group(1) or "")
        starts = runs.get(size, [])
        following = bisect_right(starts, opening.start())
        if size and following < len(starts):
            position = starts[following] + size
            yield opening.start(), position


def _harmless(match: re.Match[str]) -> str:
    found = match.group()
    if match["html"] or match["image"]:
        return "\\" + found
    if match["link"] and not is_safe_link(match["target"]):
        return "\\]"
    if match["definition"] is not None and not is_safe_link(match["place"]):
        return f"{match['indent']}\\["
    return found


def _closing_fence(tokens: list[Token], lines: list[str]) -> list[str]:
    """The fence that the last block forgot, if it did."""
    if not tokens or tokens[-1].type != "fence":
        return []
    first, last = tokens[-1].map or [0, 0]
    marker = tokens[-1].markup
    ending = lines[last - 1].strip()
    closed = last - first > 1 and set(ending) == {marker[0]} and len(ending) >= len(marker)
    return [] if closed else [marker]
