"""How far search is behind, as the answer's headers, metrics and the operations page tell it."""

import json
import math
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from search_support.asking import Events
from search_support.chat import ALICE, ChatDouble
from search_support.waiting import until

from webox_contracts.events import ConversationDeleted, Event
from webox_kit.streams import EVENT_FIELD, stream_key
from webox_kit.testing import Keys

SEARCH = "/api/chat/search?q=marketing"
ZONELESS = json.dumps(
    {
        "id": "1",
        "source": "chat",
        "type": ConversationDeleted.type,
        "subject": "1",
        "time": "2025-11-24T14:30:00",
        "data": {},
    }
)


@pytest.fixture
def headers(keys: Keys) -> dict[str, str]:
    return keys.user_headers("search", ALICE)


async def lag(client: httpx.AsyncClient, headers: dict[str, str]) -> int | None:
    """Milliseconds, or None."""
    answer = await client.get(SEARCH, headers=headers)
    assert answer.status_code == 200
    told = answer.headers.get("X-Search-Lag-Ms")
    return None if told is None else int(told)


async def metric(client: httpx.AsyncClient) -> float:
    metrics = (await client.get("/metrics")).text
    (told,) = re.findall(r"^webox_search_lag_seconds (\S+)$", metrics, re.MULTILINE)
    return float(told)


class TestLag:
    async def test_nothing_waits(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        assert await until(lambda: lag(client, headers), lambda told: told is not None) == 0
        assert await metric(client) == 0

    async def test_what_nobody_reads_grows_older_and_is_gone_once_it_is_found(
        self,
        client: httpx.AsyncClient,
        headers: dict[str, str],
        keys: Keys,
        chat: ChatDouble,
        events: Events,
    ) -> None:
        happened = datetime.now(UTC) - timedelta(hours=1)
        event = Event.of(
            ConversationDeleted(user_id=ALICE, version=1, conversation_id=1),
            id="an-hour-ago",
            source="chat",
            time=happened,
        )
        await chat.publish_again(event)
        await chat.start("marketing")

        first = await until(lambda: lag(client, headers), bool)
        assert 3_600_000 <= (first or 0) < 3_700_000
        await until(lambda: lag(client, headers), lambda later: (later or 0) > (first or 0))
        assert 3_600 <= await metric(client) < 3_700
        admin = keys.user_headers("search", role="admin")
        page = (await client.get("/ops", headers=admin)).text
        assert re.search(r"Lag now.{0,50}36\d{5} ms", " ".join(page.split()))
        assert "Changes take over 10 s to be found." in page

        async with events():
            await until(lambda: lag(client, headers), lambda told: told == 0)
            assert (await client.get(SEARCH, headers=headers)).json()["total"] == 1

    @pytest.mark.parametrize("event", ["{", ZONELESS], ids=["no JSON", "no time zone"])
    async def test_an_event_that_cannot_be_read_counts_from_when_it_came(
        self, client: httpx.AsyncClient, headers: dict[str, str], chat: ChatDouble, event: str
    ) -> None:
        await chat.redis.xadd(stream_key("gateway"), {EVENT_FIELD: event})

        told = await until(lambda: lag(client, headers), bool)

        assert told is not None
        assert told < 60_000

    async def test_what_was_read_counts_until_it_is_acknowledged(
        self, client: httpx.AsyncClient, headers: dict[str, str], chat: ChatDouble
    ) -> None:
        key = stream_key("chat")
        await chat.redis.xgroup_create(key, "search", "0", mkstream=True)
        await chat.start("marketing")
        await chat.redis.xreadgroup("search", "a-process", {key: ">"})

        assert await until(lambda: lag(client, headers), bool)

        entries = await chat.redis.xrange(key)
        await chat.redis.xack(key, "search", *(entry for entry, _ in entries))
        await until(lambda: lag(client, headers), lambda told: told == 0)

    async def test_while_redis_stands_still_it_is_not_told(
        self,
        client: httpx.AsyncClient,
        headers: dict[str, str],
        chat: ChatDouble,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("webox_search.lag._KNOWN_FOR_SECONDS", 0.6)
        await until(lambda: lag(client, headers), lambda told: told is not None)

        await chat.redis.execute_command("CLIENT PAUSE", 3000)

        await until(lambda: lag(client, headers), lambda told: told is None)
        await until(lambda: metric(client), math.isnan)
        await until(lambda: lag(client, headers), lambda told: told is not None)
