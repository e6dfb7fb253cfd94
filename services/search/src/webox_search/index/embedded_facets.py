"""Facets of the embedded index, counted by the engine's aggregations."""

from collections.abc import Iterator, Sequence
from typing import Any

from tantivy import Query, Searcher

from webox_search.index.base import Facet, FacetCounts
from webox_search.index.embedded_queries import only_messages, titles_of
from webox_search.index.facets import Holding, count, flag

_OF_MESSAGES = frozenset({"provider", "role"})
_FIELDS = {
    "folder": "folder_name",
    "tag": "tag_name",
    "provider": "provider_name",
    "role": "role_name",
    "favorite": "is_favorite",
    "archived": "archived",
}
_FLAGS = frozenset({"favorite", "archived"})
_VALUES, _CONVERSATIONS = 1_000, 10_000


def count_facets(
    searcher: Searcher,
    facets: Sequence[Facet],
    matching: Query,
    user_id: int,
    conversations: Sequence[int],
) -> FacetCounts:
    """Of these conversations of the user's, whose matching messages are what `matching` finds."""
    titles = titles_of(user_id, conversations)
    messages = only_messages(matching)
    return {
        facet: count(_holdings(searcher, facet, messages if facet in _OF_MESSAGES else titles))
        for facet in facets
    }


def conversations_of(searcher: Searcher, matching: Query, at_most: int) -> list[int]:
    """The conversations that the documents which `matching` finds belong to."""
    buckets = _buckets(searcher, matching, _terms("conversation_id", at_most))
    return [int(each["key"]) for each in buckets]


def _holdings(searcher: Searcher, facet: Facet, query: Query) -> Iterator[Holding]:
    by_value = _terms(_FIELDS[facet], _VALUES)
    by_value["aggs"] = {"each": _terms("conversation_id", _CONVERSATIONS)}
    for bucket in _buckets(searcher, query, by_value):
        value = flag(bucket["key"]) if facet in _FLAGS else str(bucket["key"])
        for each in bucket["each"]["buckets"]:
            yield value, int(each["key"])


def _terms(field: str, size: int) -> dict[str, Any]:
    return {"terms": {"field": field, "size": size}}


def _buckets(searcher: Searcher, query: Query, aggregation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = searcher.aggregate(query, {"each": aggregation})["each"][
        "buckets"
    ]
    return found
