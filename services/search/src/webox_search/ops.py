"""What search's operations page shows: the index, how fresh it is, and the streams."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from webox_kit.ops import OpsSection, OpsSource, stream_section
from webox_kit.runtime import Runtime
from webox_search import repository
from webox_search.consumers import STREAMS
from webox_search.errors import IndexUnavailableError
from webox_search.index.base import Health, SearchIndex
from webox_search.lag import LagWatch, milliseconds
from webox_search.settings import SearchSettings

_ALARMING_LAG = timedelta(seconds=10)
_MEGABYTE = 1_000_000


def sources(
    runtime: Runtime[SearchSettings], index: SearchIndex, lag: LagWatch
) -> Sequence[OpsSource]:
    async def documents() -> OpsSection:
        try:
            return _index_section(await index.health())
        except IndexUnavailableError as error:
            return OpsSection("Index", [("State", "away")], alarms=[error.detail])

    async def freshness() -> OpsSection:
        async with runtime.database.transaction() as session:
            return _freshness_section(await repository.state(session), lag.lag)

    async def streams() -> OpsSection:
        return await stream_section(runtime.redis, runtime.name, STREAMS)

    return [documents, freshness, streams]


def _index_section(health: Health) -> OpsSection:
    return OpsSection(
        "Index",
        [
            ("Engine", health.engine),
            ("State", "serving" if health.ready else "not built yet"),
            ("Titles and messages", health.documents),
            ("Size", f"{health.size_bytes / _MEGABYTE:.1f} MB"),
        ],
        alarms=[] if health.ready else ["There is no index yet: is `webox-search events` up?"],
    )


def _freshness_section(state: repository.IndexState, lag: timedelta | None) -> OpsSection:
    is_late = lag is not None and lag > _ALARMING_LAG
    return OpsSection(
        "Freshness",
        [
            ("Lag now", "not known" if lag is None else f"{milliseconds(lag)} ms"),
            ("Last change indexed", _moment(state.indexed_at)),
            ("It had happened before that", f"{state.lag_ms or 0} ms"),
            ("Last rebuilt", _moment(state.rebuilt_at)),
            ("Rebuild", "asked for" if state.rebuild_is_due else "-"),
        ],
        alarms=["Changes take over 10 s to be found."] if is_late else [],
    )


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"
