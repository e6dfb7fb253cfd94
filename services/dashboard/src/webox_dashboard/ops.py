"""What the dashboard's operations page shows: how far it is behind on each stream."""

from collections.abc import Sequence

from webox_dashboard.consumers import STREAMS
from webox_dashboard.settings import DashboardSettings
from webox_kit.ops import OpsSection, OpsSource, stream_section
from webox_kit.runtime import Runtime


def sources(runtime: Runtime[DashboardSettings]) -> Sequence[OpsSource]:
    async def streams() -> OpsSection:
        return await stream_section(runtime.redis, runtime.name, STREAMS)

    return [streams]
