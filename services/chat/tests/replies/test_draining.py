"""A worker that is told to stop: what it can end it ends, and the rest it hands back."""

import asyncio
import signal
import time

import pytest

from webox_chat.main import create_app
from webox_double import answer_text
from webox_kit.testing import serve

DRAIN_SECONDS = 0.5


@pytest.fixture
def settings(settings_apart):
    """Leases hold long: only what is handed back is begun again soon."""
    return settings_apart(lease_seconds=60, drain_seconds=DRAIN_SECONDS)


@pytest.fixture
async def chat(settings, chat_process, new_user, tmp_path):
    async with serve(create_app(settings)) as client:
        with chat_process("events", settings, tmp_path / "events.log"):
            yield new_user(client)


@pytest.fixture
def worker(settings, chat_process, tmp_path):
    return lambda name: chat_process("worker", settings, tmp_path / f"{name}.log")


async def ended(process):
    """The exit code, and how long it took in seconds."""
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    return await asyncio.to_thread(process.wait, 30), time.monotonic() - began


async def test_what_takes_too_long_is_begun_again_by_another(chat, worker):
    with worker("first") as first:
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "stream:40:50"}
        ) as stream:
            events = await stream.until("delta")
            code, seconds = await ended(first)
            assert code == 0
            assert seconds < DRAIN_SECONDS + 5
            with worker("second"):
                events += await stream.rest()
    names = [event.name for event in events]
    assert names.count("reset") == 1
    after = events[names.index("reset") + 1 :]
    text = "".join(each.data["text"] for each in after if each.name == "delta")
    assert [piece.partition(":")[0] for piece in text.split()] == [str(n) for n in range(40)]
    assert events[-1].data["ai_responses"] == {"GPT-4": text}
    assert events[-1].data["replies"]["GPT-4"]["attempt"] == 2


async def test_what_ends_in_time_is_ended(chat, worker):
    with worker("only") as process:
        sending = asyncio.create_task(
            chat.send(selected_providers=["GPT-4"], selected_models={"GPT-4": "delay:200"})
        )
        async with asyncio.timeout(20):
            while not any(each == "running" for each in await statuses(chat)):
                pass
        code, _ = await ended(process)
        assert code == 0
        answer = await sending
    assert answer["replies"]["GPT-4"]["attempt"] == 1
    assert answer["ai_responses"] == {"GPT-4": answer_text("delay:200", "Bonjour")}


async def statuses(chat):
    listed = (await chat.get("/api/chat/conversations")).json()["conversations"]
    details = [await chat.get(f"/api/chat/conversations/{each['id']}") for each in listed]
    return [entry["status"] for each in details for entry in each.json()["messages"]]
