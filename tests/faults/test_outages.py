"""What Webox needs goes away, or stands still, and comes back."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from webox_stack import DoubleProgram, Stack, User, eventually, opened

Healthy = Callable[[], Awaitable[None]]
MOST_REDIS_SECONDS = 3
MOST_PLAIN_SECONDS = 1
# A service's pool has eight connections; a user may have ten streams.
STREAMS = 200
STREAMS_EACH = 10
MOST_AWAY_SECONDS = 10
WRITERS = 4
# 200 if the answer was there before the request had ended.
ACKNOWLEDGED = {200, 202}


async def send(user: User, number: int) -> httpx.Response:
    body = {
        "message": f"Question {number}",
        "selected_providers": ["GPT-4"],
        "wait": {"seconds": 0},
    }
    return await user.http.post("/api/chat/send", json=body)


async def answered(user: User, responses: list[httpx.Response]) -> None:
    """Every acknowledged message has its one answer in the end."""

    async def final() -> None:
        for each in responses:
            message = await user.get(f"/api/chat/messages/{each.json()['message_id']}")
            assert list(message["ai_responses"]) == ["GPT-4"]

    await eventually(final, seconds=60)


@pytest.mark.fault("F11")
async def test_nobody_waits_long_for_a_redis_that_stands_still(
    webox: Stack, user: User, healthy: Healthy
) -> None:
    with webox.frozen("redis"):
        for path in ("/api/chat/conversations", "/api/dashboard/stats", "/api/auth/me"):
            began = time.monotonic()
            assert (await user.http.get(path)).status_code == 200, path
            assert time.monotonic() - began < MOST_REDIS_SECONDS, path
        began = time.monotonic()
        sent = await send(user, 0)
        assert sent.status_code in ACKNOWLEDGED, sent.text
        assert time.monotonic() - began < MOST_REDIS_SECONDS
        began = time.monotonic()
        async with opened(webox.url) as client:
            ready = await client.get("/readyz")
        assert ready.json()["status"] == "degraded", ready.text
        assert time.monotonic() - began < MOST_REDIS_SECONDS
    await answered(user, [sent])
    await healthy()


@pytest.mark.fault("F13")
async def test_a_postgres_that_restarts_at_once_costs_503_for_a_moment(
    webox: Stack, user: User, healthy: Healthy
) -> None:
    began = time.monotonic()
    seen: list[tuple[float, httpx.Response]] = []
    restarted = asyncio.Event()

    async def write(writer: int) -> None:
        # Until well after the server is back.
        while not restarted.is_set():
            response = await send(user, writer)
            seen.append((time.monotonic() - began, response))
            await asyncio.sleep(0.1)

    async def served_again() -> None:
        late = [response for at, response in seen if at > cut + 1][-WRITERS * 2 :]
        assert len(late) == WRITERS * 2
        assert {each.status_code for each in late} <= ACKNOWLEDGED

    load = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    await eventually(lambda: _at_least(seen, WRITERS))
    os.kill(webox.pids()["postgres"], signal.SIGQUIT)  # `immediate`
    cut = time.monotonic() - began
    try:
        await eventually(served_again, seconds=3 * MOST_AWAY_SECONDS)
    finally:
        restarted.set()
        await asyncio.gather(*load)
    refused = [(at, each) for at, each in seen if each.status_code not in ACKNOWLEDGED]
    assert {each.status_code for _, each in refused} <= {503}, [each.text for _, each in refused]
    assert all(int(each.headers["Retry-After"]) > 0 for _, each in refused)
    assert all(at - cut < MOST_AWAY_SECONDS for at, _ in refused)
    await answered(user, [each for _, each in seen if each.status_code in ACKNOWLEDGED])
    await healthy()


async def _at_least(seen: list[tuple[float, httpx.Response]], count: int) -> None:
    assert len(seen) >= count


@pytest.mark.fault("F14")
async def test_open_streams_hold_no_database_connections(
    make_user: Callable[[], Awaitable[User]], double: DoubleProgram, healthy: Healthy
) -> None:
    model = "delay:12000+open-streams"
    viewers = [await make_user() for _ in range(STREAMS // STREAMS_EACH)]
    async with AsyncExitStack() as streams:
        for viewer in viewers:
            sent = await viewer.send(
                "Bonjour",
                expect=202,
                selected_providers=["GPT-4"],
                selected_models={"GPT-4": model},
                wait={"seconds": 0},
            )
            path = f"/api/chat/messages/{sent['message_id']}/stream"
            for _ in range(STREAMS_EACH):
                stream = await streams.enter_async_context(viewer.watching(path))
                await stream.until("message")
        for viewer in viewers:
            began = time.monotonic()
            await viewer.get("/api/chat/conversations")
            assert time.monotonic() - began < MOST_PLAIN_SECONDS
        # All were open until now.
        assert double.outcomes(model) == ["running"] * len(viewers)
    await healthy()
