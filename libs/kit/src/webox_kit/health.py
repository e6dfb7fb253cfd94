"""`/healthz` and `/readyz`: alive, and able to serve."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from pydantic import BaseModel

from webox_kit.logs import get_logger

log = get_logger(__name__)

Check = Callable[[], Awaitable[object]]
"""Raises when the dependency it is about is away."""

CHECK_SECONDS = 1.5


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`degraded`: it serves, though a dependency it can do without is away."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "away"]]


async def readiness(
    required: Mapping[str, Check],
    optional: Mapping[str, Check],
    *,
    seconds: float = CHECK_SECONDS,
) -> Readiness:
    """Run all checks at once, each within `seconds`."""
    names = [*required, *optional]
    states = await asyncio.gather(
        *(_state(check, seconds) for check in [*required.values(), *optional.values()])
    )
    checks = dict(zip(names, states, strict=True))
    if any(checks[name] == "away" for name in required):
        status: Literal["ok", "degraded", "unavailable"] = "unavailable"
    else:
        status = "degraded" if "away" in checks.values() else "ok"
    return Readiness(status=status, checks=checks)


async def _state(check: Check, seconds: float) -> Literal["ok", "away"]:
    try:
        async with asyncio.timeout(seconds):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the dependency does not serve
        log.warning("check failed", error=type(error).__name__)
        return "away"
    return "ok"
