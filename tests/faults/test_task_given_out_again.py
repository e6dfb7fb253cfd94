"""A send's task is given out again while its providers are being asked, and afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from webox_stack import DoubleProgram, Stack, User, eventually

from webox_chat.replies.schemas import FAN_OUT
from webox_double import answer_text
from webox_kit.tasks import TaskQueue, create_celery
from webox_local.servers import Servers

pytestmark = pytest.mark.fault("F05")

TIMES = 5
WAITING = "webox:celery:chat"
ASKED_FOR = "SELECT id, user_id, false FROM message WHERE id = %s"
LEDGER = """
SELECT count(*) FROM usage_ledger JOIN reply ON reply.id = reply_id WHERE message_id = %s
"""


async def test_providers_are_asked_once_and_one_answer_is_kept(
    webox: Stack,
    double: DoubleProgram,
    user: User,
    slow_model: str,
    healthy: Callable[[], Awaitable[None]],
) -> None:
    sent = await user.send(
        "Bonjour",
        expect=202,
        selected_providers=["GPT-4"],
        selected_models={"GPT-4": slow_model},
        wait={"seconds": 0},
    )

    async def asked() -> None:
        assert double.outcomes(slow_model) == ["running"]

    async def answered() -> None:
        now = await user.get(f"/api/chat/messages/{sent['message_id']}")
        assert now["ai_responses"] == {"GPT-4": answer_text(slow_model, "Bonjour")}

    await eventually(asked)
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        [asked_for] = chat.execute(ASKED_FOR, [sent["message_id"]]).fetchall()
    async with tasks_of(webox) as tasks:
        for _ in range(TIMES):
            assert await tasks.send(FAN_OUT, *asked_for)
        await eventually(lambda: all_taken(webox))
        assert double.outcomes(slow_model) == ["running"], "too late to show anything"
        await eventually(answered)
        assert await tasks.send(FAN_OUT, *asked_for)
        await eventually(lambda: all_taken(webox))
    await healthy()
    assert double.outcomes(slow_model) == ["finished"]
    shown = await user.get(f"/api/chat/conversations/{sent['conversation_id']}")
    assert [each["role"] for each in shown["messages"]] == ["user", "assistant"]
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        assert chat.execute(LEDGER, [sent["message_id"]]).fetchall() == [(1,)]


@asynccontextmanager
async def tasks_of(webox: Stack) -> AsyncIterator[TaskQueue]:
    broker = Servers.of(webox.home.folder).redis.broker_url()
    tasks = TaskQueue(create_celery("chat", broker))
    try:
        yield tasks
    finally:
        await tasks.close()


async def all_taken(webox: Stack) -> None:
    with webox.redis(1) as broker:
        assert broker.llen(WAITING) == 0
