"""A service's operations page: how it is doing, on one screen."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module, resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webox_kit import clock
from webox_kit.database import Database
from webox_kit.event_tables import outbox, relay_state
from webox_kit.letters import count_letters
from webox_kit.request_stats import RequestStats
from webox_kit.streams import stream_key

_MOST_COUNTED = 10_000


@dataclass(frozen=True)
class OpsSection:
    """A table of the page: a title, rows of a label and a value, and what is wrong, if any."""

    title: str
    rows: Sequence[tuple[str, object]]
    alarms: Sequence[str] = field(default=())


OpsSource = Callable[[], Awaitable[OpsSection]]


def requests_section(stats: RequestStats) -> OpsSection:
    return OpsSection(
        "Requests",
        [
            ("Up since", f"{stats.started_at:%Y-%m-%d %H:%M:%S} UTC ({_age(stats.started_at)})"),
            ("Requests", stats.requests),
            ("Server errors", stats.errors),
            ("In flight", stats.in_flight),
            ("Median latency", f"{stats.quantile(0.5) * 1000:.1f} ms"),
            ("95th percentile", f"{stats.quantile(0.95) * 1000:.1f} ms"),
        ],
    )


async def outbox_section(database: Database) -> OpsSection:
    async with database.transaction() as session:
        waiting, oldest = (
            await session.execute(
                select(func.count(), func.min(outbox.c.created_at)).where(
                    outbox.c.published_at.is_(None)
                )
            )
        ).one()
        dead = await count_letters(session)
        robbed = [
            name for gaps in await session.scalars(select(relay_state.c.gaps)) for name in gaps
        ]
    return OpsSection(
        "Events",
        [
            ("Outbox, not yet published", waiting),
            ("Oldest of them", _age(oldest) if oldest else "-"),
            ("Dead letters", dead),
        ],
        alarms=[
            *(["There are dead letters: see `webox dead-letters`."] if dead else []),
            *(f"Events were trimmed before {name} had read them: is it up?" for name in robbed),
        ],
    )


async def stream_section(redis: Redis, service: str, streams: Sequence[str]) -> OpsSection:
    """How far `service` is behind on each stream it consumes."""
    rows: list[tuple[str, object]] = []
    for stream in streams:
        behind, pending = await group_lag(redis, service, stream)
        rows.append((f"{stream}: not yet read", behind))
        rows.append((f"{stream}: read, not yet acknowledged", pending))
    return OpsSection("Streams", rows)


async def group_lag(redis: Redis, service: str, stream: str) -> tuple[int, int]:
    """Events of `stream` that `service` has not read, and has read but not acknowledged.

    Counted, since Redis 6.2 does not report a lag; at most 10,000.
    """
    key = stream_key(stream)
    group = await consumer_group(redis, service, stream)
    if group is None:
        return int(await redis.xlen(key)), 0
    unread = await redis.xrange(key, b"(" + group["last-delivered-id"], "+", count=_MOST_COUNTED)
    return len(unread or ()), int(group["pending"])


async def consumer_group(redis: Redis, service: str, stream: str) -> dict[str, Any] | None:
    """What `XINFO GROUPS` tells of the group; None where it has not begun, or nothing was told."""
    try:
        groups: list[dict[str, Any]] = await redis.xinfo_groups(stream_key(stream))
    except ResponseError:  # no such stream
        return None
    return next((each for each in groups if each["name"] == service.encode()), None)


async def task_section(broker: Redis, queue: str) -> OpsSection:
    """The Celery queue of a service; `broker` is a connection to the broker's database."""
    waiting = await broker.llen(f"webox:celery:{queue}")
    unacknowledged = await broker.hlen("webox:celery:unacked")
    return OpsSection("Tasks", [("Waiting", waiting), ("Not yet acknowledged", unacknowledged)])


async def render_ops(service: str, sources: Sequence[OpsSource]) -> str:
    """The page as HTML."""
    sections = [await _section(source) for source in sources]
    page: str = _template().render(service=service, sections=sections, now=clock.now())
    return page


async def _section(source: OpsSource) -> OpsSection:
    try:
        return await source()
    except (RedisError, OSError):
        return OpsSection("Not to be had now", [], ["Redis is away."])
    except SQLAlchemyError:
        return OpsSection("Not to be had now", [], ["The database is away."])


@cache
def _template() -> Any:
    """Jinja is imported when the first page is asked for: most processes never need it."""
    jinja2 = import_module("jinja2")
    source = (resources.files("webox_kit") / "ops.html").read_text("utf-8")
    return jinja2.Environment(autoescape=True).from_string(source)


def _age(moment: datetime) -> str:
    seconds = int((clock.now() - moment).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
