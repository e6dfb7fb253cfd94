"""kombu's Redis transport, but for three things.

A client of redis-py is cheap to use and dear to make, and kombu makes three for each task that it
receives: half of what a task costs a worker. They differ in nothing, and share a pool.

It acknowledges what a queue without acknowledgement gave out, which is two commands for nothing.

And a message stays in hand, for kombu, when Redis dies while it is acknowledged. A worker that may
have one in hand takes no other then, notices nothing as it asks for nothing, and stands still for
ever.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis


class QoS(kombu_redis.QoS):
    """A message is out of hand whether Redis hears of it or not: else Redis gives it out again."""

    def ack(self, delivery_tag: str) -> None:
        if delivery_tag not in self._delivered:
            return
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)


class Channel(kombu_redis.Channel):
    QoS = QoS
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
