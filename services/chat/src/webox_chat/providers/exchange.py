"""One HTTP exchange with a provider: its time limits, and its failures as ProviderErrors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp

from webox_chat.providers.base import Endpoint, ProviderError, TimeLimits
from webox_chat.providers.failures import failure_of_status
from webox_chat.providers.outgoing import GuardedConnector, RefusedAddressError

LARGEST_STREAM_BYTES = 64 * 1024 * 1024
READ_OF_A_REFUSAL = 64 * 1024
EVENT_STREAM = "text/event-stream"
OK = 200
REDIRECTS = range(300, 400)
ADDRESS_REFUSED = (
    "The provider's address is in a private network, which its registry entry does not allow"
)
# The stream's last event is here; its end usually is too, and lets the connection be used again.
END_OF_STREAM_SECONDS = 0.05


class Clock:
    """How long the next step may take; every moment is the event loop's time."""

    def __init__(self, limits: TimeLimits, ends_at: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._first_token_at = self._loop.time() + limits.first_token
        self._ends_at = ends_at
        self._begun = False

    def begin(self) -> None:
        """The model has begun to answer: from now on only silence counts."""
        self._begun = True

    def limit(self) -> asyncio.Timeout:
        """Bounds one wait; a TimeoutError that leaves it is made a `failure`."""
        step_ends_at = (
            self._loop.time() + self._limits.idle if self._begun else self._first_token_at
        )
        return asyncio.timeout_at(min(step_ends_at, self._ends_at))

    def failure(self, error: TimeoutError) -> ProviderError:
        """`timeout`, and which of the limits it was."""
        return ProviderError("timeout", self._reason(error))

    def _reason(self, error: TimeoutError) -> str:
        limits = self._limits
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"The provider could not be reached within {limits.connect:g} s"
        if self._loop.time() >= self._ends_at:
            return f"The provider did not finish within {limits.total:g} s"
        if self._begun:
            return f"The provider fell silent for {limits.idle:g} s"
        return f"The provider did not begin to answer within {limits.first_token:g} s"


@asynccontextmanager
async def posted(
    session: aiohttp.ClientSession,
    endpoint: Endpoint,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    clock: Clock,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Posts, and hands over an answer that is an event stream; closes it in the end.

    Raises:
        ProviderError: no connection, no answer in time, or another answer than a stream.
    """
    require_guarded(session)
    with _connection_failures(clock):
        async with clock.limit():
            response = await session.post(
                endpoint.base_url + path,
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "Accept": EVENT_STREAM,
                    **headers,
                },
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=endpoint.limits.connect),
            )
    async with response:
        await _require_stream(response, endpoint, clock)
        yield response


async def chunks(response: aiohttp.ClientResponse, clock: Clock) -> AsyncGenerator[bytes]:
    """What is read of the body, as it comes.

    Raises:
        ProviderError: `timeout`; `cut` when the connection broke; `bad_response` for a body
            without end.
    """
    received = 0
    while True:
        # Without helpers: this runs for every token of every stream.
        try:
            async with clock.limit():
                chunk = await response.content.readany()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ProviderError(
                "cut",
                "The provider closed the connection in the middle of the answer",
                retryable=True,
            ) from error
        except TimeoutError as error:
            raise clock.failure(error) from None
        if not chunk:
            return
        received += len(chunk)
        if received > LARGEST_STREAM_BYTES:
            raise ProviderError("bad_response", "The provider sent more than 64 MiB")
        yield chunk


async def read_to_end(response: aiohttp.ClientResponse) -> None:
    """Gives the end of a finished stream a moment to arrive, so that the connection is kept."""
    try:
        async with asyncio.timeout(END_OF_STREAM_SECONDS):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        return


def require_guarded(session: aiohttp.ClientSession) -> None:
    """Raises TypeError for a session that would connect anywhere."""
    if not isinstance(session.connector, GuardedConnector) or session.auto_decompress:
        raise TypeError("Providers are asked with a session of Registry.session() only.")


async def _require_stream(
    response: aiohttp.ClientResponse, endpoint: Endpoint, clock: Clock
) -> None:
    if response.status in REDIRECTS:
        raise ProviderError(
            "bad_response", f"The provider answered {response.status}, a redirect; none is followed"
        )
    packing = response.headers.get("Content-Encoding", "identity").lower()
    if packing != "identity":
        raise ProviderError(
            "bad_response", "The provider sent a compressed answer that was not asked for"
        )
    if response.status == OK and response.content_type == EVENT_STREAM:
        return
    body = await _beginning(response, clock)
    if response.status == OK and b'"error"' not in body:
        raise ProviderError("bad_response", "The provider did not answer with an event stream")
    raise failure_of_status(response.status, response.headers, body, endpoint.api_key)


async def _beginning(response: aiohttp.ClientResponse, clock: Clock) -> bytes:
    """As much of a refusal as is worth reading; what cannot be read of it does not matter."""
    body = bytearray()
    try:
        async for chunk in chunks(response, clock):
            body += chunk
            if len(body) >= READ_OF_A_REFUSAL:
                break
    except ProviderError:
        pass
    return bytes(body[:READ_OF_A_REFUSAL])


@contextmanager
def _connection_failures(clock: Clock) -> Iterator[None]:
    """Before the answer's first byte: no connection in time, or one that was closed at once."""
    try:
        yield
    except TimeoutError as error:
        raise clock.failure(error) from None
    except aiohttp.ClientOSError as error:
        if _is_refused(error):
            raise ProviderError("unavailable", ADDRESS_REFUSED) from error
        certificate = isinstance(error, aiohttp.ClientSSLError)
        reason = "has no valid certificate" if certificate else "cannot be reached"
        raise ProviderError(
            "unavailable", f"The provider {reason}", retryable=not certificate
        ) from error
    except aiohttp.ClientConnectionError as error:
        raise ProviderError(
            "unavailable", "The provider closed the connection without an answer", retryable=True
        ) from error
    except aiohttp.ClientError as error:
        raise ProviderError("bad_response", "The provider's answer is not valid HTTP") from error


def _is_refused(error: aiohttp.ClientOSError) -> bool:
    """Whether it was us who did not want to connect; aiohttp wraps what connectors raise."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__
    return isinstance(cause, RefusedAddressError)
