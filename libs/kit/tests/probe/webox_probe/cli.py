"""The command line of the tiny service."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from webox_kit.cli import ServiceCommands, service_cli
from webox_kit.errors import ConfigurationError


@asynccontextmanager
async def duties(runtime: Any) -> AsyncIterator[Mapping[str, Any]]:
    if "broken" in runtime.settings.names:
        raise ConfigurationError("WEBOX_NAMES names a broken one: take it out.")

    async def wait() -> None:
        sys.stdout.write("on duty\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    yield {"waiting": wait}


STREAMS = ["chat"]
COMMANDS = ServiceCommands(
    name="probe",
    settings="webox_probe.settings:ProbeSettings",
    app="webox_probe.main:create_app",
    duties="webox_probe.cli:duties",
    consumes="webox_probe.cli:STREAMS",
)
main = service_cli(COMMANDS)

if __name__ == "__main__":
    main()
