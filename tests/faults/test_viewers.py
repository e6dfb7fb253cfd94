"""F23: viewers that leave and come back, several at once, and one that does not read."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from itertools import count
from urllib.parse import urlsplit

from webox_stack import DoubleProgram, Event, Stack, User, eventually
from webox_stack.watching import named, shown

from webox_double import answer_text

_numbers = count(1)
Healthy = Callable[[], Awaitable[None]]
BOTH = ["GPT-4", "Claude"]


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
    assert [call["outcome"] for call in double.calls(model)] == ["finished"] * 2
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
    webox: Stack, user: User, healthy: Healthy
) -> None:
    """What it missed is there when it comes back."""
    providers = ["GPT-4", "Claude", "Mistral", "DeepSeek"]
    sent = await user.send("Bonjour", selected_providers=providers)
    path = f"/api/chat/messages/{sent['message_id']}"
    # Something goes on, so that streams stay open.
    await user.post(f"{path}/replies/DeepSeek/retry", {"model": "drip:200"}, expect=202)
    slow = socket_that_reads_nothing(webox.url, f"{path}/stream", user.token)

    async def watch() -> str:
        async with user.watching(f"{path}/stream") as stream:
            await stream.until("done")
        return shown(stream.events)["GPT-4"]

    async def dropped() -> None:
        said = webox.logs.whole()
        assert f'"message": {sent["message_id"]}, "event": "a slow reader' in said

    with slow:
        # A megabyte each; what lies between takes several before anybody has to wait.
        for _ in range(8):
            for provider in providers[:3]:
                again = f"{path}/replies/{provider}/retry"
                await user.post(again, {"model": "10mb"}, expect=202)
            answer = await all_final(user, path, providers[:3])
            assert {answer["replies"][name]["status"] for name in providers[:3]} == {"done"}
        await eventually(dropped)
        received = await asyncio.to_thread(rest_of, slow)
    assert b"event: done" not in received
    await healthy()


async def all_final(user: User, path: str, providers: list[str]) -> dict[str, object]:
    async def final() -> dict[str, object]:
        answer: dict[str, object] = await user.get(path)
        assert all(answer["replies"][name]["status"] == "done" for name in providers)
        return answer

    return await eventually(final)


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
