"""What clients of search send and see."""

from datetime import date, datetime, time
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from webox_kit.text import Cleaned
from webox_kit.times import Moment
from webox_search.index.base import Facet

QUERY_CHARACTERS = 512
DEFAULT_LIMIT, MAX_LIMIT = 10, 50
MAX_SKIP = 10_000
FACETS: tuple[Facet, ...] = get_args(Facet)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("say what to look for")
    return text


def _beginning_of_day(value: object) -> object:
    return _of_day(value, time.min)


def _end_of_day(value: object) -> object:
    return _of_day(value, time.max)


def _of_day(value: object, moment: time) -> object:
    """A day without a time becomes that moment of it; anything else is left to be judged."""
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        return value
    return datetime.combine(day, moment)


def _known_facets(text: str) -> str:
    for name in text.split(","):
        if name not in FACETS:
            raise ValueError(f"there is no facet {name!r}; there are {', '.join(FACETS)}")
    return text


From = Annotated[datetime, BeforeValidator(_beginning_of_day)]
To = Annotated[datetime, BeforeValidator(_end_of_day)]


class SearchParameters(BaseModel):
    """The query string. Another parameter is refused: ignoring a filter would mislead.

    Dates, and times without a zone, are in the user's time zone.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    q: Annotated[
        str, Field(min_length=1, max_length=QUERY_CHARACTERS), AfterValidator(_not_blank), Cleaned
    ] = Field(description='What to look for; `"a phrase"` and `-unwanted` are understood.')
    folder: Annotated[str, Field(max_length=100), Cleaned] | None = None
    tag: Annotated[str, Field(max_length=50), Cleaned] | None = None
    provider: Annotated[str, Field(max_length=40), Cleaned] | None = None
    role: Literal["user", "assistant"] | None = None
    favorite: bool | None = None
    archived: bool | None = None
    created_from: From | None = Field(
        default=None, alias="from", description="A date, or a date and time; inclusive."
    )
    created_to: To | None = Field(
        default=None, alias="to", description="A date (all of that day), or a date and time."
    )
    facets: Annotated[str, Field(max_length=200), AfterValidator(_known_facets)] | None = Field(
        default=None,
        description=f"Which counts to give, with commas between: {', '.join(FACETS)}.",
        examples=["folder,tag"],
    )
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(
        default=None, max_length=1024, description="`next_cursor` of the page before."
    )
    skip: int | None = Field(
        default=None, ge=0, le=MAX_SKIP, description="A plain offset, instead of `cursor`."
    )


class Highlights(BaseModel):
    """Starts and ends of what matches, in code points, the ends exclusive."""

    title: list[tuple[int, int]]
    snippet: list[tuple[int, int]]


class SearchResult(BaseModel):
    """One conversation, its best message shown.

    `date` is that message's, for people: in the time zone of the user's settings, else UTC.
    """

    conversation_id: int
    title: str
    snippet: str
    date: str = Field(examples=["24/11/2025 14:30"])
    message_id: int | None
    more_matches: int
    created_at: Moment
    highlights: Highlights


class FacetValue(BaseModel):
    """How many of the conversations found have this value; flags are `true` and `false`."""

    value: str
    count: int


class SearchAnswer(BaseModel):
    """`total` counts conversations, exactly where `total_is_exact`, as up to 1,000 when embedded.

    `facets` has those that were asked for, each with at most 100 values, the most frequent first.
    They count the conversations of `total`, by the folder, tags, favorite and archived of each, by
    provider and role of its matching messages.
    """

    results: list[SearchResult]
    total: int
    total_is_exact: bool
    facets: dict[Facet, list[FacetValue]]
    took_ms: int
    next_cursor: str | None
