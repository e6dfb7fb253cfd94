"""Asking the search service which conversations match."""

from collections.abc import AsyncIterator

from webox_exporter.schemas import ExportFilter
from webox_kit.internal_http import InternalClient

_MATCHES_A_PAGE = 50


class SearchReader:
    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def matching(self, user_id: int, wanted: ExportFilter) -> AsyncIterator[int]:
        """The ids of all the user's conversations that search finds, best first.

        Raises:
            UnavailableError: search is away.
        """
        cursor: dict[str, str] = {}
        while True:
            page = await self._client.get(
                f"/internal/users/{user_id}/matches",
                limit=_MATCHES_A_PAGE,
                **wanted.as_query(),
                **cursor,
            )
            for conversation_id in page["conversation_ids"]:
                yield conversation_id
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}
