"""Our documents and queries in Meilisearch's terms.

https://www.meilisearch.com/docs/reference/api/search and
https://www.meilisearch.com/docs/learn/filtering_and_sorting/filter_expression_reference
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webox_search.index.base import Document, Facet, Filters, Span
from webox_search.index.facets import Holding, flag
from webox_search.index.parsing import ParsedQuery, Term
from webox_search.index.plain import MARK_END, MARK_START, plain_text
from webox_search.index.ranking import CANDIDATES_AT_MOST, Candidate, Found
from webox_search.index.words import is_unspaced

SCHEMA_VERSION = 1
"""To be raised with every change of the settings or of a document's fields."""
TITLE = 0
"""The message id of a title."""
COMPLETE = {"key": "complete", "user_id": 0}
"""A document that belongs to nobody: an index without it was never built to its end."""

SETTINGS: dict[str, Any] = {
    "searchableAttributes": ["text"],
    "filterableAttributes": [
        "key",
        "user_id",
        "conversation_id",
        "message_id",
        "created_at",
        "role",
        "provider",
        "folder",
        "tags",
        "is_favorite",
        "archived",
    ],
    "sortableAttributes": ["message_id"],
    "rankingRules": [
        "words",
        "typo",
        "proximity",
        "attribute",
        "sort",
        "exactness",
        "created_at:desc",
    ],
    "typoTolerance": {"enabled": True, "minWordSizeForTypos": {"oneTypo": 5, "twoTypos": 9}},
    "pagination": {"maxTotalHits": CANDIDATES_AT_MOST},
}

_PLACES = ["conversation_id", "message_id", "created_at"]
NAMES_FIELDS = [*_PLACES, "names", "role", "is_favorite", "archived"]
_SCORE_STEPS = 100


def to_meilisearch(document: Document) -> dict[str, Any]:
    is_title = document.message_id is None
    return {
        "key": document.key,
        "user_id": document.user_id,
        "conversation_id": document.conversation_id,
        "message_id": document.message_id or TITLE,
        "created_at": int(document.created_at.timestamp()),
        "text": document.text if is_title else plain_text(document.text),
        "role": document.role,
        "provider": _name(document.provider),
        "folder": _name(document.folder),
        "tags": [_name(tag) for tag in document.tags],
        "is_favorite": document.is_favorite if is_title else None,
        "archived": document.archived if is_title else None,
        # As they are written, for facets.
        "names": {
            "folder": document.folder,
            "tags": list(document.tags),
            "provider": document.provider,
        },
    }


def query_text(parsed: ParsedQuery) -> str:
    """The query in the engine's own small syntax: quotes and minus signs, and only ours."""
    wanted = [_quoted(term) if _is_fixed(term) else " ".join(term.words) for term in parsed.wanted]
    unwanted = [f"-{_quoted(term)}" for term in parsed.unwanted]
    return " ".join([*unwanted, *wanted])


def candidates_search(
    parsed: ParsedQuery, filters: Sequence[str], *, with_names: bool
) -> dict[str, Any]:
    return {
        "q": query_text(parsed),
        "filter": list(filters),
        "limit": CANDIDATES_AT_MOST,
        "attributesToRetrieve": NAMES_FIELDS if with_names else _PLACES,
        "matchingStrategy": "all",
        "showRankingScore": True,
    }


def marked_search(parsed: ParsedQuery, filters: Sequence[str], limit: int) -> dict[str, Any]:
    """The matching ones of a few documents, with private-use marks around the matches."""
    return {
        "q": query_text(parsed),
        "filter": list(filters),
        "limit": limit,
        "matchingStrategy": "all",
        "attributesToHighlight": ["text"],
        "highlightPreTag": MARK_START,
        "highlightPostTag": MARK_END,
    }


def plain_search(filters: Sequence[str], limit: int) -> dict[str, Any]:
    return {"q": "", "filter": list(filters), "limit": limit, "sort": ["message_id:asc"]}


def of_user(user_id: int) -> str:
    return f"user_id = {user_id}"


def of_messages() -> str:
    return f"message_id != {TITLE}"


def of_titles() -> str:
    return f"message_id = {TITLE}"


def of_conversation(conversation_id: int) -> str:
    return f"conversation_id = {conversation_id}"


def any_of(field: str, values: Sequence[int] | Sequence[str]) -> str:
    listed = ", ".join(json.dumps(value) for value in values)
    return f"{field} IN [{listed}]"


def message_filters(filters: Filters) -> Iterator[str]:
    if filters.on_messages:
        yield of_messages()
    for name, value in (("role", filters.role), ("provider", filters.provider)):
        if value is not None:
            yield f"{name} = {_literal(value)}"
    if filters.created_from is not None:
        yield f"created_at >= {int(filters.created_from.timestamp())}"
    if filters.created_to is not None:
        yield f"created_at <= {int(filters.created_to.timestamp())}"


def conversation_filters(filters: Filters) -> Iterator[str]:
    """What the titles of the conversations have to fulfil."""
    yield f"message_id = {TITLE}"
    for name, value in (("folder", filters.folder), ("tags", filters.tag)):
        if value is not None:
            yield f"{name} = {_literal(value)}"
    for name, wanted in (("is_favorite", filters.favorite), ("archived", filters.archived)):
        if wanted is not None:
            yield f"{name} = {json.dumps(wanted)}"


def titles_of(conversations: Sequence[int]) -> str:
    return f"{of_titles()} AND {any_of('conversation_id', conversations)}"


def holdings(facet: Facet, hit: Mapping[str, Any]) -> Iterator[Holding]:
    """The values that a document has of a facet; none of what its kind has not.

    Documents that were indexed before there were facets have no names until a rebuild.
    """
    names = hit.get("names") or {}
    is_title = not hit["message_id"]
    values: Sequence[str | None] = {
        "folder": [names.get("folder")],
        "tag": names.get("tags") or [],
        "provider": [names.get("provider")],
        "role": [hit.get("role")],
        "favorite": [flag(hit.get("is_favorite"))] if is_title else [],
        "archived": [flag(hit.get("archived"))] if is_title else [],
    }[facet]
    yield from ((value, hit["conversation_id"]) for value in values if value is not None)


def candidate(hit: Mapping[str, Any]) -> Candidate:
    return Candidate(
        conversation_id=hit["conversation_id"],
        message_id=hit["message_id"] or None,
        created_at=hit["created_at"],
        score=hit["_rankingScore"] * _SCORE_STEPS,
    )


def found(hit: Mapping[str, Any]) -> Found:
    """A hit's text, with its matches where the search marked them."""
    text, spans = unmarked(hit.get("_formatted", hit)["text"])
    return Found(text, spans, hit["created_at"], hit["message_id"] or None)


def unmarked(text: str) -> tuple[str, tuple[Span, ...]]:
    """A text without its marks, and what stood between them."""
    plain: list[str] = []
    spans: list[Span] = []
    length = start = 0
    for piece in _pieces(text):
        if piece == MARK_START:
            start = length
        elif piece == MARK_END:
            spans.append((start, length))
        else:
            plain.append(piece)
            length += len(piece)
    return "".join(plain), tuple(_touching_joined(spans))


def _pieces(text: str) -> Iterator[str]:
    before, mark, after = text.partition(MARK_START)
    yield before
    while mark:
        yield mark
        mark = MARK_END if mark == MARK_START else MARK_START
        before, mark, after = after.partition(mark)
        yield before


def _touching_joined(spans: Sequence[Span]) -> Iterator[Span]:
    previous: Span | None = None
    for span in spans:
        if previous is not None and previous[1] == span[0]:
            previous = (previous[0], span[1])
            continue
        if previous is not None:
            yield previous
        previous = span
    if previous is not None:
        yield previous


def _is_fixed(term: Term) -> bool:
    """Words in one order: quoted ones, and those of a script without spaces."""
    return term.quoted or any(is_unspaced(word) for word in term.words)


def _quoted(term: Term) -> str:
    """The words between quotes; a space only between those of scripts that have spaces."""
    text = term.words[0]
    for before, word in zip(term.words, term.words[1:], strict=False):
        text += word if is_unspaced(before) and is_unspaced(word) else f" {word}"
    return f'"{text}"'


def _name(value: str | None) -> str | None:
    """Names are compared without regard to case, by every engine."""
    return None if value is None else value.casefold()


def _literal(value: str) -> str:
    escaped = value.casefold().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
