"""What every process of a service holds: settings, database, Redis, keys."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from redis.asyncio import Redis

from webox_contracts.events import EventData
from webox_kit.consumer import BatchHandler, Consumer, RebuildRequest
from webox_kit.database import Database
from webox_kit.identity import AssertionVerifier, ServiceSigner
from webox_kit.internal_http import InternalClient
from webox_kit.relay import Relay
from webox_kit.settings import ServiceSettings, read_secret
from webox_kit.streams import connect, connect_blocking

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Runtime(Generic[S]):
    """The parts of one process of the service `name`. Nothing connects before it is used."""

    name: str
    settings: S
    database: Database
    redis: Redis
    blocking_redis: Redis
    verifier: AssertionVerifier
    signer: ServiceSigner

    @property
    def package(self) -> str:
        return f"webox_{self.name}"

    @classmethod
    def create(cls, name: str, settings: S) -> "Runtime[S]":
        """Compose the parts.

        Raises:
            ConfigurationError: a key or secret is missing or not what it should be.
        """
        secret = read_secret(settings.service_secret_file)
        return cls(
            name=name,
            settings=settings,
            database=Database(
                settings.database_url,
                pool_size=settings.database_pool_size,
                application=f"webox-{name}",
            ),
            redis=connect(settings.redis_url),
            blocking_redis=connect_blocking(settings.redis_url),
            verifier=AssertionVerifier(name, settings.identity_public_key_file, secret),
            signer=ServiceSigner(name, secret),
        )

    def client(self, audience: str) -> InternalClient:
        """A client of another service's internal API."""
        url = getattr(self.settings, f"{audience}_url")
        return InternalClient(audience, url, self.signer)

    def relay(self) -> Relay:
        return Relay(
            self.database,
            self.redis,
            self.name,
            kept=timedelta(days=self.settings.outbox_kept_days),
            trim_seconds=self.settings.stream_trim_seconds,
            most_events=self.settings.stream_most_events,
        )

    def consumer(
        self,
        streams: list[str],
        handle: BatchHandler,
        *,
        types: Collection[type[EventData]] | None = None,
        gather_seconds: float = 0,
        ask_for_rebuild: RebuildRequest | None = None,
    ) -> Consumer:
        """A consumer of the streams of the services named; see `Consumer` for the rest."""
        return Consumer(
            database=self.database,
            redis=self.blocking_redis,
            service=self.name,
            streams=streams,
            handle=handle,
            types=types,
            gather_seconds=gather_seconds,
            ask_for_rebuild=ask_for_rebuild,
            inbox_kept=timedelta(days=self.settings.inbox_kept_days),
        )

    @asynccontextmanager
    async def closing(self) -> AsyncIterator[None]:
        """Close every connection at the end."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.redis.aclose)
            stack.push_async_callback(self.blocking_redis.aclose)
            yield
