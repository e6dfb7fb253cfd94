"""F01, F24: what befalls an export in the middle of a large conversation.

`make soak` has it of 10,000 messages, otherwise it is a quarter of that.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from webox_stack import Stack, User, eventually
from webox_stack.databases import Databases
from webox_stack.inserted import inserted
from webox_stack.operating import full_disk
from webox_stack.user import registered

MESSAGES = int(os.environ.get("WEBOX_TEST_EXPORTED", "2500"))
TEXT = "Une phrase **forte** et du `code`, puis un [lien](https://example.org/).\n\n" * 20
LARGE_SECONDS = 120
WORKER_BACK_SECONDS = 60

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
async def owner(webox: Stack) -> AsyncIterator[User]:
    async with registered(webox.url) as owner:
        yield owner


@pytest.fixture(scope="module")
async def large(webox: Stack, owner: User) -> AsyncIterator[int]:
    """A conversation of `MESSAGES` messages of 1.4 KB."""
    with Databases(webox) as databases:
        [conversation] = inserted(databases["chat"], owner.id, messages=MESSAGES, text=TEXT)
        databases["chat"].commit()
    yield conversation
    await owner.ask("DELETE", f"/api/chat/conversations/{conversation}")


async def job_of(user: User, conversation: int, kind: str) -> dict[str, Any]:
    order = {"format": kind, "conversation_ids": [conversation]}
    job: dict[str, Any] = await user.post("/api/exports", order, expect=202)
    return job


async def in_the_middle(user: User, job: dict[str, Any]) -> None:
    """Waits until some of the messages are written; all may not be."""

    async def some() -> None:
        now = await user.get(f"/api/exports/{job['id']}")
        assert now["status"] in {"queued", "running"}, now
        assert 0 < now["progress"] < 1

    await eventually(some, LARGE_SECONDS)


async def ended(user: User, job: dict[str, Any], seconds: float = LARGE_SECONDS) -> dict[str, Any]:
    async def final() -> dict[str, Any]:
        now: dict[str, Any] = await user.get(f"/api/exports/{job['id']}")
        assert now["status"] not in {"queued", "running"}
        return now

    return await eventually(final, seconds)


async def written(user: User, job: dict[str, Any]) -> int:
    """How many of the messages the finished html holds."""
    assert job["status"] == "done", job
    document = (await user.http.get(job["download_url"])).text
    assert document.rstrip().endswith("</html>")
    return document.count("<strong>forte</strong>") // TEXT.count("forte")


def parts(webox: Stack, job: dict[str, Any]) -> list[Path]:
    return sorted(webox.home.exports.glob(f"{job['id']}/*"))


async def test_another_users_small_one_does_not_wait_for_it(
    owner: User, large: int, user: User
) -> None:
    sent = await user.send("Bonjour petit", selected_providers=["GPT-4"])
    slow = await job_of(owner, large, "html")
    await in_the_middle(owner, slow)
    small = await ended(user, await job_of(user, sent["conversation_id"], "pdf"))
    assert small["status"] == "done"
    assert (await owner.get(f"/api/exports/{slow['id']}"))["status"] == "running"
    assert await written(owner, await ended(owner, slow)) == MESSAGES


async def test_it_is_cancelled_within_two_seconds(webox: Stack, owner: User, large: int) -> None:
    job = await job_of(owner, large, "html")
    await in_the_middle(owner, job)
    await owner.ask("DELETE", f"/api/exports/{job['id']}")

    async def nothing_left() -> None:
        assert (await owner.get(f"/api/exports/{job['id']}"))["status"] == "cancelled"
        assert parts(webox, job) == []
        assert "job given up" in webox.logs.new()["exporter-worker"]

    await eventually(nothing_left, 2)


@pytest.mark.fault("F01")
async def test_a_killed_worker_costs_a_second_attempt(
    webox: Stack, owner: User, large: int
) -> None:
    job = await job_of(owner, large, "html")
    await in_the_middle(owner, job)
    webox.kill("exporter-worker")
    done = await ended(owner, job, LARGE_SECONDS + WORKER_BACK_SECONDS)
    assert await written(owner, done) == MESSAGES

    async def only_the_file() -> None:
        assert [each.name for each in parts(webox, job)] == ["2.html"]

    await eventually(only_the_file)


@pytest.mark.fault("F24")
async def test_a_full_disk_fails_it_and_leaves_nothing(
    webox: Stack, owner: User, large: int
) -> None:
    job = await job_of(owner, large, "html")
    await in_the_middle(owner, job)
    with full_disk(webox, "exporter-worker"):
        failed = await ended(owner, job)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "disk_full")

        async def nothing_left() -> None:
            assert parts(webox, job) == []

        await eventually(nothing_left)
    again = await ended(owner, await job_of(owner, large, "txt"))
    assert again["status"] == "done"
