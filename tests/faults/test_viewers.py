"""F23: viewers that leave and come back, several at once, and one that does not read."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from urllib.parse import urlsplit

import pytest
from webox_stack import DoubleProgram, Event, Stack, User, eventually
from webox_stack.watching import named, shown

from webox_double import answer_text

pytestmark = pytest.mark.fault("F23")

_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]
BOTH = ["GPT-4", "Claude"]
MOST_RETRIES = 30


def body_of(model: str, providers: list[str] = BOTH) -> dict[str, object]:
    return {
        "message": "Bonjour",
        "selected_providers": providers,
        "selected_models": dict.fromkeys(providers, model),
    }


async def test_who_leaves_and_comes_back_reads_it_all_once(
    user: User, double: DoubleProgram, healthy: Healthy
) -> None:
    model = f"drip:20+viewer-{next(_numbers)}"
    events: list[Event] = []
    async with user.watching("/api/chat/send", body_of(model)) as stream:
        await stream.until("delta")
    events += stream.events
    visits = 1
    while events[-1].name != "done":
        visits += 1
        async with user.watching(f"{stream.message}/stream", after=events[-1].id) as again:
            # Away again after every other event.
            for _ in range(2):
                async for _ in again.coming():
                    break
        events += again.events
    assert visits > 3
    assert shown(events) == dict.fromkeys(BOTH, answer_text(model, "Bonjour"))
    assert len(named(events, "message")) == len(named(events, "done")) == 1
    # Going away stopped nothing, and coming back asked nobody again.
    assert double.outcomes(model) == ["finished"] * 2
    await healthy()


async def test_two_tabs_see_the_same_and_one_that_closes_does_not_matter(
    user: User, healthy: Healthy
) -> None:
    model = f"drip:20+viewer-{next(_numbers)}"
    async with user.watching("/api/chat/send", body_of(model)) as first:
        await first.until("delta")
        async with user.watching(f"{first.message}/stream") as second:
            await second.until("delta")
            async with user.watching(f"{first.message}/stream") as third:
                await third.until("delta")
            await asyncio.gather(first.rest(), second.rest())
    expected = dict.fromkeys(BOTH, answer_text(model, "Bonjour"))
    assert shown(first.events) == shown(second.events) == expected
    assert first.events[-1].data == second.events[-1].data
    await healthy()


async def test_one_that_does_not_read_is_dropped_and_harms_nobody(
    webox: Stack, make_user: Callable[[], Awaitable[User]], healthy: Healthy
) -> None:
    user, other = await make_user(), await make_user()
    sent = await user.send("Bonjour", selected_providers=BOTH)
    path = f"/api/chat/messages/{sent['message_id']}"
    # Something goes on, so that the streams stay open.
    await retried(user, path, "Claude", "delay:20000")
    slow = socket_that_reads_nothing(webox.url, f"{path}/stream", user.token)
    with slow:
        async with user.watching(f"{path}/stream") as fast:
            reading = asyncio.create_task(fast.until("done"))
            # A megabyte each; what lies between takes several before anybody has to wait.
            for _ in range(MOST_RETRIES):
                await retried(user, path, "GPT-4", "10mb")
                await eventually(partial(is_done, user, path, "GPT-4"))
                if is_dropped(webox, sent["message_id"]):
                    break
            assert is_dropped(webox, sent["message_id"])
            # The others' streams go on, and end well.
            async with other.watching("/api/chat/send", body_of("drip:5")) as elsewhere:
                events = await elsewhere.rest()
            assert shown(events) == dict.fromkeys(BOTH, answer_text("drip:5", "Bonjour"))
            await user.post(f"{path}/replies/Claude/cancel")
            await reading
        received = await asyncio.to_thread(rest_of, slow)
    assert set(named(fast.events, "done")[0]["ai_responses"]) == {"GPT-4"}
    assert b"event: done" not in received
    # What the slow one missed is there when it comes back.
    last = re.findall(rb"^id: (.+)$", received.rpartition(b"\n\n")[0], re.MULTILINE)[-1]
    async with user.watching(f"{path}/stream", after=last.decode()) as again:
        assert named(await again.rest(), "done") == named(fast.events, "done")
    await healthy()


async def retried(user: User, path: str, provider: str, model: str) -> None:
    await user.post(f"{path}/replies/{provider}/retry", {"model": model}, expect=202)


async def is_done(user: User, path: str, provider: str) -> None:
    replies = (await user.get(path))["replies"]
    assert replies[provider]["status"] == "done"


def is_dropped(webox: Stack, message_id: int) -> bool:
    said = [line for line in webox.logs.whole().splitlines() if "slow reader of a stream" in line]
    return any(json.loads(line)["message"] == message_id for line in said)


def socket_that_reads_nothing(url: str, path: str, token: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((address.hostname, address.port))
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    return connection


def rest_of(connection: socket.socket) -> bytes:
    received = bytearray()
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return bytes(received)
