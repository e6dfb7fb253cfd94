"""`/readyz` of the whole system: what the gateway and the services behind it can do now."""

from typing import Annotated

import aiohttp
from fastapi import APIRouter, Depends, Request, Response, status

from webox_gateway.settings import GatewaySettings
from webox_kit.health import CHECK_SECONDS, Check, Readiness, readiness
from webox_kit.runtime import Runtime

router = APIRouter(include_in_schema=False)

# A service whose Redis stands still says so only once its own check is over: it can serve.
_SECONDS = CHECK_SECONDS + 1
_TIMEOUT = aiohttp.ClientTimeout(total=_SECONDS)
_NEEDED = ("chat",)
"""Services that the system cannot serve without; without the others it does less."""


class SystemHealth:
    """Asks every dependency at once."""

    def __init__(self, runtime: Runtime[GatewaySettings]) -> None:
        self._runtime = runtime
        self._origins = runtime.settings.origins()

    async def readiness(self) -> Readiness:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            services = {name: self._check(session, name) for name in self._origins}
            needed = {name: services.pop(name) for name in _NEEDED}
            return await readiness(
                {"database": self._runtime.database.ping, **needed},
                {"redis": self._runtime.redis.ping, **services},
                seconds=_SECONDS,
            )

    def _check(self, session: aiohttp.ClientSession, name: str) -> Check:
        async def check() -> None:
            url = f"{self._origins[name].rstrip('/')}/readyz"
            async with session.get(url, raise_for_status=True):
                pass

        return check


async def _health(request: Request) -> SystemHealth:
    health: SystemHealth = request.app.state.health
    return health


@router.get("/readyz")
async def readyz(
    response: Response, health: Annotated[SystemHealth, Depends(_health)]
) -> Readiness:
    state = await health.readiness()
    if state.status == "unavailable":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "2"
    return state
