"""kombu's Redis transport, without a new client for every command.

A client of redis-py is cheap to use and dear to make, and kombu makes three for each task that it
receives: half of what a task costs a worker. They differ in nothing, and share a pool.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis


class Channel(kombu_redis.Channel):
    _commands: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call]
        if self._commands is None or self._commands.connection_pool is not self.pool:
            self._commands = super()._create_client()  # type: ignore[no-untyped-call]
        return self._commands


class Transport(kombu_redis.Transport):
    Channel = Channel


def use() -> None:
    """Let `redis://` and `redis+socket://` mean this transport in this process."""
    TRANSPORT_ALIASES["redis"] = f"{__name__}:{Transport.__name__}"
