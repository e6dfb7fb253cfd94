"""What limits a search, and whose time its dates are in."""

from typing import Any

import pytest
from search_support.asking import Ask, results
from search_support.chat import ALICE, BOB, ChatDouble
from search_support.waiting import until

from webox_contracts.events import SettingsChanged


class TestFilters:
    async def test_of_the_conversation_follow_its_changes(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre", "plan marketing")
        await chat.start("Sans titre", "autre plan marketing")
        await chat.change(conversation, folder="Travail", tags=["stratégie"], is_favorite=True)

        for parameters in ({"folder": "Travail"}, {"tag": "stratégie"}, {"favorite": "true"}):
            body = await results(ask, "marketing", **parameters)
            assert [each["conversation_id"] for each in body["results"]] == [conversation]
        assert (await results(ask, "marketing", 2, archived="false"))["total"] == 2

    async def test_of_the_message(self, ask: Ask, chat: ChatDouble) -> None:
        await chat.start("Sans titre", "marketing ?", "Voici le marketing.")

        by_role = await results(ask, "marketing", role="assistant")
        by_provider = await results(ask, "marketing", provider="GPT-4")
        other = (await ask("marketing", provider="Claude")).json()

        assert by_role["results"][0]["snippet"] == "Voici le marketing."
        assert by_provider["results"][0]["snippet"] == "Voici le marketing."
        assert other["results"] == []

    async def test_dates(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre")
        await chat.say(conversation, "marketing", created_at="2025-11-24T14:30:00Z")
        await results(ask, "marketing")

        async def total(**parameters: str) -> int:
            return (await ask("marketing", **parameters)).json()["total"]

        assert await total(**{"from": "2025-11-24", "to": "2025-11-24"}) == 1
        assert await total(**{"from": "2025-11-24T14:30:01Z"}) == 0
        assert await total(to="2025-11-24T15:29:59+01:00") == 0
        assert await total(to="2025-11-24T14:30:00") == 1


class TestTimeZone:
    @pytest.fixture
    async def total(self, ask: Ask, chat: ChatDouble) -> Ask:
        """`await total(…)`: how many are found, once ALICE's settings say Tokyo."""
        conversation = await chat.start("Sans titre")
        await chat.say(conversation, "marketing", created_at="2025-11-24T16:30:00Z")
        chosen = {"language": None, "time_zone": "Asia/Tokyo"}
        await chat.publish(SettingsChanged(user_id=ALICE, version=1, **chosen))

        async def date() -> Any:
            return [each["date"] for each in (await ask("marketing")).json()["results"]]

        await until(date, lambda dates: dates == ["25/11/2025 01:30"])

        async def found(**parameters: str) -> Any:
            return (await ask("marketing", **parameters)).json()["total"]

        return found

    async def test_days_are_the_users(self, total: Ask) -> None:
        assert await total(**{"from": "2025-11-25", "to": "2025-11-25"}) == 1
        assert await total(**{"from": "2025-11-24", "to": "2025-11-24"}) == 0
        assert await total(to="2025-11-25T01:29:59") == 0
        assert await total(to="2025-11-25T01:30:00") == 1
        assert await total(**{"from": "2025-11-24T16:30:00Z"}) == 1

    async def test_days_at_the_ends_of_time(self, total: Ask) -> None:
        assert await total(**{"from": "0001-01-01", "to": "9999-12-31"}) == 1

    async def test_days_against_moments(self, ask: Ask, total: Ask) -> None:
        assert await total(**{"from": "2025-11-25", "to": "2025-11-24T23:59:59Z"}) == 1
        reversed_ = {"from": "2025-11-25", "to": "2025-11-24T14:59:59Z"}
        assert (await ask("marketing", **reversed_)).status_code == 400

    @pytest.mark.usefixtures("total")
    async def test_others_are_in_utc(self, ask: Ask, chat: ChatDouble) -> None:
        conversation = await chat.start("Sans titre", user_id=BOB)
        await chat.say(conversation, "marketing", created_at="2025-11-24T16:30:00Z")
        body = await results(ask, "marketing", who=BOB)
        assert body["results"][0]["date"] == "24/11/2025 16:30"
