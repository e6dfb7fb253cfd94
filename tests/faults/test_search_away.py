"""The search service is down for a while, and its index is deleted."""

import shutil
from collections.abc import Awaitable, Callable

import pytest
from webox_stack import Stack, User, eventually
from webox_stack.operating import stopped

from webox_double import answer_text

pytestmark = pytest.mark.fault("F15")

PROGRAMS = ("search-api", "search-events")
DRAINED_SECONDS = 60
SENDS_MEANWHILE = 3


@pytest.mark.parametrize("index_is", ["kept", "deleted"])
async def test_only_searching_waits_for_it_and_nothing_is_missing_after(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]], index_is: str
) -> None:
    await user.send("tulipe avant", selected_providers=["GPT-4"])
    await eventually(lambda: finds(user, 1))
    with stopped(webox, *PROGRAMS):
        if index_is == "deleted":
            shutil.rmtree(webox.home.index)
            webox.home.index.mkdir(mode=0o700)
        for number in range(SENDS_MEANWHILE):
            question = f"tulipe pendant {number}"
            answer = await user.send(question, selected_providers=["GPT-4"])
            assert answer["ai_responses"] == {"GPT-4": answer_text("gpt-4-turbo", question)}
        await eventually(lambda: dashboard_counts(user, 1 + SENDS_MEANWHILE))
        refused = await user.http.get("/api/chat/search?q=tulipe")
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) > 0
    await eventually(lambda: finds(user, 1 + SENDS_MEANWHILE), DRAINED_SECONDS)
    await healthy()


async def test_an_index_that_is_deleted_while_it_serves_is_built_again(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    await user.send("tulipe", selected_providers=["GPT-4"])
    await eventually(lambda: finds(user, 1))
    for each in webox.home.index.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
    await user.send("tulipe encore", selected_providers=["GPT-4"])
    await eventually(lambda: finds(user, 2), DRAINED_SECONDS)
    await healthy()


async def finds(user: User, count: int) -> None:
    response = await user.http.get("/api/chat/search?q=tulipe")
    assert response.status_code == 200, response.text
    assert response.json()["total"] == count


async def dashboard_counts(user: User, generations: int) -> None:
    assert (await user.get("/api/dashboard/stats"))["generations"] == generations
