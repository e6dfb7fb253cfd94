"""Calls from one service to another's internal API."""

from typing import Any

import aiohttp
import orjson

from webox_kit.context import current_request
from webox_kit.errors import NotFoundError, UnavailableError
from webox_kit.identity import ServiceSigner

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_OK = 200
_UNAUTHORIZED = 401
_NOT_FOUND = 404


class InternalClient:
    """Calls `audience` (a service's name) at `base_url`, as the service that `signer` names."""

    def __init__(self, audience: str, base_url: str, signer: ServiceSigner) -> None:
        self._audience = audience
        self._base_url = base_url.rstrip("/")
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON that `GET path` answers; errors as of `read`."""
        body = await self.read(path, **query)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise self.nonsense() from None

    async def read(self, path: str, **query: str | int) -> bytes:
        """What `GET path` answers.

        Raises:
            NotFoundError: it answered 404.
            UnavailableError: it could not be reached, or answered with another error.
        """
        status, body = await self._ask(path, query)
        if status == _UNAUTHORIZED and self._signer.clocks.learn(self._audience, body):
            status, body = await self._ask(path, query)
        if status == _NOT_FOUND:
            raise NotFoundError(f"The {self._audience} service does not have {path}.")
        if status != _OK:
            raise UnavailableError(f"The {self._audience} service answered {status} to {path}.")
        return body

    def nonsense(self) -> UnavailableError:
        """For an answer that is not what was asked for."""
        return UnavailableError(f"The {self._audience} service's answer could not be understood.")

    async def _ask(self, path: str, query: dict[str, str | int]) -> tuple[int, bytes]:
        headers = self._signer.headers(self._audience)
        if (request := current_request()) is not None:
            headers["x-request-id"] = request.request_id
        try:
            async with self._open().get(
                self._base_url + path, params=query, headers=headers, allow_redirects=False
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise UnavailableError(f"The {self._audience} service does not answer.") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self._session
