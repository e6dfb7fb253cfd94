"""Sends with an Idempotency-Key: repeated, they have one effect."""

import asyncio

import pytest

HEADER = "Idempotency-Key"


async def send(chat, key, message="Bonjour", **more):
    body = {"message": message, "selected_providers": ["GPT-4"], **more}
    return await chat.post("/api/chat/send", json=body, headers={HEADER: key})


async def conversations(chat):
    return (await chat.get("/api/chat/conversations")).json()["conversations"]


async def test_a_repeated_request_answers_what_the_first_one_made(chat):
    first, again = [await send(chat, "k1") for _ in range(2)]
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert len(await conversations(chat)) == 1


async def test_of_fifty_at_once_one_makes_a_message(chat):
    """F28: all answer with it, whole."""
    answers = await asyncio.gather(
        *(send(chat, "k2", selected_models={"GPT-4": "delay:300"}) for _ in range(50))
    )
    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["message_id"] for each in answers}) == 1
    assert all(each.json()["ai_responses"] for each in answers)
    [conversation] = await conversations(chat)
    assert conversation["message_count"] == 2


async def test_in_a_conversation_as_well(chat):
    first = (await send(chat, "k3")).json()
    answers = await asyncio.gather(
        *(send(chat, "k4", "suite", conversation_id=first["conversation_id"]) for _ in range(10))
    )
    assert {each.status_code for each in answers} == {200}
    [conversation] = await conversations(chat)
    assert conversation["message_count"] == 4


async def test_while_it_is_in_flight_a_repeat_waits_likewise(chat):
    first = asyncio.create_task(send(chat, "k5", selected_models={"GPT-4": "delay:600"}))
    while not await conversations(chat):
        pass
    again = await send(chat, "k5", selected_models={"GPT-4": "delay:600"})
    assert again.status_code == 200
    assert again.json()["ai_responses"] == (await first).json()["ai_responses"] != {}


async def test_another_body_is_409(chat):
    await send(chat, "k6")
    for more in ({"message": "Salut"}, {"temperature": 0.1}, {"folder": "Autre"}):
        other = await send(chat, "k6", **more)
        assert other.status_code == 409
        assert HEADER in other.json()["detail"]
    assert len(await conversations(chat)) == 1


async def test_how_long_to_wait_is_not_part_of_it(chat):
    slow = {"selected_models": {"GPT-4": "delay:700"}}
    first = await send(chat, "k7", wait={"seconds": 0}, **slow)
    again = await send(chat, "k7", wait={"seconds": 10}, **slow)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["message_id"] == again.json()["message_id"]


async def test_a_stream_can_repeat_a_send(chat):
    sent = (await send(chat, "k8")).json()
    async with chat.send_streaming(headers={HEADER: "k8"}, selected_providers=["GPT-4"]) as stream:
        events = await stream.rest()
    assert events[-1].data == sent


async def test_two_users_may_have_the_same_key(chat, other):
    mine, theirs = await send(chat, "k9"), await send(other, "k9")
    assert mine.json()["message_id"] != theirs.json()["message_id"]


async def test_a_request_that_was_refused_uses_no_key(chat):
    assert (await send(chat, "k10", conversation_id=999_999_999)).status_code == 404
    assert (await send(chat, "k10", temperature=9)).status_code == 400
    assert (await send(chat, "k10")).status_code == 200


async def test_what_was_deleted_is_not_made_again(chat):
    sent = (await send(chat, "k11")).json()
    await chat.request("DELETE", f"/api/chat/conversations/{sent['conversation_id']}")
    assert (await send(chat, "k11")).status_code == 404
    assert await conversations(chat) == []


@pytest.mark.parametrize("key", ["", "x" * 256, "with\ttab"])
async def test_a_key_that_cannot_be_one_is_400(chat, key):
    answer = await send(chat, key)
    assert answer.status_code == 400
    assert "1 to 255" in answer.json()["detail"]


async def test_the_longest_key_is_taken(chat):
    assert (await send(chat, "x" * 255)).status_code == 200
