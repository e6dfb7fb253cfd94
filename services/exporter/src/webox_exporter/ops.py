"""What the exporter's operations page shows: jobs, files to remove, streams."""

from collections.abc import Sequence
from datetime import timedelta

from webox_exporter.consumers import STREAMS
from webox_exporter.repository import ExportRepository
from webox_exporter.settings import ExporterSettings
from webox_kit.ops import OpsSection, OpsSource, stream_section
from webox_kit.runtime import Runtime

_ALARMING_SECONDS = 300
_DAY = timedelta(days=1)


def sources(runtime: Runtime[ExporterSettings]) -> Sequence[OpsSource]:
    async def exports() -> OpsSection:
        async with runtime.database.transaction() as session:
            repository = ExportRepository(session)
            queued, running, oldest = await repository.queue_state()
            ended = await repository.ended_since(_DAY)
            removals = await repository.count_removals()
        slow = "Exports wait too long: is the document worker up?"
        return OpsSection(
            "Exports",
            [
                ("Queued", queued),
                ("Running", running),
                ("Oldest queued", f"{oldest:.0f} s"),
                *((f"Ended in 24 h: {status}", ended.get(status, 0)) for status in _ENDS),
                ("Files to remove", removals),
            ],
            alarms=[slow] if oldest > _ALARMING_SECONDS else [],
        )

    async def streams() -> OpsSection:
        return await stream_section(runtime.redis, runtime.name, STREAMS)

    return [exports, streams]


_ENDS = ("done", "failed", "cancelled", "expired")
