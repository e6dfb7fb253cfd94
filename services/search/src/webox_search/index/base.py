"""What an index takes and answers, whichever engine keeps it.

No score, filter string, task id or query syntax of an engine passes through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Kind = Literal["title", "message"]
Role = Literal["user", "assistant"]
Facet = Literal["folder", "tag", "provider", "role", "favorite", "archived"]
FacetCounts = Mapping[Facet, Sequence[tuple[str, int]]]
"""For each facet that was asked for its values, as written, and how many conversations have each:
the most frequent first, at most 100."""
Span = tuple[int, int]
"""Start and end of a highlight, in code points, the end exclusive."""


@dataclass(frozen=True, slots=True)
class Document:
    """A conversation's title, with what the conversation is filtered by, or one message.

    `text` is what is searched: the title as it is, or a message's markdown.
    """

    kind: Kind
    user_id: int
    conversation_id: int
    created_at: datetime
    text: str
    version: int
    message_id: int | None = None
    role: Role | None = None
    provider: str | None = None
    folder: str | None = None
    tags: tuple[str, ...] = ()
    is_favorite: bool = False
    archived: bool = False

    @property
    def key(self) -> str:
        """The document's identity: another one with the same key replaces it."""
        if self.message_id is None:
            return title_key(self.conversation_id)
        return message_key(self.message_id)


def title_key(conversation_id: int) -> str:
    return f"title-{conversation_id}"


def message_key(message_id: int) -> str:
    return f"message-{message_id}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Limits to what is searched; None does not limit. Both ends of the dates are inclusive."""

    folder: str | None = None
    tag: str | None = None
    favorite: bool | None = None
    archived: bool | None = None
    provider: str | None = None
    role: Role | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    @property
    def on_conversations(self) -> bool:
        return any(
            value is not None for value in (self.folder, self.tag, self.favorite, self.archived)
        )

    @property
    def on_messages(self) -> bool:
        """Whether only messages can match: a title has no provider, role or date of its own."""
        return any(
            value is not None
            for value in (self.provider, self.role, self.created_from, self.created_to)
        )


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What one user looks for. `text` is plain words: quotes and minus words are ours to read.

    `tolerant` None lets the index forgive typos only when exact matches do not fill the page;
    a later page repeats what the first one decided.
    """

    user_id: int
    text: str
    filters: Filters = field(default_factory=Filters)
    offset: int = 0
    limit: int = 10
    tolerant: bool | None = None
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation, its best message shown.

    Where the title alone matches, its opening message is shown, and `message_id` is None only
    for a conversation that has none. `more_matches` counts the further matching messages.
    """

    conversation_id: int
    title: str
    title_highlights: tuple[Span, ...]
    snippet: str
    snippet_highlights: tuple[Span, ...]
    message_id: int | None
    created_at: datetime
    more_matches: int


@dataclass(frozen=True, slots=True)
class Page:
    """`total` counts conversations, exactly where `total_is_exact`.

    Embedded that is up to 1,000 at least; with Meilisearch while 10,000 documents match at most.

    `tolerant` says what was decided. `facets` count the conversations of `total`: by the folder,
    tags, favorite and archived of each, by provider and role of its matching messages.
    """

    rows: tuple[Row, ...]
    total: int
    tolerant: bool
    total_is_exact: bool = True
    facets: FacetCounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """`ready` is false until the first build is done; `documents` counts titles and messages."""

    engine: str
    ready: bool
    documents: int
    size_bytes: int


class Rebuild(Protocol):
    """An index being built beside the one that is searched; nobody sees it until `finish`.

    Changes made to the `SearchIndex` meanwhile reach it too.
    """

    async def upsert(self, documents: Sequence[Document]) -> None:
        """Add documents, each once; what changed meanwhile is replaced all the same."""
        ...

    async def finish(self) -> None:
        """Commit it and swap it in; the old index is removed."""
        ...

    async def abandon(self) -> None: ...


class SearchIndex(Protocol):
    """An engine. One process writes; any number search.

    Changes are taken in the order of the calls and become visible, and durable, with `commit`.
    Every method raises `IndexUnavailableError` when the engine is out of reach, and those that
    write `IndexLostError` when there is no index and none being built.
    """

    async def ensure(self) -> bool:
        """Open the index for writing; False when it is missing or of another schema version."""
        ...

    async def upsert(self, documents: Sequence[Document]) -> None:
        """Add documents, or replace those of the same key."""
        ...

    async def delete_documents(self, keys: Sequence[str]) -> None: ...

    async def delete_conversation(self, conversation_id: int) -> None: ...

    async def delete_user(self, user_id: int) -> None: ...

    async def commit(self) -> None:
        """Make every change so far visible and durable, or raise."""
        ...

    async def begin_rebuild(self) -> Rebuild:
        """Start an empty index; one that was begun before and not finished is abandoned."""
        ...

    async def search(self, query: SearchQuery) -> Page:
        """A page of rows, best first; an empty one while there never was an index."""
        ...

    async def ids(self, kind: Kind) -> set[int]:
        """Those of the conversations with a title in the index, or of all its messages."""
        ...

    async def health(self) -> Health: ...

    async def close(self) -> None: ...
