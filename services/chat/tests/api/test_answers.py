"""What a reply says beside its text: how it was asked, who answered, what was left out."""

import pytest

from webox_double import answer_text

REGISTRY = """
extends_default = false

[providers.Small]
protocol = "openai"
base_url = "{url}/v1"
default_model = "ok"
allow_private = true
models.ok = {{ context_window = 300 }}

[providers.Broken]
protocol = "openai"
base_url = "{url}/v1"
default_model = "500"
extra_models = true
allow_private = true
retry = {{ tries = 1 }}
circuit = {{ failures = 3, open_seconds = 60 }}

[providers.Replaced]
protocol = "anthropic"
base_url = "{url}/v1"
default_model = "500"
extra_models = true
allow_private = true
fallback = "Small"
retry = {{ tries = 1 }}
"""


@pytest.fixture(scope="module")
def settings(settings_apart):
    return settings_apart(REGISTRY)


@pytest.fixture(scope="module")
async def service(settings, run_chat, tmp_path_factory):
    async with run_chat(settings, tmp_path_factory.mktemp("answer-logs")) as client:
        yield client


@pytest.fixture
def small(service, new_user):
    """A user of a chat whose providers are `REGISTRY`'s."""
    return new_user(service)


class TestAsking:
    async def test_system_and_stop_reach_the_provider_and_are_kept_for_a_retry(self, chat, double):
        asking = {"system": "Answer in verse.", "stop": ["END", "FIN"]}
        double.clear()
        sent = await chat.send(selected_providers=["GPT-4", "Claude"], **asking)
        assert {call.system for call in double.calls} == {"Answer in verse."}
        assert {call.stop for call in double.calls} == {("END", "FIN")}
        double.clear()
        await chat.post(f"/api/chat/messages/{sent['message_id']}/replies/Claude/retry")
        await double.until(lambda calls: [call.system for call in calls] == ["Answer in verse."])

    @pytest.mark.parametrize(
        "body",
        [
            {"system": ""},
            {"system": "x" * 20_001},
            {"system": 1},
            {"stop": []},
            {"stop": [""]},
            {"stop": ["x" * 101]},
            {"stop": ["a", "b", "c", "d", "e"]},
            {"stop": "x"},
        ],
        ids=str,
    )
    async def test_bad_ones_are_400(self, chat, body):
        answer = await chat.post("/api/chat/send", json={"message": "x", **body})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"].startswith(f"#/{next(iter(body))}")

    async def test_the_longest_ones_are_taken(self, chat):
        await chat.send(system="x" * 20_000, stop=["x" * 100] * 4)


class TestAnswering:
    async def test_reasoning_is_kept_apart(self, chat):
        both = ["GPT-4", "Claude"]
        sent = await chat.send(
            selected_providers=both, selected_models=dict.fromkeys(both, "reasoning")
        )
        for name in both:
            assert sent["ai_responses"][name] == answer_text("reasoning", "Bonjour")
            assert sent["replies"][name]["reasoning"]
            assert sent["replies"][name]["reasoning"] not in sent["ai_responses"][name]
        path = f"/api/chat/conversations/{sent['conversation_id']}"
        read = (await chat.get(path)).json()["messages"]
        assert [bool(each["reasoning"]) for each in read] == [False, True, True]

    async def test_no_reasoning_is_null(self, chat):
        sent = await chat.send(selected_providers=["GPT-4"])
        assert sent["replies"]["GPT-4"]["reasoning"] is None

    async def test_a_thread_longer_than_the_window_is_cut_and_says_so(self, small, double):
        first = await small.send("x" * 300, selected_providers=["Small"])
        assert first["replies"]["Small"]["context_cut"] is False
        double.clear()
        more = {"conversation_id": first["conversation_id"], "selected_providers": ["Small"]}
        second = await small.send("y" * 300, **more)
        assert second["replies"]["Small"]["context_cut"] is True
        assert [call.messages for call in double.calls] == [1]

    async def test_who_answered_instead_is_named(self, small):
        sent = await small.send(selected_providers=["Replaced"])
        assert sent["ai_responses"] == {"Replaced": answer_text("ok", "Bonjour")}
        assert sent["replies"]["Replaced"]["fallback"] == {"provider": "Small", "model": "ok"}
        assert sent["replies"]["Replaced"]["model"] == "500"


class TestCircuit:
    async def test_it_opens_after_some_failures_and_its_users_are_told_once(
        self, small, service, new_user, published_by
    ):
        send = {"message": "x", "selected_providers": ["Broken"]}
        codes = []
        for _ in range(5):
            answer = await small.post("/api/chat/send", json=send)
            codes.append(answer.json()["errors"]["Broken"]["code"])
        assert codes == ["unavailable"] * 3 + ["circuit_open"] * 2
        other = new_user(service)
        assert (await other.post("/api/chat/send", json=send)).status_code == 502
        told = await published_by("chat.provider_circuit_opened")
        assert [(each["user_id"], each["provider"]) for each in told] == [
            (small.user_id, "Broken"),
            (other.user_id, "Broken"),
        ]
        listed = (await small.get("/api/chat/providers")).json()["providers"]
        assert {each["name"]: each["circuit"] for each in listed} == {
            "Small": "closed",
            "Broken": "open",
            "Replaced": "closed",
        }

    @pytest.fixture
    async def published_by(self, settings, published_in):
        return lambda event_type: published_in(settings, event_type)
