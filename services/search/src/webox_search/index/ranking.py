"""From matching documents to rows: one a conversation, titles above messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from webox_search.index.base import Facet, FacetCounts, Page, Row, SearchQuery, Span
from webox_search.index.snippets import cut_snippet

CANDIDATES_AT_MOST = 10_000
"""So many best matching documents are looked at for the rows of a page."""

EXACT_TOTAL_AT_MOST = 1_000

Worth = tuple[bool, float]


class Candidate(NamedTuple):
    """A document that matches. `message_id` is None for a title, `created_at` in epoch seconds.

    `as_typed`: it has every word so, none only in another form. `place`: where the engine has it,
    in the engine's terms.
    """

    conversation_id: int
    message_id: int | None
    created_at: int
    score: float = 0.0
    as_typed: bool = True
    place: Any = None


@dataclass(slots=True)
class Group:
    """What matches in one conversation, with its best message; `tolerant`: only with typos."""

    conversation_id: int
    tolerant: bool = False
    title: Candidate | None = None
    best: Candidate | None = None
    messages: int = 0
    newest: int = 0
    _best_order: tuple[Worth, int, int] = ((False, -1.0), 0, 0)

    def add(self, candidate: Candidate) -> None:
        self.newest = max(self.newest, candidate.created_at)
        if candidate.message_id is None:
            self.title = candidate
            return
        self.messages += 1
        order = (_worth(candidate), candidate.created_at, candidate.message_id)
        if self.best is None or order > self._best_order:
            self.best, self._best_order = candidate, order

    @property
    def order(self) -> tuple[bool, Worth, Worth, int, int]:
        title, message = _worth(self.title), _worth(self.best)
        as_typed = title[0] or message[0]
        return as_typed, title, message, self.newest, self.conversation_id


@dataclass(frozen=True, slots=True)
class Found:
    """A stored text with the places where the query matches it."""

    text: str
    spans: tuple[Span, ...]
    created_at: int
    message_id: int | None = None


class Total(NamedTuple):
    conversations: int
    is_exact: bool


def group(candidates: Iterable[Candidate], *, tolerant: bool) -> list[Group]:
    """The conversations, best first: those whose title matches, then by their best message.

    What matches as typed comes before other forms of words; of equals the more recent first.
    """
    groups: dict[int, Group] = {}
    for candidate in candidates:
        found = groups.get(candidate.conversation_id)
        if found is None:
            found = groups[candidate.conversation_id] = Group(candidate.conversation_id, tolerant)
        found.add(candidate)
    return sorted(groups.values(), key=lambda each: each.order, reverse=True)


def merge(exact: Sequence[Group], tolerant: Sequence[Group]) -> list[Group]:
    """Exact matches first, then what only forgiving typos finds."""
    known = {each.conversation_id for each in exact}
    return [*exact, *(each for each in tolerant if each.conversation_id not in known)]


def shown(groups: Sequence[Group], query: SearchQuery) -> Sequence[Group]:
    return groups[query.offset : query.offset + query.limit]


def page_of(
    groups: Sequence[Group],
    titles: Mapping[int, Found],
    messages: Mapping[int, Found],
    *,
    total: Total,
    tolerant: bool,
    facets: FacetCounts,
) -> Page:
    """The page that shows `groups`; titles and messages are by conversation id."""
    rows = (
        _row(each, titles.get(each.conversation_id), messages.get(each.conversation_id))
        for each in groups
    )
    return Page(tuple(rows), total.conversations, tolerant, total.is_exact, facets)


def nothing(facets: Sequence[Facet]) -> Page:
    return Page(rows=(), total=0, tolerant=False, facets={facet: [] for facet in facets})


def _row(group_: Group, title: Found | None, message: Found | None) -> Row:
    """`message` is the best one, or the conversation's opening where only its title matches."""
    snippet, highlights = cut_snippet(message.text, message.spans) if message else ("", ())
    matching_shown = 1 if group_.best else 0
    created_at = message.created_at if message else group_.newest
    return Row(
        conversation_id=group_.conversation_id,
        title=title.text if title else "",
        title_highlights=title.spans if title else (),
        snippet=snippet,
        snippet_highlights=highlights,
        message_id=message.message_id if message else None,
        created_at=datetime.fromtimestamp(created_at, UTC),
        more_matches=group_.messages - matching_shown,
    )


def _worth(candidate: Candidate | None) -> Worth:
    """Scores that differ in the second decimal only are equal: recency decides."""
    return (candidate.as_typed, round(candidate.score, 1)) if candidate else (False, -1.0)
