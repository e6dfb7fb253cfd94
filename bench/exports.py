"""Exports: how fast each format is written, in what memory, and what one user's cost another.

The renderers write messages of 1.4 KB, every fifth a question, to nowhere, each in a process of
its own whose CPU counts, that of making the messages too. The rest goes through a whole Webox with
the document worker it has, whose conversations are inserted by SQL.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from typing import Any

from bench.rendering import TEXT
from bench.running import User, inserted, registered, running_webox
from webox_local.servers import Servers

RENDERED = {"md": 1_000_000, "txt": 1_000_000, "json": 1_000_000, "html": 20_000, "docx": 20_000}
ANSWERS, MOST_ANSWER_MS = 30, 400
LARGE, JOBS = 10_000, 1_000


async def through_webox(url: str, servers: Servers) -> None:
    async with registered(url) as one, registered(url) as other:
        await _ten_messages(one, _inserted(servers, one, 1, 10)[0])
        [large] = _inserted(servers, one, 1, LARGE)
        [small] = _inserted(servers, other, 1, 10)
        for kind in ("txt", "md", "json", "html", "docx"):
            job = await _done(one, await _ordered(one, large, kind))
            rate = LARGE / _took(servers, job)
            print(f"{kind} of {LARGE} messages, chat's part included: {rate:.0f}/s")
        await _beside_a_large_one(servers, one, large, other, small)
        await _fairness(servers, one, other, small)


async def _ten_messages(user: User, conversation: int) -> None:
    took = []
    for _ in range(ANSWERS + 3):
        began = time.perf_counter()
        response = await user.http.get(f"/api/chat/conversations/{conversation}/export?format=pdf")
        assert response.status_code == 200, response.text
        took.append((time.perf_counter() - began) * 1000)
    median = statistics.median(took[3:])
    print(f"10 messages as pdf through GET …/export: {median:.0f} ms median of {ANSWERS} "
          f"(under {MOST_ANSWER_MS})")  # fmt: skip


async def _beside_a_large_one(
    servers: Servers, one: User, large: int, other: User, small: int
) -> None:
    job = await _ordered(one, large, "html")
    await _until(one, job, "running")
    began = time.perf_counter()
    await _done(other, await _ordered(other, small, "pdf"))
    waited = time.perf_counter() - began
    whole = _took(servers, await _done(one, job))
    print(f"10 messages as pdf, ordered while another's html of {LARGE} was made "
          f"({whole:.1f} s): done after {waited:.1f} s")  # fmt: skip


async def _fairness(servers: Servers, one: User, other: User, small: int) -> None:
    conversations = _inserted(servers, one, JOBS, 10)
    limited = asyncio.Semaphore(10)

    async def order(conversation: int) -> Any:
        async with limited:
            return await _ordered(one, conversation, "pdf")

    jobs = await asyncio.gather(*map(order, conversations))
    began = time.perf_counter()
    mine = await _done(other, await _ordered(other, small, "pdf"))
    waited = time.perf_counter() - began
    theirs = [await one.get(f"/api/exports/{job['id']}") for job in jobs]
    left = sum(job["status"] == "queued" for job in theirs)
    typical = statistics.median(_took(servers, job) for job in theirs if job["status"] == "done")
    delayed = max(waited - _took(servers, mine), 0) / typical
    print(f"{JOBS} jobs of one user's, {left} of them queued when another's single one was done, "
          f"{waited * 1000:.0f} ms after its order; one takes {typical * 1000:.0f} ms: delayed by "
          f"{delayed:.1f} jobs (at most 2)")  # fmt: skip


async def _ordered(user: User, conversation: int, kind: str) -> Any:
    body = {"format": kind, "conversation_ids": [conversation]}
    return await user.post("/api/exports", body, expect=202)


async def _done(user: User, job: Any) -> Any:
    return await _until(user, job, "done")


async def _until(user: User, job: Any, status: str) -> Any:
    while job["status"] not in {status, "done", "failed"}:
        await asyncio.sleep(0.01)
        job = await user.get(f"/api/exports/{job['id']}")
    assert job["status"] in {status, "done"}, job
    return job


def _took(servers: Servers, job: Any) -> float:
    """Seconds of work; the API's moments are whole ones, so those of SQL are asked for."""
    with servers.postgres.connect("webox_exporter") as connection:
        row = connection.execute(
            "SELECT extract(epoch FROM finished_at - started_at) FROM export WHERE id = %s",
            [job["id"]],
        ).fetchone()
    return float(row[0])


def _inserted(servers: Servers, user: User, rows: int, count: int) -> list[int]:
    with servers.postgres.connect("webox_chat") as chat:
        return inserted(chat, user.id, rows=rows, messages=count, text=TEXT)


def main() -> None:
    for name, count in RENDERED.items():
        command = [sys.executable, "-m", "bench.rendering", name, str(count)]
        subprocess.run(command, check=True)
    with running_webox() as (stack, _):
        asyncio.run(through_webox(stack.url, Servers.of(stack.home.folder)))


if __name__ == "__main__":
    main()
