import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import uvloop
from celery import Celery
from kombu.message import Message
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from webox_probe.events import (
    HANDLE_STARTED,
    SOURCE,
    append,
    effects,
    effects_contain,
    make_consumer,
    publish_started,
    rows,
    running,
    titles_in_stream,
    wire,
)
from webox_stack.proxy import Proxy

from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database, Session
from webox_kit.relay import Relay
from webox_kit.signals import Signals, send_signal
from webox_kit.streams import connect, connect_blocking
from webox_kit.tasks import TaskQueue, create_celery
from webox_kit.testing import eventually


class OneAtATime:
    """Takes tasks as a worker does that does one at a time, and acknowledges what it has done."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None
        self.taken: list[Message] = []

    def take(self) -> None:
        """The next one, if it comes soon; on a new connection if the last one broke."""
        try:
            if self._connection is None:
                self._connect()
            self._connection.drain_events(timeout=0.2)
        except TimeoutError:
            pass
        except self._connection.connection_errors:
            self.close()

    def acknowledge(self) -> None:
        done = self.taken.pop()
        done.ack_log_error(logging.getLogger(__name__), self._connection.connection_errors)

    def close(self) -> None:
        self._connection.release()
        self._connection = None

    def _connect(self) -> None:
        self._connection = self._app.connection_for_read()
        self._connection.Consumer(
            self._app.amqp.queues.values(),
            on_message=self.taken.append,
            prefetch_count=self._app.conf.worker_prefetch_multiplier,
        ).consume()


@pytest.fixture
def impatient_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webox_kit.consumer._ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("webox_kit.consumer._BLOCK_MS", 100)


class TestConsumer:
    async def test_waits_while_redis_is_away(
        self, database: Database, redis: Redis, redis_proxy: Proxy, proxied_redis_url: str
    ) -> None:
        client = connect_blocking(proxied_redis_url)
        async with running(make_consumer(database, client).run()) as work:
            await append(redis, wire("before"))
            await eventually(lambda: effects_contain(database, "before"))
            redis_proxy.refuse()
            await append(redis, wire("during"))
            await asyncio.sleep(0.2)
            assert not work.done()
            await redis_proxy.pass_on()
            await eventually(lambda: effects_contain(database, "during"))
        assert await rows(database, "SELECT 1 FROM dead_letter") == []
        await client.aclose()

    @pytest.mark.usefixtures("impatient_consumer")
    async def test_notices_a_redis_that_stopped_answering(
        self,
        database: Database,
        redis: Redis,
        redis_proxy: Proxy,
        proxied_redis_url: str,
    ) -> None:
        client = connect_blocking(proxied_redis_url)
        async with running(make_consumer(database, client).run()):
            await append(redis, wire("before"))
            await eventually(lambda: effects_contain(database, "before"))
            redis_proxy.blackhole()  # for good: only new connections get through
            await append(redis, wire("after"))
            await asyncio.sleep(0.5)
            redis_proxy.leave_in_the_dark()
            await eventually(lambda: effects_contain(database, "after"))
        await client.aclose()

    @pytest.mark.usefixtures("impatient_consumer")
    async def test_notices_a_redis_that_stops_answering_before_events_are_acknowledged(
        self,
        database: Database,
        redis: Redis,
        redis_proxy: Proxy,
        proxied_redis_url: str,
    ) -> None:
        async def handle(session: Session, events: Sequence[ReceivedEvent]) -> None:
            await HANDLE_STARTED(session, events)
            if any(event.envelope.data["title"] == "before" for event in events):
                redis_proxy.blackhole()

        client = connect_blocking(proxied_redis_url)
        async with running(make_consumer(database, client, handle).run()):
            await append(redis, wire("before"))
            await eventually(lambda: effects_contain(database, "before"))
            redis_proxy.leave_in_the_dark()
            await append(redis, wire("after"))
            await eventually(lambda: effects_contain(database, "after"))
        await client.aclose()

    async def test_waits_while_postgresql_is_away_and_counts_no_try(
        self,
        database: Database,
        redis: Redis,
        blocking_redis: Redis,
        database_proxy: Proxy,
        proxied_database_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_kit.consumer._OUTAGE_SECONDS", 0.02)
        proxied = Database(proxied_database_url)
        async with running(make_consumer(proxied, blocking_redis).run()) as work:
            await append(redis, wire("before"))
            await eventually(lambda: effects_contain(database, "before"))
            database_proxy.refuse()
            await append(redis, wire("during"))
            await asyncio.sleep(0.5)  # far more than five tries
            assert not work.done()
            await database_proxy.pass_on()
            await eventually(lambda: effects_contain(database, "during"))
        assert await rows(database, "SELECT 1 FROM dead_letter") == []
        assert await effects(database) == ["before", "during"]
        await proxied.close()


class TestRelay:
    async def test_goes_on_when_redis_is_back(
        self, database: Database, redis: Redis, redis_proxy: Proxy, proxied_redis_url: str
    ) -> None:
        client = connect(proxied_redis_url)
        redis_proxy.refuse()
        await publish_started(database, "patient")
        relay = Relay(database, client, SOURCE, kept=timedelta(days=7))
        async with running(relay.run()) as work:
            await asyncio.sleep(0.2)
            assert not work.done()
            await redis_proxy.pass_on()
            await eventually(lambda: titles_in_stream(redis))
        assert await titles_in_stream(redis) == ["patient"]
        await client.aclose()


@pytest.mark.parametrize("connected", [connect, connect_blocking])
def test_a_connection_that_was_just_closed_is_an_outage_on_uvloop_too(
    redis_url: str, connected: Callable[[str], Redis]
) -> None:
    async def use_it_once_closed() -> None:
        client = connected(redis_url)
        connection: Any = await client.connection_pool.get_connection()
        connection._writer.transport.abort()  # noqa: SLF001 - as when Redis is killed
        with pytest.raises(RedisConnectionError):
            await connection.send_command("PING", check_health=False)
        await client.connection_pool.release(connection)
        assert await client.ping()
        await client.aclose()

    uvloop.run(use_it_once_closed())


class TestSignals:
    async def test_an_unreachable_redis_is_no_error(self, short_folder: Path) -> None:
        client = connect(f"unix://{short_folder}/nowhere.sock")
        await send_signal(client, "reply", 1)
        await client.aclose()

    async def test_a_frozen_redis_takes_no_signal_and_little_time(
        self, redis_proxy: Proxy, proxied_redis_url: str
    ) -> None:
        client = connect(proxied_redis_url)
        await send_signal(client, "reply", 1)
        redis_proxy.blackhole()
        async with asyncio.timeout(2):
            await send_signal(client, "reply", 1)
        await redis_proxy.pass_on()
        await client.aclose()

    async def test_listening_goes_on_when_redis_is_back(
        self, redis: Redis, redis_proxy: Proxy, proxied_redis_url: str
    ) -> None:
        client = connect_blocking(proxied_redis_url)
        topic = f"outage:{id(redis_proxy)}"
        async with Signals(client) as signals:

            async def heard() -> bool:
                async with signals.expect(topic, 1) as signal:
                    # The subscription goes through the proxy, the signal does not.
                    await signals.confirmed(topic, 1)
                    await send_signal(redis, topic, 1)
                    return await signal.wait(0.05)

            await eventually(heard)
            redis_proxy.refuse()
            await redis_proxy.pass_on()
            await eventually(heard)
        await client.aclose()


class TestTasks:
    async def test_a_password_may_stand_in_either_place(self, broker_url: str) -> None:
        url = urlsplit(broker_url)
        query = dict(parse_qsl(url.query))
        password = url.password or query.pop("password")
        place = f"{url.path}?virtual_host={query['virtual_host']}"
        for spelling in (
            f"redis+socket://:{password}@{place}",
            f"redis+socket://{place}&password={password}",
        ):
            queue = TaskQueue(create_celery("probe", spelling))
            assert await queue.send("probe.task", 1) is True
            await queue.close()

    async def test_one_that_is_pushed_is_the_one_that_celery_sends(self, broker_url: str) -> None:
        app = create_celery("probe", broker_url)
        queue = TaskQueue(app)
        assert await queue.send("probe.task", 7, "é") is True
        app.send_task("probe.task", args=(7, "é"))
        with app.connection_for_read() as connection:
            pushed, sent = (connection.default_channel.basic_get("probe") for _ in range(2))
        await queue.close()
        assert pushed.decode() == sent.decode()
        assert pushed.headers.keys() == sent.headers.keys()
        assert pushed.properties.keys() == sent.properties.keys()
        own = {"id", "root_id", "origin"}
        assert {k: v for k, v in pushed.headers.items() if k not in own} == {
            k: v for k, v in sent.headers.items() if k not in own
        }
        assert pushed.headers["id"] == pushed.properties["correlation_id"] != sent.headers["id"]
        assert pushed.delivery_tag != sent.delivery_tag

    async def test_one_that_could_not_be_acknowledged_holds_no_other_up(
        self, broker_url: str, redis_proxy: Proxy
    ) -> None:
        queue = TaskQueue(create_celery("probe", broker_url))
        for number in (1, 2):
            await queue.send("probe.task", number)
        await queue.close()
        app = create_celery("probe", redis_proxy.instead_of(broker_url))
        worker = OneAtATime(app)
        await asyncio.to_thread(worker.take)
        redis_proxy.refuse()
        await asyncio.to_thread(worker.acknowledge)
        await redis_proxy.pass_on()

        async def another_is_taken() -> bool:
            await asyncio.to_thread(worker.take)
            return bool(worker.taken)

        await eventually(another_is_taken)
        await asyncio.to_thread(worker.close)

    async def test_a_missing_redis_takes_no_task_and_no_time(self, short_folder: Path) -> None:
        queue = TaskQueue(create_celery("probe", f"redis+socket://{short_folder}/nowhere.sock"))
        async with asyncio.timeout(0.9):  # before it is given up
            assert await queue.send("probe.task", 1) is False
        await queue.close()

    async def test_a_restarted_redis_takes_the_next_task(
        self, broker_url: str, redis_proxy: Proxy
    ) -> None:
        queue = TaskQueue(create_celery("probe", redis_proxy.instead_of(broker_url)))
        assert await queue.send("probe.task", 1) is True
        redis_proxy.refuse()
        assert await queue.send("probe.task", 2) is False
        await redis_proxy.pass_on()
        assert await queue.send("probe.task", 3) is True
        redis_proxy.refuse()
        await redis_proxy.pass_on()
        assert await queue.send("probe.task", 4) is True
        await queue.close()

    async def test_a_frozen_redis_takes_no_task_and_little_time(
        self, broker_url: str, redis_proxy: Proxy
    ) -> None:
        queue = TaskQueue(create_celery("probe", redis_proxy.instead_of(broker_url)))
        assert await queue.send("probe.task", 1) is True
        redis_proxy.blackhole()
        async with asyncio.timeout(2):
            assert await queue.send("probe.task", 2) is False
        await redis_proxy.pass_on()
        await queue.close()
