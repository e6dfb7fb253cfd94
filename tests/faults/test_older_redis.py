"""Redis is gone for a while, and comes back with its data, with an older copy of it, or empty."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from webox_stack import Stack, User, eventually
from webox_stack.operating import stopped

from webox_local.servers import Servers

pytestmark = pytest.mark.fault("F10")

CHAT_STREAM = "webox:events:chat"
CONSUMERS = ("dashboard-events", "search-events")
MOST_SEND_SECONDS = 2
FINAL_SECONDS = 60
SENDS_MEANWHILE = 40
BETWEEN_SENDS_SECONDS = 0.05


@pytest.mark.parametrize("comes_back", ["with its data", "with older data", "empty"])
async def test_a_redis_that_was_gone_costs_nothing(
    webox: Stack,
    user: User,
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
    tmp_path: Path,
    comes_back: str,
) -> None:
    data = Servers.of(webox.home.folder).redis.folder
    sent = [await send(user, "before the copy")]
    await final(user, sent)
    await healthy()
    copy_data(data, tmp_path)
    before = webox.pids()
    # What they have not read is in Redis alone, and not in the copy.
    with webox.frozen(*CONSUMERS):
        sent.append(await send(user, "after the copy"))
        await final(user, sent)
        await eventually(lambda: published(webox, sent[-1]))
        sent.append(await send(user, "in mid call", slow_model))
        with stopped(webox, "redis"):
            meanwhile = []
            for number in range(SENDS_MEANWHILE):
                meanwhile.append(await send(user, f"meanwhile {number}"))
                await asyncio.sleep(BETWEEN_SENDS_SECONDS)
            if comes_back != "with its data":
                remove_data(data)
            if comes_back == "with older data":
                copy_data(tmp_path, data)
    assert max(each.elapsed.total_seconds() for each in meanwhile) < MOST_SEND_SECONDS
    await final(user, [*sent, *meanwhile])
    await healthy()
    after = webox.pids()
    assert {name for name in after if after[name] != before[name]} == {"redis"}


async def send(user: User, question: str, model: str = "gpt-4-turbo") -> httpx.Response:
    """A send that is acknowledged, whatever Redis does."""
    response = await user.http.post(
        "/api/chat/send",
        json={
            "message": question,
            "selected_providers": ["GPT-4"],
            "selected_models": {"GPT-4": model},
            "wait": {"seconds": 0},
        },
    )
    # 200 if the answer was there before the request had ended.
    assert response.status_code in {200, 202}, response.text
    return response


async def final(user: User, sent: list[httpx.Response]) -> None:
    async def answered() -> None:
        for each in sent:
            message = await user.get(f"/api/chat/messages/{each.json()['message_id']}")
            assert list(message["ai_responses"]) == ["GPT-4"]

    await eventually(answered, FINAL_SECONDS)


async def published(webox: Stack, sent: httpx.Response) -> None:
    with webox.redis() as redis:
        assert str(sent.json()["message_id"]) in str(redis.xrange(CHAT_STREAM))


def copy_data(source: Path, target: Path) -> None:
    """A folder of files from Redis 7 on, one file before."""
    for each in source.glob("appendonly*"):
        if each.is_dir():
            shutil.copytree(each, target / each.name)
        else:
            shutil.copy2(each, target / each.name)


def remove_data(folder: Path) -> None:
    for each in folder.glob("appendonly*"):
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
