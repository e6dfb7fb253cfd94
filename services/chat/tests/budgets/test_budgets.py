"""Budgets: money is held before providers are asked, and settled once per reply."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from webox_chat.budgets.repository import BudgetRepository
from webox_chat.budgets.schemas import Limits
from webox_chat.cli import main
from webox_chat.models import spending
from webox_kit.database import Database

REGISTRY = """
extends_default = false

[providers.Priced]
protocol = "openai"
base_url = "{url}/v1"
default_model = "ok"
allow_private = true
models.ok = {{ input_price = "1000", output_price = "1000" }}
models."401" = {{ input_price = "1000", output_price = "1000" }}
models.hang_mid = {{ input_price = "1000", output_price = "1000" }}
models.hang_headers = {{ input_price = "1000", output_price = "1000" }}

[providers.Free]
protocol = "openai"
base_url = "{url}/v1"
default_model = "ok"
allow_private = true
"""
# A dollar for a thousand tokens: a question of 10 tokens, answered with 100 at most.
SEND = {"message": "x" * 30, "selected_providers": ["Priced"], "max_tokens": 100}
HELD = Decimal("0.11")
NOW = {"seconds": 0}


@pytest.fixture(scope="module")
def settings(settings_apart):
    """Users may spend a dollar a month."""
    return settings_apart(REGISTRY, monthly_spend=Decimal(1))


@pytest.fixture(scope="module")
async def service(settings, run_chat, tmp_path_factory):
    async with run_chat(settings, tmp_path_factory.mktemp("budget-logs")) as client:
        yield client


@pytest.fixture
def chat(service, new_user):
    return new_user(service)


@pytest.fixture
async def database(settings):
    database = Database(settings.database_url)
    yield database
    await database.close()


@pytest.fixture
def set_own(database, settings):
    """Gives a user limits of their own."""

    async def set_limits(chat, **limits):
        budgets = BudgetRepository(database, settings.default_limits)
        await budgets.set_limits(chat.user_id, Limits(**limits))

    return set_limits


async def send(chat, **more):
    return await chat.post("/api/chat/send", json=SEND | more)


async def budget(chat):
    return (await chat.get("/api/chat/budget")).json()


async def spent(chat):
    """What is spent once nothing is held any more."""
    while (now := await budget(chat))["reserved"] != "0":
        pass
    return Decimal(now["spent"])


class TestMoney:
    async def test_a_reply_is_settled_with_what_it_cost(self, chat):
        before = await budget(chat)
        assert (before["monthly_spend"], before["spent"], before["left"]) == ("1", "0", "1")
        answer = await send(chat)
        assert answer.status_code == 200, answer.text
        cost = Decimal(answer.json()["replies"]["Priced"]["cost"])
        assert await spent(chat) == cost > 0
        assert Decimal((await budget(chat))["left"]) == 1 - cost

    async def test_while_it_runs_its_most_is_held(self, chat):
        path = (await send(chat, selected_models={"Priced": "hang_headers"}, wait=NOW)).headers[
            "location"
        ]
        assert Decimal((await budget(chat))["reserved"]) == HELD
        await chat.post(f"{path}/cancel")
        assert await spent(chat) == 0, "nothing was said"

    async def test_of_many_at_once_no_more_begin_than_there_is_money_for(self, chat):
        """Nine times eleven cents are within a dollar."""
        hanging = {"selected_models": {"Priced": "hang_headers"}, "wait": NOW}
        answers = await asyncio.gather(*(send(chat, **hanging) for _ in range(14)))
        statuses = [each.status_code for each in answers]
        assert (statuses.count(202), statuses.count(429)) == (9, 5)
        refused = next(each for each in answers if each.status_code == 429)
        assert "$1.00 a month" in refused.json()["detail"]
        assert "held for replies under way" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        for each in answers:
            if each.status_code == 202:
                await chat.post(f"{each.headers['location']}/cancel")
        assert await spent(chat) == 0
        assert (await send(chat)).status_code == 200

    async def test_over_it_the_answer_says_when_it_frees(self, chat, database):
        await send(chat)
        await spent(chat)
        async with database.transaction() as session:
            await session.execute(
                update(spending)
                .where(spending.c.user_id == chat.user_id)
                .values(spent=Decimal("0.995"))
            )
        answer = await send(chat)
        assert answer.status_code == 429
        resets = (await budget(chat))["resets_at"]
        assert resets[:10] in answer.json()["detail"]
        assert 0 < int(answer.headers["retry-after"]) <= timedelta(days=31).total_seconds()
        assert len((await chat.get("/api/chat/conversations")).json()["conversations"]) == 1

    async def test_to_the_last_bit_it_is_enough(self, chat, set_own):
        await set_own(chat, monthly_spend=HELD)
        assert (await send(chat)).status_code == 200
        await set_own(chat, monthly_spend=await spent(chat) + HELD)
        assert (await send(chat)).status_code == 200
        await set_own(chat, monthly_spend=await spent(chat) + HELD - Decimal("0.0000000001"))
        assert (await send(chat)).status_code == 429

    async def test_a_model_without_a_price_costs_nothing(self, chat, set_own):
        await set_own(chat, monthly_spend=Decimal(0))
        assert (await send(chat, selected_providers=["Free"])).status_code == 200
        assert (await send(chat)).status_code == 429

    async def test_what_was_not_stored_is_not_held(self, chat):
        assert (await send(chat, conversation_id=999_999_999)).status_code == 404
        assert (await budget(chat))["reserved"] == "0"

    async def test_a_cancelled_reply_counts_with_what_was_said(self, chat):
        async with chat.stream(
            "/api/chat/send", "POST", json=SEND | {"selected_models": {"Priced": "hang_mid"}}
        ) as stream:
            [first, *_] = await stream.until("delta")
            await chat.post(f"/api/chat/messages/{first.data['message_id']}/cancel")
        assert 0 < await spent(chat) < HELD

    async def test_deleting_what_runs_frees_nothing(self, chat):
        sent = await send(chat, selected_models={"Priced": "hang_headers"}, wait=NOW)
        await chat.request("DELETE", f"/api/chat/conversations/{sent.json()['conversation_id']}")
        assert await spent(chat) == HELD

    async def test_a_retry_is_held_and_settled_too(self, chat, set_own):
        sent = await send(chat, selected_models={"Priced": "401"})
        assert sent.status_code == 502
        assert await spent(chat) == 0
        path = f"/api/chat/messages/{sent.json()['message_id']}"
        answer = await chat.post(f"{path}/replies/Priced/retry", json={"model": "ok"})
        assert answer.status_code == 202
        assert await spent(chat) > 0
        await set_own(chat, monthly_spend=Decimal("0.01"))
        refused = await chat.post(f"{path}/replies/Priced/retry", json={"model": "ok"})
        assert refused.status_code == 429

    async def test_a_thread_counts_with_what_was_said_before(self, chat, set_own):
        await set_own(chat)
        sent = (await send(chat, message="y" * 300)).json()
        while not (before := await spent(chat)):
            pass
        await set_own(chat, monthly_spend=before + HELD)
        again = await send(chat, conversation_id=sent["conversation_id"])
        assert again.status_code == 429, "the thread is longer than the question"
        assert (await send(chat)).status_code == 200

    async def test_what_a_dead_send_held_is_given_back(self, chat, database, settings):
        await send(chat)
        budgets = BudgetRepository(database, settings.default_limits)
        cost = await spent(chat)
        assert await budgets.reserve(chat.user_id, HELD)
        async with database.transaction() as session:
            await session.execute(
                update(spending)
                .where(spending.c.user_id == chat.user_id)
                .values(reserved_at=spending.c.reserved_at - timedelta(hours=1))
            )
        assert await spent(chat) == cost


class TestPace:
    async def test_so_many_at_once_and_then_no_more(self, chat, set_own):
        await set_own(chat, sends_a_minute=3)
        free = {"selected_providers": ["Free"], "wait": NOW}
        answers = await asyncio.gather(*(send(chat, **free) for _ in range(5)))
        statuses = [each.status_code for each in answers]
        assert (statuses.count(202) + statuses.count(200), statuses.count(429)) == (3, 2)
        refused = next(each for each in answers if each.status_code == 429)
        assert "3 messages a minute" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 20

    async def test_another_user_is_not_held_up(self, chat, service, new_user, set_own):
        await set_own(chat, sends_a_minute=1)
        free = {"selected_providers": ["Free"], "wait": NOW}
        assert [(await send(chat, **free)).status_code for _ in range(2)][1] == 429
        assert (await send(new_user(service), **free)).status_code in {200, 202}


@pytest.mark.usefixtures("logs_as_they_are")
class TestOperators:
    @pytest.fixture
    def webox_chat(self, settings, environment_of):
        runner = CliRunner(env=environment_of(settings))
        return lambda *arguments: runner.invoke(main, ["budget", *arguments])

    async def test_limits_are_set_shown_and_reset(self, webox_chat, chat):
        async def said(*arguments):
            result = await asyncio.to_thread(webox_chat, *arguments)
            assert result.exit_code == 0, result.output
            return result.output

        user = str(chat.user_id)
        assert "Monthly spend:  $1\n" in await said("show", user)
        assert "Sends a minute: 7" in await said("set", user, "--sends-a-minute", "7")
        assert "Monthly spend:  no limit" in await said("show", user)
        assert "Monthly spend:  $1\n" in await said("reset", user)

    @pytest.mark.parametrize("amount", ["-1", "NaN", "much"])
    def test_a_wrong_amount_is_one_sentence(self, webox_chat, amount):
        result = webox_chat("set", "1", "--monthly-spend", amount)
        assert result.exit_code == 2
        assert "--monthly-spend" in result.output
