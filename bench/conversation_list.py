"""What a list of 50 conversations takes a user who has 100 of them, and one who has 100,000.

Through the gateway, on the first page and, of the many, the thousandth by its cursor; the kinds of
request take turns. The rows are inserted by SQL, the same in each run, and counted by PostgreSQL
as its autovacuum would do within a minute. Beside them, the filters, the labels with their counts,
and a folder of 5,000 renamed.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from bench.running import registered, running_webox
from webox_local.servers import Servers

FEW, MANY = 100, 100_000
LIMIT = 50
ROUNDS = 200
PAGE = 1000
MOST_RATIO = 1.2
LIST = "/api/chat/conversations"

_INSERT = """
INSERT INTO conversation (user_id, title, folder, is_favorite, archived, tags, tag_keys, preview,
    message_count, created_at, updated_at)
SELECT %(user_id)s, 'Conversation ' || n,
    CASE WHEN n %% 2 = 0 THEN 'Général' ELSE 'Dossier ' || n %% 20 END,
    n %% 50 = 0, n %% 10 = 0, tags, tags, repeat('mot ', 25), 1 + n %% 30, moment, moment
FROM generate_series(1, %(rows)s) AS n,
    LATERAL (SELECT CASE WHEN n %% 3 = 0 THEN ARRAY['étiquette ' || n %% 100, 'travail']
        ELSE '{}'::text[] END AS tags,
        timestamptz '2026-01-01' + n * interval '1 minute' AS moment) AS made
"""


def fill(servers: Servers, rows: Mapping[int, int]) -> None:
    """So many conversations for each user, by id."""
    with servers.postgres.connect("webox_chat") as connection:
        connection.autocommit = True
        for user_id, count in rows.items():
            connection.execute(_INSERT, {"user_id": user_id, "rows": count})
        connection.execute("VACUUM (ANALYZE) conversation")


@dataclass(frozen=True)
class Client:
    """A user's requests, with a client that takes little time itself."""

    http: aiohttp.ClientSession
    url: str
    token: str

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(
            method, self.url + path, headers=headers, **options
        ) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())

    async def get(self, path: str, **query: Any) -> Any:
        return await self.ask("GET", path, params={k: str(v) for k, v in query.items()})


async def measure(url: str, servers: Servers) -> None:
    async with registered(url) as few, registered(url) as many, aiohttp.ClientSession() as http:
        await asyncio.to_thread(fill, servers, {few.id: FEW, many.id: MANY})
        client = Client(http, url, many.token)
        thousandth = await _cursor(client, PAGE)
        await _compare(Client(http, url, few.token), client, thousandth)
        await _others(client)


async def _cursor(user: Client, page: int) -> str:
    """The cursor of a page, found as a client finds it."""
    cursor = None
    for _ in range(page - 1):
        cursor = (await _page(user, cursor=cursor))["next_cursor"]
    assert cursor is not None
    return str(cursor)


async def _compare(few: Client, many: Client, thousandth: str) -> None:
    kinds: dict[str, tuple[Client, str | None]] = {
        f"of {FEW}, first page": (few, None),
        f"of {MANY:,}, first page": (many, None),
        f"of {MANY:,}, page {PAGE}": (many, thousandth),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(-20, ROUNDS):
        for name, (user, cursor) in kinds.items():
            taken = await _timed(_page(user, cursor=cursor))
            if number >= 0:
                times[name].append(taken)
    base = statistics.median(times[f"of {FEW}, first page"])
    for name, taken_times in times.items():
        median = statistics.median(taken_times)
        print(
            f"list {name}: {median:.2f} ms median of {ROUNDS}, "
            f"{median / base:.2f} times (at most {MOST_RATIO})"
        )


async def _others(user: Client) -> None:
    filters: tuple[dict[str, Any], ...] = (
        {"folder": "Général"},
        {"folder": "Dossier 7"},
        {"favorite": True},
        {"archived": True},
        {"archived": False},
        {"tag": "travail"},
        {"tag": "étiquette 3"},
        {"tag": "nulle part"},
    )
    for filter_ in filters:
        print(f"list {filter_}: {await _median(user, LIST, limit=LIMIT, **filter_):.1f} ms")
    for path in ("/api/chat/folders", "/api/chat/tags"):
        print(f"{path}: {await _median(user, path):.1f} ms")
    renamed = user.ask("PATCH", "/api/chat/folders/Dossier 7", json={"name": "Autre"})
    print(f"a folder of {MANY // 20:,} renamed: {await _timed(renamed) / 1000:.1f} s")


async def _median(user: Client, path: str, **query: Any) -> float:
    times = [await _timed(user.get(path, **query)) for _ in range(21)]
    return statistics.median(times)


async def _page(user: Client, cursor: str | None) -> Any:
    query = {"limit": LIMIT} | ({"cursor": cursor} if cursor else {})
    page = await user.get(LIST, **query)
    assert len(page["conversations"]) == LIMIT
    return page


async def _timed(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


def main() -> None:
    with running_webox() as (stack, _double):
        asyncio.run(measure(stack.url, Servers.of(stack.home.folder)))


if __name__ == "__main__":
    main()
