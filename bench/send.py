"""What a send to four providers takes over the slowest of them, through the gateway.

Each provider takes 200 ms. Sends and direct requests to a provider alternate, on one connection
each; the overhead is a send's time less the median of the direct ones.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable

import httpx

from bench.running import User, registered, running_webox

SENDS = 100
PROVIDERS = ["GPT-4", "Claude", "Mistral", "DeepSeek"]
MODEL = "delay:200"
MOST_MEDIAN_MS = 15.0


async def measure(url: str, double_url: str) -> tuple[list[float], list[float]]:
    """Milliseconds of each send, and of each direct request."""
    sends, direct = [], []
    async with registered(url) as user, httpx.AsyncClient(base_url=double_url) as provider:
        for number in range(-5, SENDS):
            taken = await _timed(_send(user, number)), await _timed(_ask(provider, number))
            if number >= 0:
                sends.append(taken[0])
                direct.append(taken[1])
    return sends, direct


async def _send(user: User, number: int) -> None:
    models = dict.fromkeys(PROVIDERS, MODEL)
    await user.send(f"q{number}", selected_providers=PROVIDERS, selected_models=models)


async def _ask(provider: httpx.AsyncClient, number: int) -> None:
    question = {"role": "user", "content": f"q{number}"}
    body = {"model": MODEL, "messages": [question], "stream": True}
    (await provider.post("/v1/chat/completions", json=body)).raise_for_status()


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
    print(f"provider asked directly: {base:.1f} ms, median of {len(direct)}")
    print(f"send to four:            {statistics.median(sends):.1f} ms, median of {len(sends)}")
    print(
        f"over the provider:       {statistics.median(over):.1f} ms median "
        f"(at most {MOST_MEDIAN_MS}), {over[int(0.99 * len(over))]:.1f} ms p99"
    )


if __name__ == "__main__":
    main()
