"""What another process sees of the index."""

from pathlib import Path

from search_support.chat import ALICE
from search_support.waiting import until
from webox_search.errors import IndexUnavailableError
from webox_search.index.base import SearchQuery
from webox_search.index.embedded import EmbeddedIndex


class Reader:
    def __init__(self, folder: Path) -> None:
        self._index = EmbeddedIndex(folder)

    async def found(self, text: str, user_id: int = ALICE) -> list[int]:
        try:
            page = await self._index.search(SearchQuery(user_id, text))
        except IndexUnavailableError:
            return [-1]
        return [row.conversation_id for row in page.rows]

    async def finds(self, text: str, *conversations: int, user_id: int = ALICE) -> None:
        """Wait until exactly these are found."""
        await until(
            lambda: self.found(text, user_id), lambda found: set(found) == set(conversations)
        )

    async def documents(self) -> int:
        return (await self._index.health()).documents
