"""Which models a server that needs no key has now: how a local Ollama is found by itself."""

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from webox_chat.providers.exchange import require_guarded
from webox_chat.providers.provider import LONGEST_MODEL_NAME

PROBE_SECONDS = 1.0
LARGEST_LIST_BYTES = 1_000_000
MOST_MODELS = 500
OK = 200


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a probe found; `models` is None when nothing answered."""

    models: tuple[str, ...] | None


async def discover(
    session: aiohttp.ClientSession, base_url: str, seconds: float = PROBE_SECONDS
) -> Discovered:
    """Asks `{base_url}/models`, for at most `seconds`; never raises for what it finds there."""
    require_guarded(session)
    try:
        async with asyncio.timeout(seconds):
            return Discovered(await _models(session, base_url))
    except (aiohttp.ClientError, OSError, ValueError):
        return Discovered(None)


async def _models(session: aiohttp.ClientSession, base_url: str) -> tuple[str, ...] | None:
    async with session.get(base_url + "/models", allow_redirects=False) as response:
        if response.status != OK:
            return None
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LARGEST_LIST_BYTES:
                return None
    return _names(orjson.loads(bytes(body)))


def _names(answer: Any) -> tuple[str, ...] | None:
    """The ids of OpenAI's list of models; Ollama says null for none."""
    listed = answer.get("data", ()) if isinstance(answer, dict) else None
    if listed is None and isinstance(answer, dict):
        listed = ()
    if not isinstance(listed, list | tuple):
        return None
    ids = (each.get("id") for each in listed if isinstance(each, dict))
    names = [name for name in ids if isinstance(name, str) and _fit_for_a_list(name)]
    return tuple(dict.fromkeys(names))[:MOST_MODELS]


def _fit_for_a_list(name: str) -> bool:
    return 0 < len(name) <= LONGEST_MODEL_NAME and name.isprintable()
