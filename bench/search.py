"""The embedded index: built, and asked by many users at once.

Texts are made by a seed: of words whose frequencies follow Zipf's law, 60 a message on average, a
title to every ten messages, 1,000 messages a user. WEBOX_BENCH_MESSAGES says how many (100,000).
The queries are half one word, a third two words, the rest phrases, typos and misses in equal parts.
Each runs in the process that serves, as the service calls it: service time is what a request waits
for the index, threads included. Beside what the clock says stands the CPU that it took, which
others who use the machine change less.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil

from webox_search.index.base import Document, SearchQuery
from webox_search.index.embedded import EmbeddedIndex

MESSAGES = int(os.environ.get("WEBOX_BENCH_MESSAGES", "100000"))
MESSAGES_A_USER, MESSAGES_A_CONVERSATION, WORDS_A_MESSAGE = 1_000, 10, 60
VOCABULARY, PAGE = 60_000, 1_000
QUERIES, WARM_UP = 2_000, 100
LOADED_SECONDS, WRITES_A_SECOND, COMMIT_SECONDS = 15, 200, 0.2
SEED = 20251124
_SYLLABLES = [
    first + vowel for first in "bcdfghjklmnprstvz" for vowel in ("a", "e", "i", "o", "ou", "é")
]
_ENDINGS = ["", "s", "er", "ent", "ing", "tion", "ment", "é"]


class Texts:
    """Words by Zipf's law, as sentences in Markdown."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        made = random.Random(SEED)
        self.words = sorted(
            {
                "".join(made.choices(_SYLLABLES, k=made.choice((1, 2, 2, 3, 3, 4))))
                + made.choice(_ENDINGS)
                for _ in range(VOCABULARY)
            },
            key=lambda word: (len(word) // 3, word),
        )
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))

    def some(self, count: int) -> list[str]:
        return self.chance.choices(self.words, cum_weights=self._weights, k=count)

    def message(self) -> str:
        words = self.some(max(3, int(self.chance.expovariate(1 / WORDS_A_MESSAGE))))
        parts = [" ".join(words[at : at + 12]).capitalize() for at in range(0, len(words), 12)]
        if self.chance.random() < 0.2:
            parts = [f"- **{part}**" for part in parts]
            return "\n".join(parts)
        return ". ".join(parts)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        asyncio.run(_build(folder))
        context = get_context("spawn")
        asked = context.Process(target=_ask, args=(folder,))
        asked.start()
        asked.join()
        loaded = context.Event()
        writer = context.Process(target=_write, args=(folder, loaded))
        writer.start()
        asked = context.Process(target=_ask_under_load, args=(folder,))
        asked.start()
        asked.join()
        loaded.set()
        writer.join()


async def _build(folder: Path) -> None:
    texts, size, spent, making = Texts(SEED), 0, 0.0, 0.0
    cpu_began = time.process_time()
    index = EmbeddedIndex(folder)
    rebuild = await index.begin_rebuild()
    for first in range(0, MESSAGES, PAGE):
        making_began = time.thread_time()
        page = list(documents(texts, first, min(PAGE, MESSAGES - first)))
        making += time.thread_time() - making_began
        size += sum(len(each.text.encode()) for each in page)
        began = time.perf_counter()
        await rebuild.upsert(page)
        spent += time.perf_counter() - began
    began = time.perf_counter()
    await rebuild.finish()
    spent += time.perf_counter() - began
    cpu = time.process_time() - cpu_began - making
    health = await index.health()
    await index.close()
    print(
        f"built: {MESSAGES:,} messages of {size / MESSAGES:.0f} bytes in {spent:.1f} s, "
        f"{MESSAGES / spent:,.0f}/s (at least 15,000), {MESSAGES / cpu:,.0f} a second of CPU; "
        f"{health.size_bytes / size:.2f} times the text (at most 1.6)"
    )


def documents(texts: Texts, first: int, count: int) -> Iterator[Document]:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(first, first + count):
        user, conversation = _user(number), number // MESSAGES_A_CONVERSATION + 1
        at = start + timedelta(minutes=number)
        if number % MESSAGES_A_CONVERSATION == 0:
            yield Document("title", user, conversation, at, " ".join(texts.some(5)), 1, folder="A")
        yield Document(
            "message",
            user,
            conversation,
            at,
            texts.message(),
            1,
            message_id=number + 1,
            role="user",
        )


def _user(number: int) -> int:
    return number // MESSAGES_A_USER + 1


def _queries(count: int) -> Iterator[tuple[str, SearchQuery]]:
    """Of each query its kind."""
    texts = Texts(SEED + 1)
    chance = texts.chance
    users = max(1, MESSAGES // MESSAGES_A_USER)
    for _ in range(count):
        kind = chance.choices(
            ("one word", "two words", "phrase", "typo", "miss"), weights=(18, 12, 2, 2, 2)
        )[0]
        word = chance.choice(texts.words[200:5_000])
        text = {
            "one word": texts.some(1)[0],
            "two words": " ".join(texts.some(2)),
            "phrase": f'"{" ".join(texts.some(2))}"',
            "typo": word[:2] + word[3:],
            "miss": f"{word}xq",
        }[kind]
        yield kind, SearchQuery(chance.randrange(users) + 1, text)


def _ask(folder: Path) -> None:
    asyncio.run(_one_by_one(folder))


async def _one_by_one(folder: Path) -> None:
    index = EmbeddedIndex(folder)
    times, cpu = dict[str, list[float]](), dict[str, list[float]]()
    for number, (kind, query) in enumerate(_queries(WARM_UP + QUERIES)):
        began, cpu_began = time.perf_counter(), time.process_time()
        await index.search(query)
        if number >= WARM_UP:
            times.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
            cpu.setdefault(kind, []).append((time.process_time() - cpu_began) * 1000)
    print(
        f"one query at a time: {_quantiles(_all(times))} (at most 5 and 25), of {QUERIES:,}; "
        f"of CPU {_quantiles(_all(cpu))}"
    )
    for kind, some in times.items():
        print(f"    {kind}: {_quantiles(some)}; of CPU {_quantiles(cpu[kind])}")
    memory = psutil.Process().memory_info()
    print(
        f"memory of the process that serves: {memory.rss / 1e6:.0f} MB (under 400), the bench's "
        f"included; {memory.shared / 1e6:.0f} of them are the index's and programs' files, mapped"
    )


def _ask_under_load(folder: Path) -> None:
    os.sched_setaffinity(0, {0})
    asyncio.run(_as_many_as_can_be(folder))


async def _as_many_as_can_be(folder: Path) -> None:
    index = EmbeddedIndex(folder)
    queries = list(_queries(QUERIES))
    times: list[float] = []
    end, cpu_began = time.perf_counter() + LOADED_SECONDS, time.process_time()

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            number += 1
            began = time.perf_counter()
            await index.search(queries[number % QUERIES][1])
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client(number * 500) for number in range(4)))
    print(
        f"four at a time on one core, while {WRITES_A_SECOND} messages/s come in: "
        f"{len(times) / LOADED_SECONDS:,.0f} queries/s (at least 500 at 100,000 messages), "
        f"{len(times) / (time.process_time() - cpu_began):,.0f} a second of its CPU; "
        f"{_quantiles(times)}"
    )


def _write(folder: Path, ended: Event) -> None:
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    asyncio.run(_write_on(folder, ended))


async def _write_on(folder: Path, ended: Event) -> None:
    index, texts = EmbeddedIndex(folder), Texts(SEED + 2)
    at, number = time.perf_counter(), MESSAGES
    some = int(WRITES_A_SECOND * COMMIT_SECONDS)
    while not ended.is_set():
        await index.upsert(list(documents(texts, number, some)))
        await index.commit()
        number, at = number + some, at + COMMIT_SECONDS
        await asyncio.sleep(max(0, at - time.perf_counter()))
    await index.close()


def _all(times: dict[str, list[float]]) -> list[float]:
    return [each for some in times.values() for each in some]


def _quantiles(times: Sequence[float]) -> str:
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


if __name__ == "__main__":
    main()
