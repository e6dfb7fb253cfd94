"""Passing text on: who begins to watch is shown all that follows."""

import asyncio

import orjson

from webox_chat.live.publisher import TextPublisher
from webox_chat.live.texts import GrowingText


class Reply:
    """One that a provider is writing."""

    reply_id, message_id, attempt = 2, 1, 1

    def __init__(self):
        self.text = GrowingText()


class NobodyYet:
    """A Redis that says nobody listens; somebody begins to before its answer is read."""

    class connection_pool:  # noqa: N801 - as redis-py names it
        connection_kwargs = {}  # noqa: RUF012

    def __init__(self, then):
        self.published = []
        self._then = then

    def pipeline(self, *, transaction):
        del transaction
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    def publish(self, _channel, payload):
        self.published.append(orjson.loads(payload))

    async def execute(self):
        viewers = min(len(self.published) - 1, 1)
        if len(self.published) == 1:
            self._then()
        return [viewers]


async def say(publisher, reply, pieces):
    for piece in pieces:
        reply.text.append(piece)
        publisher.grew(reply)
        await asyncio.sleep(0.01)


async def test_text_that_nobody_watches_is_kept_until_somebody_does():
    redis = NobodyYet(lambda: None)
    reply = Reply()
    async with TextPublisher(redis) as publisher:
        with publisher.publishing(reply, watched=False):
            await say(publisher, reply, "abc")
            assert redis.published == []
            publisher.show(1)
            await asyncio.sleep(0.01)
    assert [text for frame in redis.published for *_, text in frame] == ["abc"]


async def test_who_begins_to_watch_while_text_is_passed_on_to_nobody_is_shown_what_follows():
    redis = NobodyYet(lambda: publisher.show(1))
    reply = Reply()
    async with TextPublisher(redis) as publisher:
        with publisher.publishing(reply, watched=True):
            await say(publisher, reply, "abc")
    texts = [text for frame in redis.published for *_, text in frame]
    assert texts == ["a", "a", "b", "c"]
