"""How fast read models are made anew and compared, and all is backed up, as an operator does it.

Chat's conversations, messages, replies and ledger, and the gateway's product events, are inserted
by SQL, the same in each run; no event tells of them, so that the read models know nothing of them
until they are rebuilt. Every figure is `webox …`'s own, and includes starting it. Below it stands
the CPU that each of Webox's processes took meanwhile, which other users of the machine change less.
"""

import asyncio
import contextlib
import os
import resource
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil

from bench.running import program, registered, running_webox
from webox_local.servers import Servers

CONVERSATIONS, PRODUCT_EVENTS = 10_000, 20_000
_WORTH_TELLING = 0.1
TEXT = "Une réponse de longueur moyenne, comme on en lit tous les jours dans une discussion. "

_CHAT = """
WITH conversations AS (
    INSERT INTO conversation (user_id, title, folder, preview, message_count)
    SELECT %(user_id)s, 'Conversation ' || n, 'Général', 'mot', 3
    FROM generate_series(1, %(rows)s) AS n RETURNING id
), messages AS (
    INSERT INTO message (conversation_id, user_id, content)
    SELECT id, %(user_id)s, repeat(%(text)s, 2) FROM conversations RETURNING id, conversation_id
), replies AS (
    INSERT INTO reply (message_id, conversation_id, user_id, provider, model, position, status,
        content, finished_at)
    SELECT id, conversation_id, %(user_id)s, provider, 'model', position, 'done',
        repeat(%(text)s, 6), now()
    FROM messages, (VALUES ('GPT-4', 0), ('Claude', 1)) AS asked (provider, position)
    RETURNING id, user_id, provider, model, status
)
INSERT INTO usage_ledger (reply_id, user_id, provider, model, status, demo, attempts)
SELECT id, user_id, provider, model, status, false, 1 FROM replies
"""
_GATEWAY = """
INSERT INTO product_event (user_id, source, event_id, type, subject, occurred_at, data,
    published_as)
SELECT %(user_id)s, 'bench', n::text,
    CASE WHEN n %% 2 = 0 THEN 'webox.website.published' ELSE 'webox.generation.completed' END,
    'site-' || n / 4, now(), jsonb_build_object('name', 'Site ' || n, 'bytes', n),
    gen_random_uuid()
FROM generate_series(1, %(rows)s) AS n
"""


def main() -> None:
    with running_webox() as (stack, _):
        user_id = asyncio.run(_a_user(stack.url))
        servers = Servers.of(stack.home.folder)
        values = {"user_id": user_id, "text": TEXT}
        for database, statement, rows in (
            ("webox_chat", _CHAT, CONVERSATIONS),
            ("webox_gateway", _GATEWAY, PRODUCT_EVENTS),
        ):
            with servers.postgres.connect(database) as connection:
                connection.execute(statement, {**values, "rows": rows})
        file = stack.home.folder.with_name("webox.backup")
        texts = 4 * CONVERSATIONS
        things = 3 * CONVERSATIONS + PRODUCT_EVENTS
        for words, count, expected in (
            ("rebuild search", texts, 0),
            ("verify search", texts, 0),
            ("rebuild dashboard", things, 0),
            ("verify dashboard", things, 0),
            ("verify exports", 0, 0),
            (f"backup {file}", texts, 0),
            (f"restore --yes {file}", texts, 0),
        ):
            _measure(stack.home.folder, words, count, expected)


async def _a_user(url: str) -> int:
    async with registered(url) as user:
        return user.id


def _measure(home: Path, words: str, count: int, expected: int) -> None:
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(
        [program("webox"), *words.split()],
        env={**os.environ, "WEBOX_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    assert done.returncode == expected, done.stdout[-2000:] + done.stderr[-2000:]
    print(
        f"webox {words}: {count:,} in {seconds:.1f} s, {count / seconds:,.0f}/s in all; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    took = _cpu_seconds()
    took.subtract(cpu_began)
    busiest = [f"{name} {cpu:.1f} s" for name, cpu in took.most_common() if cpu >= _WORTH_TELLING]
    print(f"    CPU: {', '.join(busiest)}")
    for line in (done.stderr + done.stdout).splitlines():
        print(f"    {line}")


def _cpu_seconds() -> Counter[str]:
    """By process, all of PostgreSQL's and Redis's together; "the command" is whatever has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = Counter({"the command": ended.ru_utime + ended.ru_stime})
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times, command = process.cpu_times(), process.cmdline()
            taken[_name(command)] += times.user + times.system
    return taken


def _name(command: list[str]) -> str:
    # A process that has named itself leaves the rest of its line blank.
    whole = " ".join(" ".join(command).split())
    return next((name for name in ("postgres", "redis") if name in whole), whole[:30])
