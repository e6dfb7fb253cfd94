"""A user's settings, and the sends that go by them."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from webox_chat.models import user_setting
from webox_contracts.events import Event, UserDeleted
from webox_kit.streams import EVENT_FIELD, connect, stream_key
from webox_kit.testing import eventually

SETTINGS = "/api/chat/settings"
NOTHING = {
    "language": None,
    "time_zone": None,
    "default_providers": None,
    "default_models": None,
}
SOMETHING = {
    "language": "en",
    "time_zone": "Europe/Paris",
    "default_providers": ["Mistral", "GPT-4"],
    "default_models": {"Mistral": "large"},
}


async def change(chat, **changes):
    return await chat.request("PATCH", SETTINGS, json=changes)


class TestRead:
    async def test_nothing_is_chosen_at_first(self, chat):
        answer = await chat.get(SETTINGS)
        assert answer.status_code == 200
        assert answer.json() == NOTHING

    async def test_anothers_are_another_matter(self, chat, other):
        await change(other, **SOMETHING)
        assert (await chat.get(SETTINGS)).json() == NOTHING


class TestChange:
    async def test_all_of_them(self, chat):
        changed = await change(chat, **SOMETHING)
        assert changed.status_code == 200
        assert changed.json() == (await chat.get(SETTINGS)).json() == SOMETHING

    async def test_what_is_left_out_stays_and_null_clears(self, chat):
        await change(chat, **SOMETHING)
        assert (await change(chat, language="fr")).json() == SOMETHING | {"language": "fr"}
        assert (await change(chat, time_zone=None, language=None)).json() == SOMETHING | {
            "language": None,
            "time_zone": None,
        }
        assert (await change(chat, default_models=None, default_providers=None)).json() == NOTHING

    async def test_parallel_changes_all_count(self, chat):
        await asyncio.gather(*(change(chat, **{name: SOMETHING[name]}) for name in SOMETHING))
        assert (await chat.get(SETTINGS)).json() == SOMETHING

    async def test_each_change_is_published(self, chat, published):
        await change(chat, language="en")
        await change(chat, time_zone="Asia/Tokyo")
        await change(chat, language=None)

        mine = [
            (each["version"], each["language"], each["time_zone"])
            for each in await published("chat.settings_changed")
            if each["user_id"] == chat.user_id
        ]
        assert mine == [(1, "en", None), (2, "en", "Asia/Tokyo"), (3, None, "Asia/Tokyo")]

    async def test_a_provider_that_is_not_available_may_be_chosen(self, chat):
        changed = await change(chat, default_providers=["Locked"], default_models={"Locked": "any"})
        assert changed.status_code == 200

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("language", "de"),
            ("language", "FR"),
            ("language", 1),
            ("time_zone", "Europe/Lutetia"),
            ("time_zone", "europe/paris"),
            ("time_zone", "Europe"),
            ("time_zone", "../../etc/passwd"),
            ("time_zone", "/etc/passwd"),
            ("time_zone", "Europe/Paris\x00"),
            ("time_zone", ""),
            ("time_zone", "x" * 10_000),
            ("time_zone", 1),
            ("default_providers", []),
            ("default_providers", "GPT-4"),
            ("default_providers", [1]),
            ("default_providers", [None]),
            ("default_providers", ["Nobody"]),
            ("default_providers", ["gpt-4"]),
            ("default_providers", ["GPT-4", "GPT-4"]),
            ("default_providers", ["GPT-4"] * 9),
            ("default_providers", ["x" * 41]),
            ("default_models", []),
            ("default_models", {"Nobody": "x"}),
            ("default_models", {"Mistral": "huge"}),
            ("default_models", {"Mistral": 1}),
            ("default_models", {"GPT-4": ""}),
            ("default_models", {"GPT-4": "x" * 201}),
            ("default_models", {f"x{n}": "x" for n in range(101)}),
        ],
    )
    async def test_bad_values(self, chat, name, value):
        answer = await change(chat, **{name: value})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"].startswith(f"#/{name}")
        assert (await chat.get(SETTINGS)).json() == NOTHING

    @pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"user_id": 1}', b'{"version": 9}'])
    async def test_nothing_to_change(self, chat, body):
        headers = {"Content-Type": "application/json"}
        answer = await chat.request("PATCH", SETTINGS, content=body, headers=headers)
        assert answer.status_code == 400

    async def test_lone_surrogates(self, chat):
        for body in (b'{"time_zone": "\\ud800"}', b'{"default_providers": ["\\ud800"]}'):
            headers = {"Content-Type": "application/json"}
            answer = await chat.request("PATCH", SETTINGS, content=body, headers=headers)
            assert answer.status_code == 400


async def asked(chat, **request):
    """Whom a send asked, with which model."""
    answer = await chat.send(**request)
    return {name: each["model"] for name, each in answer["replies"].items()}


class TestSend:
    async def test_goes_to_the_default_providers_with_the_default_models(self, chat):
        await change(chat, default_providers=["Mistral"], default_models={"Mistral": "large"})
        assert await asked(chat) == {"Mistral": "large"}

    async def test_what_it_names_comes_first(self, chat):
        await change(chat, **SOMETHING | {"default_models": {"Mistral": "large", "GPT-4": "one"}})
        assert await asked(chat, selected_providers=["Mistral"]) == {"Mistral": "large"}
        assert await asked(
            chat,
            selected_providers=["Mistral", "GPT-4"],
            selected_models={"Mistral": "small"},
        ) == {"Mistral": "small", "GPT-4": "one"}
        assert await asked(
            chat, selected_providers=["GPT-4"], selected_models={"GPT-4": "other"}
        ) == {"GPT-4": "other"}

    async def test_leaves_out_providers_that_are_not_available(self, chat):
        await change(chat, default_providers=["Locked", "Mistral"])
        assert await asked(chat) == {"Mistral": "small"}

    async def test_goes_to_the_configured_ones_when_none_is_available(self, chat, other):
        await change(chat, default_providers=["Locked"])
        assert await asked(chat) == await asked(other)

    async def test_leaves_out_models_that_are_gone(self, chat, database):
        await change(chat, default_models={"Mistral": "large"})
        async with database.transaction() as session:
            await session.execute(
                user_setting.update()
                .where(user_setting.c.user_id == chat.user_id)
                .values(default_models={"Mistral": "retired"})
            )
        assert await asked(chat, selected_providers=["Mistral"]) == {"Mistral": "small"}

    async def test_models_for_a_provider_that_is_not_asked_are_refused(self, chat):
        await change(chat, default_providers=["Mistral"])
        answer = await chat.post(
            "/api/chat/send", json={"message": "x", "selected_models": {"GPT-4": "x"}}
        )
        assert answer.status_code == 400


async def test_a_deleted_users_settings_go(chat, chat_settings, database):
    await change(chat, **SOMETHING)
    redis = connect(chat_settings.redis_url)
    event = Event.of(
        UserDeleted(user_id=chat.user_id),
        id=f"deleted-{chat.user_id}",
        source="/webox/gateway",
        time=datetime.now(UTC),
    )
    await redis.xadd(stream_key("gateway"), {EVENT_FIELD: event.model_dump_json(exclude_none=True)})
    await redis.aclose()

    async def gone():
        async with database.transaction() as session:
            found = select(user_setting).where(user_setting.c.user_id == chat.user_id)
            return (await session.execute(found)).first() is None

    await eventually(gone)
