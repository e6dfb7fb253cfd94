"""The event door with the real parts: streams, duties, relay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

import orjson
import pytest
from dashboard_stage import Stage, exported, product, received, started

from webox_contracts.events import EventData, UserDeleted, WebsitePublished, stream_of
from webox_dashboard.consumers import duties
from webox_dashboard.main import create_app
from webox_dashboard.settings import DashboardSettings
from webox_kit.cancellation import cancel_and_wait
from webox_kit.consumer import ReceivedEvent
from webox_kit.duties import Duties
from webox_kit.runtime import Runtime
from webox_kit.streams import EVENT_FIELD, stream_key
from webox_kit.testing import Keys, serve


@pytest.fixture
async def runtime(settings: DashboardSettings) -> AsyncIterator[Runtime[DashboardSettings]]:
    runtime = Runtime.create("dashboard", settings)
    async with runtime.closing():
        yield runtime


@pytest.fixture
async def events_process(runtime: Runtime[DashboardSettings]) -> AsyncIterator[None]:
    """`webox-dashboard events`, in this process."""
    async with duties(runtime) as by_name:
        running = asyncio.create_task(Duties(runtime.database, "dashboard", by_name).run())
        yield
        await cancel_and_wait(running)


@pytest.fixture
async def api(settings: DashboardSettings, keys: Keys) -> AsyncIterator[Stage]:
    runtime = Runtime.create("dashboard", settings)
    async with runtime.closing(), serve(create_app(settings)) as client:
        yield Stage(client, runtime.database, keys)


async def publish(runtime: Runtime[Any], *events: ReceivedEvent | bytes) -> None:
    for event in events:
        if isinstance(event, bytes):
            stream, payload = "chat", event
        else:
            stream = stream_of(event.data.type)
            payload = event.envelope.model_dump_json(exclude_none=True).encode()
        await runtime.redis.xadd(stream_key(stream), {EVENT_FIELD: payload})


async def until(met: Callable[[], Awaitable[bool]], seconds: float = 20) -> float:
    """Wait for a condition; how many seconds it took."""
    begun = monotonic()
    async with asyncio.timeout(seconds):
        while not await met():  # noqa: ASYNC110 - another process's state, seen over HTTP
            await asyncio.sleep(0.01)
    return monotonic() - begun


def _shows(api: Stage, **expected: int) -> Callable[[], Awaitable[bool]]:
    async def met() -> bool:
        stats = await api.read("stats")
        return all(stats[name] == count for name, count in expected.items())

    return met


@pytest.mark.usefixtures("events_process")
async def test_events_of_all_streams_are_seen_within_a_second(
    api: Stage, runtime: Runtime[DashboardSettings]
) -> None:
    await publish(runtime, received(started(1)))
    await until(_shows(api, conversations=1))
    taken = []
    for number in range(2, 7):
        events: list[EventData] = [
            product(WebsitePublished, str(number)),
            started(number),
            exported(str(number), size_bytes=1),
        ]
        await publish(runtime, *map(received, events))
        seen = _shows(api, websites=number - 1, conversations=number, storage_used_bytes=number - 1)
        taken.append(await until(seen))
    assert sorted(taken)[2] < 1


@pytest.mark.usefixtures("events_process")
async def test_an_event_that_comes_twice_counts_once_and_poison_goes_aside(
    api: Stage, runtime: Runtime[DashboardSettings]
) -> None:
    first = received(product(WebsitePublished, "1", name="Mon Portfolio"))
    await publish(runtime, first, first, b"{no JSON", first, received(started(1)))
    await until(_shows(api, websites=1, conversations=1))
    assert len((await api.read("recent-activity"))["activities"]) == 2
    assert (await api.read("notifications"))["unread_count"] == 1


@pytest.mark.usefixtures("events_process")
async def test_notifications_are_announced_on_the_dashboard_s_stream(
    api: Stage, runtime: Runtime[DashboardSettings]
) -> None:
    await publish(runtime, received(exported("a")), received(exported("b", status="failed")))

    async def announced() -> bool:
        return await runtime.redis.xlen(stream_key("dashboard")) == 2

    await until(announced)
    entries = await runtime.redis.xrange(stream_key("dashboard"))
    told = [orjson.loads(fields[EVENT_FIELD]) for _, fields in entries or ()]
    shown = (await api.read("notifications"))["notifications"]
    assert {(each["data"]["notification_id"], each["data"]["kind"]) for each in told} == {
        (each["id"], each["type"]) for each in shown
    }
    assert {each["type"] for each in told} == {"dashboard.notification_created"}


@pytest.mark.usefixtures("events_process")
async def test_a_deleted_user_is_gone_soon(api: Stage, runtime: Runtime[DashboardSettings]) -> None:
    await publish(runtime, received(started(1)))
    await until(_shows(api, conversations=1))
    await publish(runtime, received(UserDeleted(user_id=1)))
    await until(_shows(api, conversations=0))
    assert (await api.read("recent-activity"))["activities"] == []


async def test_the_operations_page_shows_how_far_it_is_behind(
    api: Stage, runtime: Runtime[DashboardSettings], keys: Keys
) -> None:
    await publish(runtime, received(started(1)), received(started(2)))
    page = await api.client.get("/ops", headers=keys.user_headers("dashboard", role="admin"))
    assert page.status_code == 200
    assert "chat: not yet read" in page.text
    assert "exporter: not yet read" in page.text
    forbidden = await api.client.get("/ops", headers=keys.user_headers("dashboard"))
    assert forbidden.status_code == 403


async def test_the_process_is_alive_and_ready(api: Stage) -> None:
    assert (await api.client.get("/healthz")).json() == {"status": "ok"}
    assert (await api.client.get("/readyz")).json()["status"] == "ok"
