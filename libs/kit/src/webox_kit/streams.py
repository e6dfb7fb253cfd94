"""Redis connections, and the names of what Webox keeps there.

Redis holds only what can be made again: streams (from the outboxes), signals and tasks.
"""

from functools import cache
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

EVENT_FIELD = b"event"
LETTER_FIELD = b"letter"
GAP_FIELD = b"gap"
"""In the place of an event: the consumer group that lost events which nobody has any more."""


def stream_key(service: str) -> str:
    return f"webox:events:{service}"


def epoch_key(service: str) -> str:
    """Gone or changed means that Redis lost what this service had published."""
    return f"webox:epoch:{service}"


def dead_letter_key(service: str) -> str:
    return f"webox:dead-letters:{service}"


def retry_key(service: str) -> str:
    """The stream that names the dead letters which the consumer of `service` is to try again."""
    return f"webox:retries:{service}"


def connect(url: str) -> Redis:
    """For commands: gives up after 3 s, so that nothing waits longer on a frozen Redis."""
    return _client(
        url,
        socket_timeout=3,
        socket_connect_timeout=3,
        retry=_brief_retry(),
        retry_on_error=[RedisConnectionError],
    )


def connect_blocking(url: str) -> Redis:
    """For blocking reads and subscriptions, which redis-py's default timeout would cut off.

    `health_check_interval` is what notices a connection that is half open.
    """
    return _client(
        url,
        socket_timeout=None,
        socket_connect_timeout=3,
        health_check_interval=10,
        retry=_brief_retry(),
    )


def _client(url: str, **options: Any) -> Redis:
    client = Redis.from_url(url, **options)
    pool: Any = client.connection_pool
    pool.connection_class = _with_connection_errors(pool.connection_class)
    return client


@cache
def _with_connection_errors(connection_class: type[Any]) -> type[Any]:
    """Of a transport that has just been closed uvloop says RuntimeError, which nobody expects."""

    class Connection(connection_class):  # type: ignore[misc]
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            try:
                await super().send_packed_command(command, check_health)
            except RuntimeError as error:
                await self.disconnect(nowait=True)
                raise RedisConnectionError(str(error)) from error

    return Connection


def _brief_retry() -> Retry:
    """redis-py's own waits up to 10 s between tries; whoever loses a connection tries again."""
    return Retry(ExponentialBackoff(cap=0.2, base=0.02), 2)
