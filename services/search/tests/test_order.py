"""Events in any order, any number of times, while chat goes on: what is found is what chat has."""

import itertools
import operator
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from search_support.chat import ChatDouble, running_chat

from webox_contracts.events import Event
from webox_kit.consumer import ReceivedEvent
from webox_kit.database import Database
from webox_kit.runtime import Runtime
from webox_kit.streams import connect
from webox_kit.testing import Keys
from webox_local.servers import Servers
from webox_local.testing import MakeDatabase
from webox_search.consumers import following
from webox_search.index.base import SearchIndex, SearchQuery
from webox_search.index.embedded import EmbeddedIndex
from webox_search.indexer import Indexer
from webox_search.settings import SearchSettings
from webox_search.source import ChatSource
from webox_search.verifying import compare

pytestmark = pytest.mark.fault("F16")

_users = itertools.count(1000)
WORD = "canari"


@dataclass(frozen=True)
class Stage:
    """Chat's double, and an indexer that is told its events by hand."""

    chat: ChatDouble
    database: Database
    index: SearchIndex
    source: ChatSource

    async def deliver(self, events: list[Event]) -> None:
        """One batch."""
        indexer = Indexer(self.database, self.index, self.source)
        received = [ReceivedEvent(each, each.parsed()) for each in events]
        async with self.database.transaction() as session:
            await following(indexer)(session, received)

    async def found(self, user_id: int) -> dict[int, tuple[str, int]]:
        """The title of each conversation found, and how many more of its messages match."""
        page = await self.index.search(SearchQuery(user_id, WORD, limit=50))
        return {row.conversation_id: (row.title, row.more_matches) for row in page.rows}


@pytest.fixture(scope="module")
async def stage(
    migrated: str,
    make_database: MakeDatabase,
    servers: Servers,
    redis_numbers: Iterator[int],
    keys: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    """One for the module, with users of their own for each history."""
    number = next(redis_numbers)
    redis = connect(servers.redis.url(number))
    folder: Path = tmp_path_factory.mktemp("index")
    async with running_chat(redis) as chat:
        settings = SearchSettings.load(
            database_url=make_database(template=migrated),
            redis_url=servers.redis.url(number),
            broker_url=servers.redis.broker_url(number),
            identity_public_key_file=keys.public_key_file,
            service_secret_file=keys.service_secret_file,
            chat_url=chat.url,
            index_dir=folder,
        )
        runtime = Runtime.create("search", settings)
        index, source = EmbeddedIndex(folder), ChatSource(runtime.client("chat"))
        async with runtime.closing():
            await Indexer(runtime.database, index, source).rebuild()
            yield Stage(chat, runtime.database, index, source)
            await source.close()
            await index.close()
    await redis.aclose()


Act = tuple[str, int]
"""What happens, and to which of the conversations there are, or which events are delivered."""

KINDS = ["start", "say", "say", "answer", "rename", "delete", "deliver", "deliver"]


def acts() -> st.SearchStrategy[list[Act]]:
    act = st.tuples(st.sampled_from(KINDS), st.integers(0, 10_000))
    last: st.SearchStrategy[list[Act]] = st.sampled_from([[], [], [("delete the user", 0)]])
    return st.builds(operator.add, st.lists(act, min_size=3, max_size=14), last)


async def happen(chat: ChatDouble, user_id: int, act: Act) -> None:
    kind, number = act
    mine = [key for key, each in chat.conversations.items() if each["user_id"] == user_id]
    if kind == "delete the user":
        await chat.delete_user(user_id)
    elif kind == "start" or not mine:
        await chat.start(f"{WORD} {number}", WORD, user_id=user_id)
    else:
        one = mine[number % len(mine)]
        if kind == "rename":
            await chat.change(one, title=f"{WORD} {number}")
        elif kind == "delete":
            await chat.delete(one)
        else:
            await chat.say(one, WORD, role="assistant" if kind == "answer" else "user")


def as_chat_has_it(chat: ChatDouble, user_id: int) -> dict[int, tuple[str, int]]:
    said: dict[int, int] = dict.fromkeys(chat.conversations, 0)
    for each in chat.documents.values():
        said[each["conversation_id"]] += 1
    return {
        key: (each["title"], said[key] - 1)
        for key, each in chat.conversations.items()
        if each["user_id"] == user_id
    }


# Without shrinking: a history that fails is short enough to read, and each takes real time.
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(history=acts(), chance=st.integers(0, 2**32).map(random.Random))
async def test_shuffled_repeated_early_and_late(
    stage: Stage, history: list[Act], chance: random.Random
) -> None:
    chat, user_id = stage.chat, next(_users)
    chat.published.clear()
    delivered: set[str] = set()

    async def deliver(events: list[Event]) -> None:
        again = chance.sample(chat.published, k=min(3, len(chat.published)))
        arriving = [*events, *again]
        chance.shuffle(arriving)
        delivered.update(each.id for each in arriving)
        size = chance.randint(1, max(1, len(arriving)))
        for first in range(0, len(arriving), size):
            await stage.deliver(arriving[first : first + size])

    for act in history:
        if act[0] == "deliver":
            await deliver(chance.sample(chat.published, k=len(chat.published) // 2))
        else:
            await happen(chat, user_id, act)
    await deliver([each for each in chat.published if each.id not in delivered])

    assert await stage.found(user_id) == as_chat_has_it(chat, user_id)
    assert await compare(stage.source, stage.index) == []
