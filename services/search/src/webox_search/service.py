"""Searching, for one user."""

import time
from datetime import datetime, tzinfo

from webox_kit.errors import BadRequestError
from webox_kit.pagination import decode_cursor, encode_cursor, reject_both
from webox_search.index.base import Facet, Filters, Page, Row, SearchIndex, SearchQuery
from webox_search.schemas import (
    FACETS,
    FacetValue,
    Highlights,
    SearchAnswer,
    SearchParameters,
    SearchResult,
)

_SCOPE = "search"
_PAGING = {"limit", "cursor", "skip", "facets"}
_DATE = "%d/%m/%Y %H:%M"


class SearchService:
    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def find(self, user_id: int, parameters: SearchParameters, zone: tzinfo) -> SearchAnswer:
        """The user's conversations that match, best first; dates are those of `zone`.

        Raises:
            BadRequestError: the cursor is another search's, or `from` lies after `to`.
            UnavailableError: the engine is away.
        """
        started = time.perf_counter()
        query = _query(user_id, parameters, zone)
        page = await self._index.search(query)
        return SearchAnswer(
            results=[_result(row, zone) for row in page.rows],
            total=page.total,
            total_is_exact=page.total_is_exact,
            facets=_facets(page),
            took_ms=round((time.perf_counter() - started) * 1000),
            next_cursor=_next_cursor(parameters, query, page),
        )


def _query(user_id: int, parameters: SearchParameters, zone: tzinfo) -> SearchQuery:
    reject_both(parameters.cursor, parameters.skip)
    offset, tolerant = parameters.skip or 0, None
    if parameters.cursor is not None:
        # The first page decided on typos, so that the pages are pages of one list.
        offset, tolerant = decode_cursor(
            _SCOPE, _bound(user_id, parameters), parameters.cursor, size=2
        )
    created_from, created_to = _range(parameters, zone)
    return SearchQuery(
        user_id=user_id,
        text=parameters.q,
        filters=Filters(
            folder=parameters.folder,
            tag=parameters.tag,
            favorite=parameters.favorite,
            archived=parameters.archived,
            provider=parameters.provider,
            role=parameters.role,
            created_from=created_from,
            created_to=created_to,
        ),
        offset=offset,
        limit=parameters.limit,
        tolerant=tolerant,
        facets=_asked(parameters),
    )


def _asked(parameters: SearchParameters) -> tuple[Facet, ...]:
    asked = parameters.facets.split(",") if parameters.facets else []
    return tuple(facet for facet in FACETS if facet in asked)


def _facets(page: Page) -> dict[Facet, list[FacetValue]]:
    return {
        facet: [FacetValue(value=value, count=count) for value, count in counts]
        for facet, counts in page.facets.items()
    }


def _range(parameters: SearchParameters, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """From and to; what was given without a zone is meant in the user's."""
    begin, end = (
        moment.replace(tzinfo=zone) if moment and moment.tzinfo is None else moment
        for moment in (parameters.created_from, parameters.created_to)
    )
    if begin and end and begin > end:
        detail = "`from` lies after `to`"
        raise BadRequestError(f"{detail}.", errors=[{"pointer": "#/from", "detail": detail}])
    return begin, end


def _next_cursor(parameters: SearchParameters, query: SearchQuery, page: Page) -> str | None:
    shown = query.offset + len(page.rows)
    if not page.rows or shown >= page.total:
        return None
    return encode_cursor(_SCOPE, _bound(query.user_id, parameters), [shown, page.tolerant])


def _bound(user_id: int, parameters: SearchParameters) -> dict[str, object]:
    """What a cursor belongs to: the same search of the same user."""
    return {**parameters.model_dump(exclude=_PAGING), "user_id": user_id}


def _result(row: Row, zone: tzinfo) -> SearchResult:
    return SearchResult(
        conversation_id=row.conversation_id,
        title=row.title,
        snippet=row.snippet,
        date=row.created_at.astimezone(zone).strftime(_DATE),
        message_id=row.message_id,
        more_matches=row.more_matches,
        created_at=row.created_at,
        highlights=Highlights(
            title=list(row.title_highlights), snippet=list(row.snippet_highlights)
        ),
    )
