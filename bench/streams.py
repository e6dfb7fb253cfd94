"""What streaming adds to a provider's own: to the first delta, and to each at 100 streams.

The double writes into every piece when it sent it. The same client alternates between a stream
through the gateway and one from the provider itself; what Webox adds is the difference. Then 100
streams of 20 deltas a second are asked for at once, in turn through the gateway and directly, and
deltas count while all of them run. How long the 100 sends take to begin is told beside it.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import orjson

from bench.running import User, registered, running_webox

FIRSTS = 100
STREAMS = 100
STREAMS_OF_A_USER = 10
PIECES = 240
EVERY_MS = 50
SETTLING_NS = 10**9
PROVIDERS = ["GPT-4", "Claude", "Mistral", "DeepSeek"]
MOST_FIRST_MS = 5.0
MOST_DELTA_MS, MOST_DELTA_P99_MS = 2.0, 8.0


async def webox_events(
    client: aiohttp.ClientSession, url: str, user: User, provider: str, model: str
) -> AsyncIterator[str]:
    """The text of each delta, as it comes."""
    body = {
        "message": "q",
        "selected_providers": [provider],
        "selected_models": {provider: model},
    }
    headers = {"Authorization": f"Bearer {user.token}", "Accept": "text/event-stream"}
    async for event, data in _events(client, f"{url}/api/chat/send", body, headers):
        if event == b"delta":
            yield orjson.loads(data)["text"]


async def direct_events(
    client: aiohttp.ClientSession, double_url: str, model: str
) -> AsyncIterator[str]:
    body = {"model": model, "messages": [{"role": "user", "content": "q"}], "stream": True}
    async for _, data in _events(client, f"{double_url}/v1/chat/completions", body, {}):
        if data != b"[DONE]":
            for choice in orjson.loads(data)["choices"]:
                if text := choice["delta"].get("content"):
                    yield text


async def _events(
    client: aiohttp.ClientSession, url: str, body: object, headers: dict[str, str]
) -> AsyncIterator[tuple[bytes, bytes]]:
    headers = {"Content-Type": "application/json", **headers}
    async with client.post(url, data=orjson.dumps(body), headers=headers) as response:
        response.raise_for_status()
        rest = b""
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                fields = dict(
                    line.split(b": ", 1) for line in event.split(b"\n") if b": " in line[1:]
                )
                if b"data" in fields:
                    yield fields.get(b"event", b""), fields[b"data"]


async def first_deltas(url: str, double_url: str) -> tuple[list[float], list[float]]:
    """Milliseconds to the first delta, through Webox and directly."""
    ours, direct = [], []
    async with registered(url) as user, aiohttp.ClientSession() as client:
        for number in range(-5, FIRSTS):
            model = "stream:3:5"
            taken = (
                await _to_the_first(webox_events(client, url, user, "GPT-4", model)),
                await _to_the_first(direct_events(client, double_url, model)),
            )
            if number >= 0:
                ours.append(taken[0])
                direct.append(taken[1])
            await asyncio.sleep(0.02)
    return ours, direct


async def _to_the_first(texts: AsyncIterator[str]) -> float:
    started = time.perf_counter()
    taken = 0.0
    async for _ in texts:
        taken = taken or time.perf_counter() - started
    return taken * 1000


async def delays(url: str, double_url: str) -> tuple["Pieces", "Pieces"]:
    """Of the pieces through Webox, and of those that came directly."""
    model = f"stream:{PIECES}:{EVERY_MS}"
    async with AsyncExitStack() as stack:
        users = [
            await stack.enter_async_context(registered(url))
            for _ in range(STREAMS // STREAMS_OF_A_USER)
        ]
        connector = aiohttp.TCPConnector(limit=0)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        ours, direct = Pieces(), Pieces()
        for _ in range(2):
            ours.begin()
            await asyncio.gather(
                *(
                    _note_delays(
                        webox_events(
                            client,
                            url,
                            users[number // STREAMS_OF_A_USER],
                            PROVIDERS[number % len(PROVIDERS)],
                            model,
                        ),
                        ours,
                    )
                    for number in range(STREAMS)
                )
            )
            direct.begin()
            await asyncio.gather(
                *(
                    _note_delays(direct_events(client, double_url, model), direct)
                    for _ in range(STREAMS)
                )
            )
    return ours, direct


class Pieces:
    """When each piece was sent and when it came, in ns, by round and stream."""

    def __init__(self) -> None:
        self._rounds: list[tuple[int, list[list[tuple[int, int]]]]] = []

    def begin(self) -> None:
        """Another round, now."""
        self._rounds.append((time.time_ns(), []))

    def stream(self) -> list[tuple[int, int]]:
        """Where a stream's pieces are noted."""
        pieces: list[tuple[int, int]] = []
        self._rounds[-1][1].append(pieces)
        return pieces

    def delays(self) -> list[float]:
        """Milliseconds, of the pieces that were sent while all streams of their round ran.

        That is from a second after the last of them began here until the first was sent whole.
        """
        found = []
        for _, streams in self._rounds:
            begins = max(pieces[0][1] for pieces in streams) + SETTLING_NS
            ends = min(pieces[-1][0] for pieces in streams)
            found += [
                (came - sent) / 1e6
                for pieces in streams
                for sent, came in pieces
                if begins <= sent <= ends
            ]
        return found

    def seconds_to_begin(self) -> float:
        """Until the first piece of every stream was here; of the slowest round."""
        return max(
            (max(each[0][1] for each in streams) - began) / 1e9 for began, streams in self._rounds
        )


async def _note_delays(texts: AsyncIterator[str], noted: Pieces) -> None:
    rest, pieces_of_stream = "", noted.stream()
    async for text in texts:
        now = time.time_ns()
        *pieces, rest = (rest + text).split(" ")
        pieces_of_stream += [(int(piece.partition(":")[2]), now) for piece in pieces]


def main() -> None:
    with running_webox() as (stack, double):
        time.sleep(5)  # what starts beside the first answer is done by then
        ours, direct = asyncio.run(first_deltas(stack.url, double.url))
        over = statistics.median(ours) - statistics.median(direct)
        print(
            f"first delta: {statistics.median(ours):.1f} ms, the provider's own "
            f"{statistics.median(direct):.1f} ms: {over:.1f} ms over (at most {MOST_FIRST_MS})"
        )
        noted, noted_directly = asyncio.run(delays(stack.url, double.url))
    ours, direct = noted.delays(), noted_directly.delays()
    print(
        f"{STREAMS} streams of {1000 // EVERY_MS} deltas/s, {len(ours)} deltas while all run; the "
        f"{STREAMS} sends took {noted.seconds_to_begin():.1f} s to begin"
    )
    print(f"each delta after {_spread(ours)}; directly {_spread(direct)}")
    median = statistics.median(ours) - statistics.median(direct)
    p99 = _at(ours, 0.99) - _at(direct, 0.99)
    print(
        f"added: {median:.1f} ms median (at most {MOST_DELTA_MS}), "
        f"{p99:.1f} ms p99 (at most {MOST_DELTA_P99_MS})"
    )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ms median, {_at(values, 0.99):.1f} ms p99"


def _at(values: list[float], part: float) -> float:
    return sorted(values)[int(part * len(values))]


if __name__ == "__main__":
    main()
