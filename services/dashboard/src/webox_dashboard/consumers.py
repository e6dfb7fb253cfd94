"""The event door: what other services publish becomes read models."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from webox_dashboard.projection.service import apply_beside, apply_events
from webox_dashboard.rebuild_requests import rebuild_when_asked, request_rebuild
from webox_dashboard.settings import DashboardSettings
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Session
from webox_kit.duties import Duty
from webox_kit.outbox import publish
from webox_kit.preferences import follow_preferences
from webox_kit.runtime import Runtime

STREAMS = ["gateway", "chat", "exporter"]

# What one send causes comes in a few bursts: they share transactions.
GATHER_SECONDS = 0.05


@asynccontextmanager
async def duties(runtime: Runtime[DashboardSettings]) -> AsyncIterator[Mapping[str, Duty]]:
    consumer = runtime.consumer(
        STREAMS,
        apply_and_tell,
        gather_seconds=GATHER_SECONDS,
        ask_for_rebuild=request_rebuild,
    )
    yield {
        "relay": runtime.relay().run,
        "consumer": consumer.run,
        "rebuilder": partial(rebuild_when_asked, runtime),
    }


async def apply_and_tell(session: Session, events: Sequence[ReceivedEvent]) -> None:
    """Apply a batch, and publish the notifications it made."""
    await follow_preferences(session, events)
    await publish(session, *await apply_events(session, events), source="dashboard")
    await apply_beside(session, events)
