"""One query on a Meilisearch server: which documents match, then the texts to show."""

from collections.abc import Mapping, Sequence
from typing import Any

from meilisearch import Client

from webox_search.index import meilisearch_queries as queries
from webox_search.index import ranking
from webox_search.index.base import (
    FacetCounts,
    Kind,
    Page,
    SearchQuery,
    message_key,
    title_key,
)
from webox_search.index.facets import count
from webox_search.index.parsing import ParsedQuery
from webox_search.index.ranking import CANDIDATES_AT_MOST, Found, Group

_PAGE = 1000


class MeilisearchSearch:
    """The user's id is part of every request that is made here."""

    def __init__(self, client: Client, index: str, query: SearchQuery, parsed: ParsedQuery) -> None:
        self._client = client
        self._index = index
        self._query = query
        self._parsed = parsed
        self._user = queries.of_user(query.user_id)

    def page(self) -> Page:
        hits = self._hits()
        groups = ranking.group(map(queries.candidate, hits), tolerant=True)
        shown = ranking.shown(groups, self._query)
        titles, messages = self._texts(shown) if shown else ({}, {})
        # Typos are the engine's own ranking's matter: exact matches come first by it.
        return ranking.page_of(
            shown,
            titles,
            messages,
            total=ranking.Total(len(groups), is_exact=len(hits) < CANDIDATES_AT_MOST),
            tolerant=True,
            facets=self._facets(hits, groups),
        )

    def _facets(self, hits: Sequence[Mapping[str, Any]], groups: Sequence[Group]) -> FacetCounts:
        """Provider and role are those of messages that match, the others of any title."""
        if not self._query.facets or not groups:
            return {facet: [] for facet in self._query.facets}
        condition = queries.titles_of([each.conversation_id for each in groups])
        titles = _documents(
            self._client, self._index, [self._user, condition], queries.NAMES_FIELDS
        )
        messages = [hit for hit in hits if hit["message_id"]]
        return {
            facet: count(
                holding for hit in [*titles, *messages] for holding in queries.holdings(facet, hit)
            )
            for facet in self._query.facets
        }

    def _hits(self) -> list[dict[str, Any]]:
        filters = [self._user, *queries.message_filters(self._query.filters)]
        if self._query.filters.on_conversations:
            within = self._conversations()
            if not within:
                return []
            filters.append(queries.any_of("conversation_id", within))
        with_names = bool(self._query.facets)
        search = queries.candidates_search(self._parsed, filters, with_names=with_names)
        return self._search([search])[0]

    def _conversations(self) -> list[int]:
        """The conversations that the filters on conversations allow."""
        condition = [self._user, *queries.conversation_filters(self._query.filters)]
        return _values(self._client, self._index, condition, "conversation_id")

    def _texts(self, groups: Sequence[Group]) -> tuple[dict[int, Found], dict[int, Found]]:
        """Titles and messages to show, by conversation: plain ones first, marked over them."""
        keys = [title_key(each.conversation_id) for each in groups]
        keys += [message_key(each.best.message_id or 0) for each in groups if each.best]
        chosen = [self._user, queries.any_of("key", keys)]
        openings = [
            queries.plain_search(
                [self._user, queries.of_conversation(each.conversation_id), queries.of_messages()],
                limit=1,
            )
            for each in groups
            if each.best is None
        ]
        plain, marked, *opening = self._search(
            [
                queries.plain_search(chosen, len(keys)),
                queries.marked_search(self._parsed, chosen, len(keys)),
                *openings,
            ]
        )
        titles: dict[int, Found] = {}
        messages: dict[int, Found] = {}
        for hit in [*plain, *marked, *(hit for hits in opening for hit in hits)]:
            texts = messages if hit["message_id"] else titles
            texts[hit["conversation_id"]] = queries.found(hit)
        return titles, messages

    def _search(self, searches: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        """The hits of each search."""
        answer = self._client.multi_search(
            [{"indexUid": self._index, **search} for search in searches]
        )
        return [result["hits"] for result in answer["results"]]


def all_ids(client: Client, index: str, kind: Kind) -> set[int]:
    """Of all users."""
    if kind == "title":
        return set(_values(client, index, [queries.of_titles()], "conversation_id"))
    return set(_values(client, index, [queries.of_messages()], "message_id"))


def _values(client: Client, index: str, condition: list[str], field: str) -> list[int]:
    return [int(each[field]) for each in _documents(client, index, condition, [field])]


def _documents(
    client: Client, index: str, condition: list[str], fields: list[str]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = client.index(index).get_documents(
            {"filter": condition, "fields": fields, "offset": len(found), "limit": _PAGE}
        )
        found += [
            {field: getattr(document, field, None) for field in fields}
            for document in answer.results
        ]
        if len(answer.results) < _PAGE:
            return found
