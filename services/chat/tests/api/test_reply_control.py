"""Single replies: cancelled, retried, and looked at as history."""

import asyncio

import pytest

from webox_double import answer_text

BOTH = ["GPT-4", "Claude"]
HALF = answer_text("hang_mid", "Bonjour")[:20]


async def begun(chat, **models):
    """A message whose replies are under way; its path, and what is known of it."""
    sent = await chat.post(
        "/api/chat/send",
        json={
            "message": "Bonjour",
            "selected_providers": list(models),
            "selected_models": models,
            "wait": {"seconds": 0},
        },
    )
    assert sent.status_code == 202, sent.text
    return sent.headers["location"], sent.json()


async def finished(chat, path):
    while True:
        now = (await chat.get(path)).json()
        if all(each["status"] not in {"queued", "running"} for each in now["replies"].values()):
            return now


class TestCancel:
    async def test_the_text_so_far_is_kept_and_the_provider_is_left(self, chat, double):
        async with chat.send_streaming(
            selected_providers=BOTH, selected_models={"GPT-4": "hang_mid", "Claude": "drip:5"}
        ) as stream:
            events = await stream.until("delta", provider="GPT-4")
            path = f"/api/chat/messages/{events[0].data['message_id']}"
            answer = await chat.post(f"{path}/replies/GPT-4/cancel")
            events += await stream.rest()
        assert answer.status_code == 200, answer.text
        cancelled = answer.json()
        assert (cancelled["provider"], cancelled["status"]) == ("GPT-4", "cancelled")
        assert cancelled["content"] == HALF
        [mine] = [
            each.data for each in events if each.name == "reply" and each.data["content"] == HALF
        ]
        assert mine["status"] == "cancelled"
        done = events[-1].data
        assert done["ai_responses"] == {"Claude": answer_text("drip:5", "Bonjour")}
        assert done["replies"]["GPT-4"]["status"] == "cancelled"
        await double.until(
            lambda calls: [c.outcome for c in calls if c.model == "hang_mid"][-1] == "aborted"
        )

    async def test_it_counts_and_is_read_with_its_text(self, chat):
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "hang_mid"}
        ) as stream:
            [first, *_] = await stream.until("delta")
            await chat.post(f"/api/chat/messages/{first.data['message_id']}/replies/GPT-4/cancel")
        read = await chat.get(f"/api/chat/conversations/{first.data['conversation_id']}")
        assert read.json()["message_count"] == 2
        assert [each["content"] for each in read.json()["messages"]] == ["Bonjour", HALF]

    async def test_a_final_one_is_409_with_it(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}"
        for action in ("replies/GPT-4/cancel", "cancel"):
            answer = await chat.post(f"{path}/{action}")
            assert answer.status_code == 409
        one = await chat.post(f"{path}/replies/GPT-4/cancel")
        assert one.json()["reply"]["content"] == sent["ai_responses"]["GPT-4"]
        assert (await chat.get(path)).json() == sent

    async def test_a_cancelled_one_cannot_be_cancelled_again(self, chat):
        path, _ = await begun(chat, **{"GPT-4": "hang_headers"})
        first = await chat.post(f"{path}/replies/GPT-4/cancel")
        again = await chat.post(f"{path}/replies/GPT-4/cancel")
        assert (first.status_code, again.status_code) == (200, 409)

    async def test_all_are_stopped_at_once(self, chat):
        path, sent = await begun(chat, **dict.fromkeys(BOTH, "hang_headers"))
        answer = await chat.post(f"{path}/cancel")
        assert answer.status_code == 200, answer.text
        replies = answer.json()["replies"]
        assert {each["status"] for each in replies.values()} == {"cancelled"}
        assert set(replies) == set(BOTH)
        assert answer.json()["message_id"] == sent["message_id"]

    async def test_of_many_at_once_one_succeeds(self, chat):
        path, _ = await begun(chat, **{"GPT-4": "hang_headers"})
        answers = await asyncio.gather(
            *(chat.post(f"{path}/replies/GPT-4/cancel") for _ in range(5))
        )
        statuses = [each.status_code for each in answers]
        assert set(statuses) <= {200, 409}
        assert 200 in statuses

    @pytest.mark.parametrize("action", ["cancel", "replies/GPT-4/cancel", "replies/GPT-4/retry"])
    async def test_anothers_message_is_not_there(self, chat, other, action):
        path, _ = await begun(chat, **{"GPT-4": "delay:300"})
        assert (await other.post(f"{path}/{action}")).status_code == 404
        assert (await finished(chat, path))["replies"]["GPT-4"]["status"] == "done"

    @pytest.mark.parametrize("action", ["cancel", "retry"])
    async def test_a_provider_that_was_not_asked_is_not_there(self, chat, action):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}/replies"
        for name in ("Claude", "Nobody", "a%2Fb", "x" * 40):
            answer = await chat.post(f"{path}/{name}/{action}")
            assert answer.status_code == 404, name
        assert (await chat.post(f"{path}/{'x' * 41}/{action}")).status_code == 400


class TestRetry:
    async def test_another_model_answers_and_the_earlier_reply_is_history(self, chat):
        sent = await chat.send(selected_providers=BOTH, selected_models={"GPT-4": "401"})
        path = f"/api/chat/messages/{sent['message_id']}"
        answer = await chat.post(f"{path}/replies/GPT-4/retry", json={"model": "better"})
        assert answer.status_code == 202, answer.text
        again = answer.json()
        assert (again["provider"], again["model"], again["content"]) == ("GPT-4", "better", "")
        now = await finished(chat, path)
        assert now["ai_responses"]["GPT-4"] == answer_text("better", "Bonjour")
        assert now["errors"] == {}
        assert now["replies"]["Claude"] == sent["replies"]["Claude"], "the others are untouched"
        history = (await chat.get(f"{path}/replies/GPT-4")).json()["replies"]
        assert [each["id"] for each in history] == [again["id"], sent["replies"]["GPT-4"]["id"]]
        assert [each["superseded_by"] for each in history] == [None, again["id"]]
        assert [each["status"] for each in history] == ["done", "failed"]
        assert history[1]["error"]["code"] == "unauthorized"

    async def test_the_same_model_is_asked_without_a_body(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"], selected_models={"GPT-4": "some"})
        path = f"/api/chat/messages/{sent['message_id']}"
        again = await chat.post(f"{path}/replies/GPT-4/retry")
        assert again.json()["model"] == "some"
        assert again.json()["attempt"] == 0
        assert (await finished(chat, path))["replies"]["GPT-4"]["status"] == "done"

    async def test_counts_are_those_of_the_current_replies(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}"
        conversation = f"/api/chat/conversations/{sent['conversation_id']}"
        await chat.post(f"{path}/replies/GPT-4/retry", json={"model": "hang_headers"})
        assert (await chat.get(conversation)).json()["message_count"] == 1
        await chat.post(f"{path}/replies/GPT-4/cancel")
        await chat.post(f"{path}/replies/GPT-4/retry", json={"model": "ok"})
        await finished(chat, path)
        read = (await chat.get(conversation)).json()
        assert read["message_count"] == len(read["messages"]) == 2

    async def test_one_that_is_not_final_is_409(self, chat):
        path, _ = await begun(chat, **{"GPT-4": "hang_headers"})
        answer = await chat.post(f"{path}/replies/GPT-4/retry")
        assert answer.status_code == 409
        assert answer.json()["reply"]["status"] in {"queued", "running"}
        await chat.post(f"{path}/cancel")

    async def test_repeats_with_one_key_are_one(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}/replies/GPT-4"
        key, body = {"Idempotency-Key": "again-1"}, {"model": "delay:300"}
        answers = await asyncio.gather(
            *(chat.post(f"{path}/retry", json=body, headers=key) for _ in range(5))
        )
        assert {each.status_code for each in answers} == {202}
        [made] = {each.json()["id"] for each in answers}
        await finished(chat, f"/api/chat/messages/{sent['message_id']}")
        later = await chat.post(f"{path}/retry", json=body, headers=key)
        assert (later.json()["id"], later.json()["status"]) == (made, "done")
        history = (await chat.get(path)).json()["replies"]
        assert [each["id"] for each in history] == [made, sent["replies"]["GPT-4"]["id"]]
        other = await chat.post(f"{path}/retry", json={"model": "ok"}, headers=key)
        assert other.status_code == 409
        assert "another request" in other.json()["detail"]
        for_a_send = await chat.post("/api/chat/send", json={"message": "x"}, headers=key)
        assert for_a_send.status_code == 409

    async def test_a_key_that_is_none_is_400(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}/replies/GPT-4/retry"
        for characters, status in ((255, 202), (256, 400)):
            answer = await chat.post(path, headers={"Idempotency-Key": "k" * characters})
            assert answer.status_code == status, answer.text

    async def test_of_many_at_once_one_is_begun(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{sent['message_id']}"
        answers = await asyncio.gather(
            *(
                chat.post(f"{path}/replies/GPT-4/retry", json={"model": "delay:500"})
                for _ in range(5)
            )
        )
        assert sorted(each.status_code for each in answers) == [202, 409, 409, 409, 409]
        await finished(chat, path)

    @pytest.mark.parametrize("body", [{"model": ""}, {"model": 1}, {"model": "x" * 201}, [], "x"])
    async def test_a_bad_model_is_400(self, chat, body):
        sent = await chat.send(selected_providers=["Mistral"])
        path = f"/api/chat/messages/{sent['message_id']}"
        answer = await chat.post(f"{path}/replies/Mistral/retry", json=body)
        assert answer.status_code == 400
        unknown = await chat.post(f"{path}/replies/Mistral/retry", json={"model": "huge"})
        assert unknown.status_code == 400
        assert "small, large" in unknown.json()["detail"]

    async def test_who_watches_sees_the_new_reply_come(self, chat):
        async with chat.send_streaming(
            selected_providers=BOTH, selected_models={"GPT-4": "401", "Claude": "delay:1500"}
        ) as stream:
            events = await stream.until("error", provider="GPT-4")
            path = f"/api/chat/messages/{events[0].data['message_id']}"
            again = (await chat.post(f"{path}/replies/GPT-4/retry", json={"model": "ok"})).json()
            rest = await stream.rest()
        [message] = [each.data for each in rest if each.name == "message"]
        assert {each["id"] for each in message["replies"]} > {again["id"]}
        ends = {each.data["id"]: each.data["content"] for each in rest if each.name == "reply"}
        assert ends[again["id"]] == answer_text("ok", "Bonjour")
        assert list(rest[-1].data["ai_responses"]) == BOTH


class TestEdit:
    async def test_another_branch_is_asked_and_the_old_one_stays(self, chat):
        first = await chat.send("un", selected_providers=["GPT-4"], temperature=0.5)
        second = await chat.send(
            "deux",
            conversation_id=first["conversation_id"],
            selected_providers=BOTH,
            selected_models={"Claude": "some"},
        )
        answer = await chat.request(
            "PATCH", f"/api/chat/messages/{second['message_id']}", json={"message": "trois"}
        )
        assert answer.status_code == 200, answer.text
        edited = answer.json()
        assert edited["conversation_id"] == first["conversation_id"]
        assert edited["message_id"] != second["message_id"]
        assert edited["ai_responses"] == {
            "GPT-4": answer_text("ok", "trois"),
            "Claude": answer_text("some", "trois"),
        }
        read = (await chat.get(f"/api/chat/conversations/{first['conversation_id']}")).json()
        parents = {each["id"]: each["parent_id"] for each in read["messages"]}
        assert parents[edited["message_id"]] == parents[second["message_id"]] == first["message_id"]
        assert read["message_count"] == len(read["messages"]) == 8
        assert read["preview"] == "trois"

    async def test_what_is_sent_next_goes_on_from_the_new_branch(self, chat, double):
        first = await chat.send("un", selected_providers=["GPT-4"])
        await chat.request(
            "PATCH", f"/api/chat/messages/{first['message_id']}", json={"message": "autre"}
        )
        double.clear()
        await chat.send(
            "suite", conversation_id=first["conversation_id"], selected_providers=["GPT-4"]
        )
        assert [call.messages for call in double.calls] == [3]

    async def test_it_can_be_streamed(self, chat):
        first = await chat.send("un", selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{first['message_id']}"
        async with chat.stream(path, "PATCH", json={"message": "deux"}) as stream:
            events = await stream.rest()
        assert events[-1].data["ai_responses"] == {"GPT-4": answer_text("ok", "deux")}

    async def test_bad_edits_change_nothing(self, chat, other):
        first = await chat.send("un", selected_providers=["GPT-4"])
        path = f"/api/chat/messages/{first['message_id']}"
        for body in ({}, {"message": " "}, {"message": 1}, {"message": "x", "temperature": 3}):
            assert (await chat.request("PATCH", path, json=body)).status_code == 400
        assert (await other.request("PATCH", path, json={"message": "x"})).status_code == 404
        reply = f"/api/chat/messages/{first['replies']['GPT-4']['id']}"
        assert (await chat.request("PATCH", reply, json={"message": "x"})).status_code == 404
        read = await chat.get(f"/api/chat/conversations/{first['conversation_id']}")
        assert read.json()["message_count"] == 2


class TestDelete:
    async def test_what_is_being_answered_is_stopped_and_told(self, chat, double):
        """F29: within 5 s the provider's connection is closed and the stream ends."""
        async with chat.send_streaming(
            selected_providers=["GPT-4"], selected_models={"GPT-4": "hang_mid"}
        ) as stream:
            events = await stream.until("delta")
            conversation_id = events[0].data["conversation_id"]
            assert (
                await chat.request("DELETE", f"/api/chat/conversations/{conversation_id}")
            ).status_code == 200
            async with asyncio.timeout(5):
                events += await stream.rest()
                await double.until(
                    lambda calls: (
                        [c.outcome for c in calls if c.model == "hang_mid"][-1] == "aborted"
                    )
                )
        [reply] = [each.data for each in events if each.name == "reply"]
        assert (reply["status"], reply["content"]) == ("cancelled", HALF)
        assert events[-1].name == "done"
