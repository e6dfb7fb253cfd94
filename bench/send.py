"""What a send to four providers takes over the slowest of them, through the gateway.

Each provider takes 200 ms. The same client, with connections kept open, alternates between a send
and asking the four by itself, at once, as who has no Webox would. The overhead is a send's time
less the median of that.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable

import aiohttp
import orjson

from bench.running import registered, running_webox

SENDS = 100
PROVIDERS = ["GPT-4", "Claude", "Mistral", "DeepSeek"]
MODEL = "delay:200"
MOST_MEDIAN_MS = 15.0


async def measure(url: str, double_url: str) -> tuple[list[float], list[float]]:
    """Milliseconds of each send, and of each time that the four were asked directly."""
    sends, direct = [], []
    async with registered(url) as user, aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {user.token}"}
        for number in range(-5, SENDS):
            taken = (
                await _timed(_send(client, f"{url}/api/chat/send", headers, number)),
                await _timed(_ask_all(client, double_url, number)),
            )
            if number >= 0:
                sends.append(taken[0])
                direct.append(taken[1])
    return sends, direct


async def _send(
    client: aiohttp.ClientSession, url: str, headers: dict[str, str], number: int
) -> None:
    answer = await _post(
        client,
        url,
        {
            "message": f"q{number}",
            "selected_providers": PROVIDERS,
            "selected_models": dict.fromkeys(PROVIDERS, MODEL),
        },
        headers,
    )
    assert len(orjson.loads(answer)["ai_responses"]) == len(PROVIDERS)


async def _ask_all(client: aiohttp.ClientSession, double_url: str, number: int) -> None:
    """Each provider in its own protocol; all tokens are read."""
    question = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"q{number}"}],
        "max_tokens": 1000,
        "stream": True,
    }
    paths = ["messages" if name == "Claude" else "chat/completions" for name in PROVIDERS]
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "canary"}
    await asyncio.gather(
        *(_post(client, f"{double_url}/v1/{path}", question, headers) for path in paths)
    )


async def _post(
    client: aiohttp.ClientSession, url: str, body: object, headers: dict[str, str]
) -> bytes:
    headers = {"Content-Type": "application/json", **headers}
    async with client.post(url, data=orjson.dumps(body), headers=headers) as response:
        response.raise_for_status()
        return await response.read()


async def _timed(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return (time.perf_counter() - started) * 1000


def main() -> None:
    with running_webox() as (stack, double):
        time.sleep(5)  # what starts beside the first answer is done by then
        sends, direct = asyncio.run(measure(stack.url, double.url))
    base = statistics.median(direct)
    over = sorted(each - base for each in sends)
    print(f"the four asked directly: {base:.1f} ms, median of {len(direct)}")
    print(f"send to the four:        {statistics.median(sends):.1f} ms, median of {len(sends)}")
    print(
        f"over the slowest:        {statistics.median(over):.1f} ms median "
        f"(at most {MOST_MEDIAN_MS}), {over[int(0.99 * len(over))]:.1f} ms p99"
    )


if __name__ == "__main__":
    main()
