"""Searching through the endpoint."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from search_support.waiting import until

PATH = "/api/chat/search"
Ask = Callable[..., Any]
Events = Callable[[], AbstractAsyncContextManager[None]]
"""Within the block, what chat tells is followed into the index."""


async def results(ask: Ask, q: str, at_least: int = 1, **parameters: Any) -> Any:
    """The answer's JSON once it has so many results."""

    async def answer() -> Any:
        return (await ask(q, **parameters)).json()

    return await until(answer, lambda body: len(body["results"]) >= at_least)
