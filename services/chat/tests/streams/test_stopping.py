"""A chat that is told to stop: streams are told to come again, waiting requests are answered."""

import asyncio
import signal

import httpx
import pytest

from webox_kit.testing import eventually
from webox_local.ports import free_ports


@pytest.fixture
async def told_to_stop(chat_settings, chat_process, tmp_path):
    """Another `webox-chat api` of the running service, and how to stop it."""
    settings = chat_settings.model_copy(update={"port": free_ports(1)[0]})
    with chat_process("api", settings, tmp_path / "api.log") as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as client:
            await eventually(lambda: _answers(client), seconds=20)
            yield client, process


async def _answers(client):
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.usefixtures("chat_service")
async def test_it_ends_at_once(told_to_stop, chat, new_user):
    client, process = told_to_stop
    there = new_user(client)
    async with there.send_streaming(
        selected_providers=["GPT-4"], selected_models={"GPT-4": "hang_mid"}
    ) as stream:
        events = await stream.until("delta")
        waiting = asyncio.create_task(
            there.post(
                "/api/chat/send",
                json={
                    "message": "x",
                    "selected_providers": ["GPT-4"],
                    "selected_models": {"GPT-4": "hang_headers"},
                },
            )
        )
        while len((await there.get("/api/chat/conversations")).json()["conversations"]) < 2:
            pass
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await stream.rest() == []
            answer = await waiting
        assert stream.retry == "1000"
    assert answer.status_code == 202
    assert answer.headers["location"]
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(process.wait) == 0
    # What was being answered goes on, and can be watched elsewhere from where it was left.
    here = new_user(chat.client, there.user_id)
    path = f"/api/chat/messages/{events[0].data['message_id']}"
    async with here.stream(f"{path}/stream", headers={"Last-Event-ID": events[-1].id}) as stream:
        await here.post(f"{path}/cancel")
        rest = await stream.rest()
    assert [event.name for event in rest] == ["reply", "done"]
    await here.post(f"{answer.headers['location']}/cancel")
