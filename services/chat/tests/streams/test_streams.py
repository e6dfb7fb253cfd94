"""Streams of a message's replies: sent, attached to, resumed."""

import asyncio
import contextlib

import pytest

from webox_chat.replies.repository import ReplyRepository
from webox_double import answer_text

BOTH = ["GPT-4", "Claude"]


def texts_of(events):
    """The text of each reply as a viewer of these events shows it; offsets have to fit."""
    texts = {}
    for event in events:
        if event.name == "reset":
            texts[event.data["reply_id"]] = ""
        if event.name == "delta":
            shown = texts.setdefault(event.data["reply_id"], "")
            assert event.data["offset"] == len(shown), event
            texts[event.data["reply_id"]] = shown + event.data["text"]
    return texts


def by_name(events, name):
    return [event.data for event in events if event.name == name]


async def streamed(chat, message="Bonjour", **more):
    """All events of a message that is sent and watched to its end."""
    async with chat.send_streaming(message, **more) as stream:
        assert stream.response.status_code == 200, stream.response.text
        return await stream.rest()


class TestSending:
    async def test_the_events_are_those_of_the_contract(self, chat):
        events = await streamed(
            chat, selected_providers=BOTH, selected_models={"GPT-4": "drip:2", "Claude": "ok"}
        )
        first, last = events[0], events[-1]
        assert (first.name, last.name) == ("message", "done")
        replies = first.data["replies"]
        assert [(each["provider"], each["model"]) for each in replies] == [
            ("GPT-4", "drip:2"),
            ("Claude", "ok"),
        ]
        ids = {each["provider"]: each["id"] for each in replies}
        assert texts_of(events) == {
            ids["GPT-4"]: answer_text("drip:2", "Bonjour"),
            ids["Claude"]: answer_text("ok", "Bonjour"),
        }
        ends = by_name(events, "reply")
        assert {each["provider"]: each["content"] for each in ends} == last.data["ai_responses"]
        assert {each["id"] for each in ends} == set(ids.values())
        read = await chat.get(f"/api/chat/messages/{first.data['message_id']}")
        assert read.json() == last.data
        assert len({event.id for event in events}) == len(events)

    async def test_nothing_on_the_way_may_buffer_it(self, chat):
        async with chat.send_streaming() as stream:
            headers = stream.response.headers
            assert headers["content-type"] == "text/event-stream; charset=utf-8"
            assert headers["cache-control"] == "no-cache"
            assert headers["x-accel-buffering"] == "no"

    async def test_text_is_shown_while_the_provider_still_writes(self, chat, double):
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "hang_mid"}
        ) as stream:
            await stream.until("delta")
            assert [call.outcome for call in double.calls if call.model == "hang_mid"][-1] == (
                "running"
            )

    async def test_text_that_came_before_the_stream_had_begun_is_asked_for(self, chat, monkeypatch):
        await chat.send(selected_providers=["GPT-4"])  # The worker is up after it.
        read = ReplyRepository.all_of

        async def read_late(self, message_id):
            await asyncio.sleep(0.3)  # GPT-4 has said something by then, Claude has not.
            return await read(self, message_id)

        monkeypatch.setattr(ReplyRepository, "all_of", read_late)
        async with chat.send_streaming(
            selected_providers=BOTH, selected_models={"GPT-4": "hang_mid", "Claude": "delay:600"}
        ) as stream:
            # hang_mid falls silent after its first words, and fails 5 s later.
            async with asyncio.timeout(3):
                await stream.until("delta", provider="GPT-4")

    async def test_a_failed_reply_is_an_error_and_the_others_go_on(self, chat):
        events = await streamed(chat, selected_providers=BOTH, selected_models={"GPT-4": "401"})
        [error] = by_name(events, "error")
        assert error["provider"] == "GPT-4"
        assert error["problem"]["code"] == "unauthorized"
        [reply] = by_name(events, "reply")
        assert reply["provider"] == "Claude"
        assert list(events[-1].data["errors"]) == ["GPT-4"]

    async def test_when_all_fail_the_stream_still_ends_with_done(self, chat):
        events = await streamed(
            chat, selected_providers=["GPT-4"], selected_models={"GPT-4": "401"}
        )
        assert [event.name for event in events] == ["message", "error", "done"]

    async def test_bad_input_is_a_problem_and_no_stream(self, chat):
        async with chat.send_streaming("") as stream:
            assert stream.response.status_code == 400
            assert stream.response.headers["content-type"] == "application/problem+json"


class TestAttaching:
    async def test_a_finished_message_replays_and_ends(self, chat):
        sent = await chat.send(selected_providers=BOTH)
        async with chat.stream(f"/api/chat/messages/{sent['message_id']}/stream") as stream:
            events = await stream.rest()
        names = [event.name for event in events]
        assert names == ["message", "delta", "reply", "delta", "reply", "done"]
        assert events[-1].data == sent

    async def test_several_viewers_see_the_same_whatever_came_before(self, chat):
        async with chat.send_streaming(
            selected_providers=BOTH, selected_models=dict.fromkeys(BOTH, "drip:5")
        ) as first:
            begun = await first.until("delta")
            path = f"/api/chat/messages/{begun[0].data['message_id']}/stream"
            async with chat.stream(path) as second:
                seen, late = await asyncio.gather(first.rest(), second.rest())
        texts = texts_of([*begun, *seen])
        assert sorted(texts.values()) == [answer_text("drip:5", "Bonjour")] * 2
        assert texts_of(late) == texts
        assert late[-1].data == seen[-1].data

    async def test_a_viewer_that_leaves_does_not_stop_the_replies(self, chat):
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "drip:5"}
        ) as stream:
            begun = await stream.until("delta")
        path = f"/api/chat/messages/{begun[0].data['message_id']}"
        async with chat.stream(f"{path}/stream") as again:
            events = await again.rest()
        assert events[-1].data["ai_responses"] == {"GPT-4": answer_text("drip:5", "Bonjour")}

    async def test_another_users_message_is_not_there(self, chat, other):
        sent = await chat.send()
        async with other.stream(f"/api/chat/messages/{sent['message_id']}/stream") as stream:
            assert stream.response.status_code == 404

    async def test_an_eleventh_stream_is_refused_until_one_is_closed(self, chat):
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "hang_mid"}
        ) as first:
            begun = await first.until("delta")
            path = f"/api/chat/messages/{begun[0].data['message_id']}/stream"
            open_ones = [chat.stream(path) for _ in range(9)]
            for each in open_ones:
                stream = await each.__aenter__()
                assert stream.response.status_code == 200
            async with chat.stream(path) as eleventh:
                assert eleventh.response.status_code == 429
                assert "10 streams" in eleventh.response.json()["detail"]
                assert eleventh.response.headers["retry-after"]
            # Nor is a message stored whose sender is told to try again.
            async with chat.send_streaming("refused") as refused:
                assert refused.response.status_code == 429
            listed = (await chat.get("/api/chat/conversations")).json()["conversations"]
            assert [each["title"] for each in listed] == ["Bonjour"]
            await open_ones.pop().__aexit__(None, None, None)
            async with asyncio.timeout(5):
                while True:
                    async with chat.stream(path) as again:
                        if again.response.status_code == 200:
                            break
            for each in open_ones:
                await each.__aexit__(None, None, None)


class TestResuming:
    async def test_after_any_event_the_rest_is_whole(self, chat):
        """Whatever the last event seen was: nothing is lost, and nothing comes twice."""
        events = await streamed(
            chat, selected_providers=BOTH, selected_models={"GPT-4": "drip:1", "Claude": "401"}
        )
        path = f"/api/chat/messages/{events[0].data['message_id']}/stream"
        for number, event in enumerate(events[:-1], start=1):
            async with chat.stream(path, headers={"Last-Event-ID": event.id}) as stream:
                rest = await stream.rest()
            assert texts_of([*events[:number], *rest]) == texts_of(events)
            for name in ("message", "reply", "error", "done"):
                both = [*by_name(events[:number], name), *by_name(rest, name)]
                assert both == by_name(events, name)

    async def test_in_the_middle_it_goes_on_while_more_comes(self, chat):
        async with chat.send_streaming(
            selected_providers=BOTH, selected_models=dict.fromkeys(BOTH, "drip:5")
        ) as stream:
            begun = await stream.until("delta")
        path = f"/api/chat/messages/{begun[0].data['message_id']}/stream"
        while begun[-1].name != "done":
            async with chat.stream(path, headers={"Last-Event-ID": begun[-1].id}) as stream:
                events = aiter(stream)
                begun += [await anext(events), *await _some(events, 3)]
        assert sorted(texts_of(begun).values()) == [answer_text("drip:5", "Bonjour")] * 2
        assert len(by_name(begun, "message")) == len(by_name(begun, "done")) == 1
        assert len(by_name(begun, "reply")) == 2

    async def test_after_the_last_event_there_is_nothing(self, chat):
        events = await streamed(chat, selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{events[0].data['message_id']}/stream"
        async with chat.stream(path, headers={"Last-Event-ID": events[-1].id}) as stream:
            assert stream.response.status_code == 204

    @pytest.mark.parametrize(
        "event_id",
        ["", "x", "1.1", "1.1.9999f", "1.9.0", "99.1.0", "1.1.1~", "~done", "1.1.1~1", "-1.1.1"],
    )
    async def test_an_event_that_never_was_is_400(self, chat, event_id):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}/stream"
        async with chat.stream(path, headers={"Last-Event-ID": event_id}) as stream:
            assert stream.response.status_code == 400
            assert "Last-Event-ID" in stream.response.json()["detail"]


async def _some(events, number):
    """At most so many of the next events, unless they take long."""
    some = []
    with contextlib.suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(0.05):
            while len(some) < number:
                some.append(await anext(events))
    return some
