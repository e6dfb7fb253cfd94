"""What `webox-gateway events` does: publish the outbox, and clear away what is over."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from webox_gateway.accounts.service import sweep
from webox_gateway.settings import GatewaySettings
from webox_kit.duties import Duty
from webox_kit.runtime import Runtime

_SWEEP_SECONDS = 300.0


@asynccontextmanager
async def duties(runtime: Runtime[GatewaySettings]) -> AsyncIterator[Mapping[str, Duty]]:
    async def sweep_for_ever() -> None:
        while True:
            await sweep(runtime.database, runtime.settings.login_limit())
            await asyncio.sleep(_SWEEP_SECONDS)

    yield {"relay": runtime.relay().run, "sweeper": sweep_for_ever}
