"""The contract's core row of sending, literally, and the rows around it."""

import pytest
from webox_stack import A_MOMENT, AN_ID, PROVIDERS, DoubleProgram, User, eventually, picked
from webox_stack.shapes import A_COUNT

from webox_double import answer_text, token_count

BODY = {
    "message": "Bonjour",
    "selected_providers": ["GPT-4", "Claude"],
    "selected_models": {"GPT-4": "gpt-4-turbo", "Claude": "claude-3-opus"},
    "temperature": 0.7,
    "max_tokens": 2000,
}
REPLY = {
    "id": AN_ID,
    "status": "done",
    "attempt": 1,
    "finish_reason": "stop",
    "time_to_first_token_ms": A_COUNT,
    "total_ms": A_COUNT,
    "input_tokens": token_count("Bonjour"),
    "demo": False,
}


class TestSend:
    async def test_answers_with_every_providers_text(self, user: User) -> None:
        answer = await user.post("/api/chat/send", BODY)
        expected = {
            "conversation_id": AN_ID,
            "message_id": AN_ID,
            "user_message": "Bonjour",
            "ai_responses": {
                "GPT-4": answer_text("gpt-4-turbo", "Bonjour"),
                "Claude": answer_text("claude-3-opus", "Bonjour"),
            },
            "response_time": A_COUNT,
            "created_at": A_MOMENT,
            "errors": {},
        }
        assert picked(answer, expected) == expected

    async def test_tells_of_each_reply(self, user: User) -> None:
        replies = (await user.post("/api/chat/send", BODY))["replies"]
        tokens = token_count(answer_text("gpt-4-turbo", "Bonjour"))
        expected = {
            "GPT-4": REPLY | {"model": "gpt-4-turbo", "output_tokens": tokens},
            "Claude": REPLY | {"model": "claude-3-opus"},
        }
        assert picked(replies, expected) == expected
        # 10 and 30 dollars for a million tokens, as the registry says; Claude's are not told.
        dollars = (token_count("Bonjour") * 10 + tokens * 30) / 1_000_000
        assert float(replies["GPT-4"]["cost"]) == pytest.approx(dollars)
        assert replies["Claude"]["cost"] is None

    async def test_goes_on_with_a_conversation(self, user: User) -> None:
        first = await user.post("/api/chat/send", BODY)
        body = BODY | {"conversation_id": first["conversation_id"], "message": "Et encore ?"}
        second = await user.post("/api/chat/send", body)
        assert second["conversation_id"] == first["conversation_id"]
        assert second["message_id"] > first["message_id"]
        assert second["user_message"] == "Et encore ?"

    async def test_needs_nothing_but_a_message(self, user: User) -> None:
        answer = await user.post("/api/chat/send", {"message": "Bonjour"})
        assert sorted(answer["ai_responses"]) == ["Claude", "GPT-4"]

    async def test_puts_a_new_conversation_into_the_folder(self, user: User) -> None:
        answer = await user.send("Bonjour", folder="Travail", selected_providers=["GPT-4"])
        shown = await user.get(f"/api/chat/conversations/{answer['conversation_id']}")
        assert (shown["folder"], shown["title"]) == ("Travail", "Bonjour")


class TestFailures:
    async def test_one_failing_provider_fails_no_other(self, user: User) -> None:
        answer = await user.send(
            "Bonjour",
            selected_providers=["GPT-4", "Claude"],
            selected_models={"GPT-4": "401"},
        )
        assert answer["ai_responses"] == {"Claude": answer_text("claude-3-opus", "Bonjour")}
        assert picked(answer["errors"], {"GPT-4": {"code": "unauthorized"}}) == {
            "GPT-4": {"code": "unauthorized"}
        }
        assert answer["replies"]["GPT-4"]["status"] == "failed"

    async def test_all_failing_is_a_problem_with_the_same_fields(self, user: User) -> None:
        response = await user.http.post(
            "/api/chat/send",
            json=BODY | {"selected_models": {"GPT-4": "401", "Claude": "badjson"}},
        )
        assert response.status_code == 502
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        expected = {
            "status": 502,
            "conversation_id": AN_ID,
            "message_id": AN_ID,
            "user_message": "Bonjour",
            "ai_responses": {},
            "errors": {"GPT-4": {"code": "unauthorized"}, "Claude": {"code": "bad_response"}},
            "created_at": A_MOMENT,
        }
        assert picked(problem, expected) == expected

    @pytest.mark.parametrize("name", ["Nobody", "Gemini"])
    async def test_a_provider_that_cannot_be_had_is_named(self, user: User, name: str) -> None:
        problem = await user.send("Bonjour", selected_providers=[name], expect=400)
        assert name in problem["detail"]
        for available in PROVIDERS:
            assert available in problem["detail"]


class TestNotInTime:
    async def test_the_late_reply_attaches(self, user: User) -> None:
        response = await user.http.post(
            "/api/chat/send",
            json=BODY
            | {"selected_models": {"GPT-4": "delay:1200"}, "wait": {"replies": 1, "seconds": 20}},
        )
        assert response.status_code == 202
        answer = response.json()
        location = f"/api/chat/messages/{answer['message_id']}"
        assert response.headers["Location"] == location
        assert answer["ai_responses"] == {"Claude": answer_text("claude-3-opus", "Bonjour")}
        assert answer["replies"]["GPT-4"]["status"] in {"queued", "running"}

        async def all_there() -> None:
            now = await user.get(location)
            assert now["ai_responses"] == {
                "GPT-4": answer_text("delay:1200", "Bonjour"),
                "Claude": answer_text("claude-3-opus", "Bonjour"),
            }
            assert picked(now, answer | {"ai_responses": {}}).keys() == answer.keys()

        await eventually(all_there)

    async def test_waiting_for_nothing_answers_at_once(
        self, user: User, double: DoubleProgram
    ) -> None:
        model = "delay:400+at-once"
        answer = await user.send(
            "Bonjour",
            expect=202,
            selected_providers=["GPT-4"],
            selected_models={"GPT-4": model},
            wait={"seconds": 0},
        )
        assert answer["ai_responses"] == {}

        async def finished() -> None:
            now = await user.get(f"/api/chat/messages/{answer['message_id']}")
            assert now["replies"]["GPT-4"]["status"] == "done"

        await eventually(finished)
        assert len(double.calls(model)) == 1


class TestProviders:
    async def test_shows_all_and_what_is_missing(self, user: User) -> None:
        listed = (await user.get("/api/chat/providers"))["providers"]
        assert [each["name"] for each in listed] == [*PROVIDERS, "Gemini"]
        gpt4, gemini = listed[0], listed[-1]
        assert gpt4 == {
            "name": "GPT-4",
            "protocol": "openai",
            "models": ["gpt-4-turbo"],
            "default_model": "gpt-4-turbo",
            "available": True,
            "reason": None,
            "circuit": "closed",
            "demo": False,
        }
        assert gemini["available"] is False
        assert "WEBOX_TEST_ABSENT_KEY" in gemini["reason"]
