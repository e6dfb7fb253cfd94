"""Searching the current generation of the embedded index."""

import threading
from collections.abc import Sequence
from pathlib import Path

import tantivy
from tantivy import Query, Searcher

from webox_search.errors import IndexUnavailableError
from webox_search.index import ranking
from webox_search.index.base import (
    FacetCounts,
    Kind,
    Page,
    SearchQuery,
)
from webox_search.index.embedded_facets import conversations_of, count_facets
from webox_search.index.embedded_queries import (
    all_after,
    conversations_matching,
    full_score,
    matching,
    messages_of,
    titles_of,
)
from webox_search.index.generations import Generations, commit_of, version_of
from webox_search.index.highlights import Matcher
from webox_search.index.parsing import ParsedQuery, parse
from webox_search.index.ranking import (
    CANDIDATES_AT_MOST,
    EXACT_TOTAL_AT_MOST,
    Candidate,
    Found,
    Group,
    Total,
)

_FILTERED_CONVERSATIONS_AT_MOST = 100_000
_IDS_A_PAGE = 50_000
_WITHOUT_FORMS = 1
"""The schema version that knows of no other forms of a word, and of no names as written."""


class EmbeddedReader:
    """Follows the writer's commits, and the change of generations, at each search."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._lock = threading.Lock()
        self._index: tantivy.Index | None = None
        self._path: Path | None = None
        self._generation: object = None
        self._commit: object = None
        self._version = 0

    def search(self, query: SearchQuery) -> Page:
        parsed = parse(query.text)
        searcher, version = self._snapshot()
        if searcher is None or not parsed.wanted:
            return ranking.nothing(query.facets)
        if version == _WITHOUT_FORMS:
            if query.facets:
                raise IndexUnavailableError("The search index is being built anew.")
            parsed = parsed.without_forms()
        return _Search(searcher, query, parsed).page()

    def count(self) -> int:
        searcher, _ = self._snapshot()
        return searcher.num_docs if searcher else 0

    def ids(self, kind: Kind) -> set[int]:
        """Page by page: the engine gathers the best of a query in memory."""
        searcher, found, after = self._snapshot()[0], set[int](), 0
        field = "conversation_id" if kind == "title" else "message_id"
        while searcher is not None:
            hits = searcher.search(
                all_after(kind, after),
                _IDS_A_PAGE,
                count=False,
                order_by_field=field,
                order=tantivy.Order.Asc,
            ).hits
            if not hits:
                break
            page = searcher.fast_field_values(field, [address for _, address in hits])
            after = int(page[-1] or 0)
            found.update(int(each or 0) for each in page)
        return found

    def _snapshot(self) -> tuple[Searcher | None, int]:
        """The last commit, and its schema's version; None while there never was an index."""
        with self._lock:
            generation = self._generations.version_of_pointer
            if generation is None and self._generation is None:
                return None, 0
            if generation != self._generation or self._index is None:
                self._open(generation)
            self._follow()
            return self._index.searcher() if self._index else None, self._version

    def _open(self, generation: object) -> None:
        self._index = None
        path = self._generations.current()
        if path is None:
            raise IndexUnavailableError("The search index is being built anew.")
        self._index = tantivy.Index.open(str(path))
        # The engine's own watching lags by half a second.
        self._index.config_reader("manual")
        self._path = path
        self._generation = generation
        self._version = version_of(path)
        self._commit = None

    def _follow(self) -> None:
        commit = commit_of(self._path) if self._path else None
        if self._index is None or commit is None:
            self._index = None
            raise IndexUnavailableError("The search index is being built anew.")
        if commit != self._commit:
            self._index.reload()
            self._commit = commit


class _Search:
    """One query on one snapshot."""

    def __init__(self, searcher: Searcher, query: SearchQuery, parsed: ParsedQuery) -> None:
        self._searcher = searcher
        self._query = query
        self._parsed = parsed
        self._parsed_tolerant = parsed.tolerant()
        self._matchers = {
            tolerant: Matcher(self._chosen(tolerant), tolerant=tolerant)
            for tolerant in (False, True)
        }
        self._within = self._conversations()
        self._all = Query.empty_query()
        """What finds every matching document."""
        self._is_cut = False

    def page(self) -> Page:
        groups, tolerant = self._groups()
        shown = ranking.shown(groups, self._query)
        titles, messages = self._titles(shown), self._messages(shown)
        found = self._found_in(groups)
        is_exact = not self._is_cut or len(found) <= EXACT_TOTAL_AT_MOST
        return ranking.page_of(
            shown,
            titles,
            messages,
            total=Total(len(found), is_exact),
            tolerant=tolerant,
            facets=self._facets(found),
        )

    def _found_in(self, groups: Sequence[Group]) -> Sequence[int]:
        """The conversations that are counted, also beyond the documents that were looked at."""
        looked_at = [each.conversation_id for each in groups]
        if not self._is_cut:
            return looked_at
        matching = conversations_of(self._searcher, self._all, EXACT_TOTAL_AT_MOST + 1)
        return max(matching, looked_at, key=len)

    def _facets(self, found: Sequence[int]) -> FacetCounts:
        if not self._query.facets:
            return {}
        return count_facets(
            self._searcher, self._query.facets, self._all, self._query.user_id, found
        )

    def _conversations(self) -> list[int] | None:
        """The conversations that the filters on conversations allow; None is all."""
        if not self._query.filters.on_conversations:
            return None
        titles = conversations_matching(self._query.user_id, self._query.filters)
        hits = self._searcher.search(titles, _FILTERED_CONVERSATIONS_AT_MOST, count=False).hits
        return self._values("conversation_id", [address for _, address in hits])

    def _groups(self) -> tuple[list[Group], bool]:
        exact = ranking.group(self._candidates(tolerant=False), tolerant=False)
        wanted = self._query.tolerant
        if wanted is None:
            wanted = len(exact) < self._query.offset + self._query.limit
        if not wanted or not self._parsed.has_tolerance:
            return exact, wanted
        more = ranking.group(self._candidates(tolerant=True), tolerant=True)
        return ranking.merge(exact, more), wanted

    def _candidates(self, *, tolerant: bool) -> list[Candidate]:
        parsed = self._chosen(tolerant)
        query = matching(parsed, self._query, self._within, tolerant=tolerant)
        hits = self._searcher.search(query, CANDIDATES_AT_MOST, count=False).hits
        # With tolerance everything is found that is without.
        self._all, self._is_cut = query, len(hits) == CANDIDATES_AT_MOST
        addresses = [address for _, address in hits]
        full = full_score(parsed)
        columns = zip(
            self._values("conversation_id", addresses),
            self._values("message_id", addresses),
            self._values("created_at", addresses),
            hits,
            strict=True,
        )
        return [
            Candidate(
                conversation_id,
                message_id or None,
                created_at,
                score - full if score >= full else score,
                score >= full,
                address,
            )
            for conversation_id, message_id, created_at, (score, address) in columns
        ]

    def _chosen(self, tolerant: bool) -> ParsedQuery:
        return self._parsed_tolerant if tolerant else self._parsed

    def _values(self, field: str, addresses: list[tantivy.DocAddress]) -> list[int]:
        return [int(value or 0) for value in self._searcher.fast_field_values(field, addresses)]

    def _titles(self, groups: Sequence[Group]) -> dict[int, Found]:
        by_id = {each.conversation_id: each for each in groups}
        query = titles_of(self._query.user_id, list(by_id))
        hits = self._searcher.search(query, len(by_id), count=False).hits if by_id else []
        addresses = [address for _, address in hits]
        columns = zip(
            self._values("conversation_id", addresses),
            self._values("created_at", addresses),
            addresses,
            strict=True,
        )
        return {
            conversation_id: self._found(
                by_id[conversation_id], Candidate(conversation_id, None, created_at, place=address)
            )
            for conversation_id, created_at, address in columns
        }

    def _messages(self, groups: Sequence[Group]) -> dict[int, Found]:
        """Of each conversation the best that matches, or its first where none does."""
        best = ((each, each.best or self._opening(each.conversation_id)) for each in groups)
        return {
            group.conversation_id: self._found(group, message)
            for group, message in best
            if message is not None
        }

    def _opening(self, conversation_id: int) -> Candidate | None:
        """The conversation's first message, if it has any."""
        query = messages_of(self._query.user_id, conversation_id)
        hits = self._searcher.search(
            query, 1, count=False, order_by_field="message_id", order=tantivy.Order.Asc
        ).hits
        if not hits:
            return None
        _, address = hits[0]
        (message_id,) = self._values("message_id", [address])
        (created_at,) = self._values("created_at", [address])
        return Candidate(conversation_id, message_id, created_at, place=address)

    def _found(self, group: Group, candidate: Candidate) -> Found:
        text = bytes(self._searcher.doc(candidate.place)["text"][0]).decode()
        spans = self._matchers[group.tolerant].spans(text)
        return Found(text, spans, candidate.created_at, candidate.message_id)
