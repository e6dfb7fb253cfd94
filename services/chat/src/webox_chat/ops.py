"""What chat's operations page shows: replies under way, tasks, streams."""

from collections.abc import Sequence

from webox_chat.consumers import STREAMS
from webox_chat.replies.leases import LeaseRepository
from webox_chat.settings import ChatSettings
from webox_kit.ops import OpsSection, OpsSource, stream_section
from webox_kit.runtime import Runtime

_ALARMING_SECONDS = 60


def sources(runtime: Runtime[ChatSettings]) -> Sequence[OpsSource]:
    async def replies() -> OpsSection:
        queued, running, oldest = await LeaseRepository(runtime.database).queue_state()
        return OpsSection(
            "Replies",
            [
                ("Queued", queued),
                ("Running", running),
                ("Oldest queued", f"{oldest:.0f} s"),
            ],
            alarms=["Replies wait too long: is the provider worker up?"]
            if oldest > _ALARMING_SECONDS
            else [],
        )

    async def streams() -> OpsSection:
        return await stream_section(runtime.redis, runtime.name, STREAMS)

    return [replies, streams]
