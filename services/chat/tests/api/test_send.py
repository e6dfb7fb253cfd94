"""POST /api/chat/send and what it leaves behind."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from webox_double import Double, answer_text
from webox_kit.database import Database

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$
"""
SLOWLY = """
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON message DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow()
"""
BOTH = ["GPT-4", "Claude"]


async def test_two_providers_answer(chat):
    answer = await chat.send(
        "Bonjour",
        selected_providers=BOTH,
        selected_models={"GPT-4": "gpt-4-turbo", "Claude": "claude-3-opus"},
        temperature=0.7,
        max_tokens=2000,
    )
    assert answer["user_message"] == "Bonjour"
    assert answer["ai_responses"] == {
        "GPT-4": answer_text("gpt-4-turbo", "Bonjour"),
        "Claude": answer_text("claude-3-opus", "Bonjour"),
    }
    assert list(answer["ai_responses"]) == BOTH
    assert answer["errors"] == {}
    assert isinstance(answer["conversation_id"], int)
    assert isinstance(answer["message_id"], int)
    assert 0 < answer["response_time"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["created_at"])
    reply = answer["replies"]["GPT-4"]
    assert reply["status"] == "done"
    assert reply["model"] == "gpt-4-turbo"
    assert reply["attempt"] == 1
    assert reply["finish_reason"] == "stop"
    assert reply["input_tokens"] > 0
    assert reply["output_tokens"] > 0


async def test_one_failing_provider_does_not_fail_the_others(chat):
    answer = await chat.send(selected_providers=BOTH, selected_models={"Claude": "401"})
    assert list(answer["ai_responses"]) == ["GPT-4"]
    problem = answer["errors"]["Claude"]
    assert problem["code"] == "unauthorized"
    assert problem["status"] == 502
    assert answer["replies"]["Claude"]["status"] == "failed"
    assert "canary-key" not in str(answer)


async def test_all_failing_is_502_with_the_same_fields(chat):
    answer = await chat.post(
        "/api/chat/send",
        json={"message": "x", "selected_providers": ["GPT-4"], "selected_models": {"GPT-4": "401"}},
    )
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == 502
    assert body["ai_responses"] == {}
    assert body["errors"]["GPT-4"]["code"] == "unauthorized"
    assert body["message_id"] > 0


async def test_a_second_message_reaches_each_provider_with_its_own_thread(chat, double: Double):
    first = await chat.send("Question un", selected_providers=["GPT-4"])
    double.clear()
    await chat.send(
        "Question deux",
        conversation_id=first["conversation_id"],
        selected_providers=["GPT-4", "Claude"],
    )
    sizes = {call.protocol: call.messages for call in double.calls}
    assert sizes["openai"] == 3
    # Claude has not answered before: it sees both questions, and nothing of the other's answers.
    assert sizes["anthropic"] in {1, 2}


async def test_a_slow_reply_is_202_and_attaches_later(chat):
    answer = await chat.post(
        "/api/chat/send",
        json={
            "message": "lent",
            "selected_providers": BOTH,
            "selected_models": {"Claude": "delay:900"},
            "wait": {"replies": 1},
        },
    )
    assert answer.status_code == 202
    assert list(answer.json()["ai_responses"]) == ["GPT-4"]
    location = answer.headers["location"]
    assert location == f"/api/chat/messages/{answer.json()['message_id']}"
    later = await poll(chat, location, lambda body: len(body["ai_responses"]) == 2)
    assert later["ai_responses"]["Claude"] == answer_text("delay:900", "lent")


async def poll(chat, path, satisfied):
    """Read until it is as wanted; the test's time limit ends it otherwise."""
    while True:
        body = (await chat.get(path)).json()
        if satisfied(body):
            return body


async def test_no_providers_named_asks_the_first_available(chat):
    answer = await chat.send("sans choix")
    assert list(answer["ai_responses"]) == ["GPT-4", "Claude"]


async def test_a_message_of_another_is_not_found(chat, other):
    mine = await chat.send()
    theirs = await other.get(f"/api/chat/messages/{mine['message_id']}")
    missing = await other.get("/api/chat/messages/999999999")
    assert theirs.status_code == missing.status_code == 404
    assert theirs.json()["title"] == missing.json()["title"]


BAD_BODIES = {
    "nothing": {},
    "message of a wrong type": {"message": 12},
    "null message": {"message": None},
    "empty": {"message": ""},
    "blank": {"message": " \n\t "},
    "one character too many": {"message": "x" * 200_001},
    "temperature above": {"message": "x", "temperature": 2.01},
    "temperature below": {"message": "x", "temperature": -0.01},
    "temperature of a wrong type": {"message": "x", "temperature": "hot"},
    "no tokens": {"message": "x", "max_tokens": 0},
    "too many tokens": {"message": "x", "max_tokens": 1_000_001},
    "conversation of a wrong type": {"message": "x", "conversation_id": "12"},
    "conversation beyond bigint": {"message": "x", "conversation_id": 2**63},
    "no providers": {"message": "x", "selected_providers": []},
    "unknown provider": {"message": "x", "selected_providers": ["GPT-5000"]},
    "unavailable provider": {"message": "x", "selected_providers": ["Locked"]},
    "the same provider twice": {"message": "x", "selected_providers": ["GPT-4", "GPT-4"]},
    "nine providers": {"message": "x", "selected_providers": [f"P{n}" for n in range(9)]},
    "model that the provider does not have": {
        "message": "x",
        "selected_providers": ["Mistral"],
        "selected_models": {"Mistral": "huge"},
    },
    "model for a provider that is not asked": {
        "message": "x",
        "selected_providers": ["GPT-4"],
        "selected_models": {"Claude": "ok"},
    },
    "folder too long": {"message": "x", "folder": "f" * 101},
    "waiting too long": {"message": "x", "wait": {"seconds": 301}},
    "waiting for none": {"message": "x", "wait": {"replies": 0}},
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_bad_input_is_400_and_stores_nothing(chat, body):
    answer = await chat.post("/api/chat/send", json=body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["detail"]
    assert problem["errors"][0]["pointer"].startswith("#")
    assert (await chat.get("/api/chat/conversations")).json()["conversations"] == []


async def test_an_unknown_provider_is_answered_with_those_that_can_be_had(chat):
    answer = await chat.post(
        "/api/chat/send", json={"message": "x", "selected_providers": ["GPT-5000"]}
    )
    assert "GPT-5000" in answer.json()["detail"]
    assert "GPT-4, Claude, Mistral" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"a=1", "text/plain", 415),
    ],
)
async def test_what_is_no_json_is_refused(chat, content, media_type, status):
    answer = await chat.post(
        "/api/chat/send", content=content, headers={"content-type": media_type}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_limits_are_reached_without_error(chat):
    long = "x" * 200_000
    answer = await chat.send(
        long, temperature=2, max_tokens=1_000_000, folder="f" * 100, selected_providers=["GPT-4"]
    )
    assert answer["user_message"] == long


async def test_nul_and_lone_surrogates_are_replaced(chat):
    answer = await chat.post(
        "/api/chat/send",
        content=rb'{"message": "a\u0000b\ud800c", "selected_providers": ["GPT-4"]}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200
    assert answer.json()["user_message"] == "a\ufffdb\ufffdc"


@pytest.fixture
async def slow_disk(database: Database) -> AsyncIterator[None]:
    """Messages take a while to be committed."""
    async with database.transaction() as session:
        await session.execute(text(SLOW))
        await session.execute(text(SLOWLY))
    yield
    async with database.transaction() as session:
        await session.execute(text("DROP FUNCTION slow CASCADE"))


@pytest.mark.usefixtures("slow_disk")
async def test_at_most_fifty_unfinished_replies_of_sends_at_once(chat):
    slow = {
        "message": "x",
        "selected_providers": ["GPT-4", "Claude"],
        "selected_models": {"GPT-4": "delay:4000", "Claude": "delay:4000"},
        "wait": {"seconds": 0},
    }
    for sends, answers in ((24, {202: 24}), (20, {202: 1, 429: 19})):
        sent = await asyncio.gather(*(chat.post("/api/chat/send", json=slow) for _ in range(sends)))
        assert Counter(answer.status_code for answer in sent) == answers


async def test_at_most_fifty_unfinished_replies(chat):
    slow = {
        "message": "x",
        "selected_providers": ["GPT-4", "Claude"],
        "selected_models": {"GPT-4": "delay:4000", "Claude": "delay:4000"},
        "wait": {"seconds": 0},
    }
    sent = await asyncio.gather(*(chat.post("/api/chat/send", json=slow) for _ in range(25)))
    assert {answer.status_code for answer in sent} == {202}
    refused = await chat.post("/api/chat/send", json=slow)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "50 are" in refused.json()["detail"]
    follow_up = slow | {"conversation_id": sent[0].json()["conversation_id"]}
    assert (await chat.post("/api/chat/send", json=follow_up)).status_code == 429
    to_nowhere = slow | {"conversation_id": 2**62}
    assert (await chat.post("/api/chat/send", json=to_nowhere)).status_code == 404
    listed = (await chat.get("/api/chat/conversations")).json()["conversations"]
    assert [each["message_count"] for each in listed] == [1] * 25, "nothing of the refused is left"
