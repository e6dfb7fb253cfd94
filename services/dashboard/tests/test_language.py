"""Which language the dashboard speaks: the settings', else the request's, else French."""

from itertools import permutations
from typing import Any

import pytest
from dashboard_stage import Stage, started

from webox_contracts.events import Language, SettingsChanged, UserDeleted

PATHS = ("recent-projects", "recent-activity", "notifications")


def chose(version: int, language: Language | None, **fields: Any) -> SettingsChanged:
    return SettingsChanged(
        **{"user_id": 1, "version": version, "language": language, "time_zone": None, **fields}
    )


async def spoken(stage: Stage, user_id: int = 1, **how: Any) -> str:
    answer = await stage.ask("recent-activity", user_id=user_id, **how)
    return answer.headers["content-language"]


async def test_the_settings_come_before_the_request(stage: Stage) -> None:
    await stage.tell(started(), chose(1, "en"))
    for path in PATHS:
        assert (await stage.ask(path, language="fr")).headers["content-language"] == "en"
    (activity,) = (await stage.read("recent-activity", language="fr"))["activities"]
    assert activity["title"] == "AI conversation"
    assert await spoken(stage, user_id=2) == "fr"


async def test_no_language_of_ones_own_leaves_it_to_the_request(stage: Stage) -> None:
    await stage.tell(chose(1, "en"))
    await stage.tell(chose(2, None, time_zone="Europe/Paris"))
    assert await spoken(stage) == "fr"
    assert await spoken(stage, language="en") == "en"


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_newest_counts_in_whatever_order_they_come(
    stage: Stage, order: tuple[int, ...]
) -> None:
    choices = [chose(1, "fr"), chose(2, None), chose(3, "en")]
    for number in order:
        await stage.tell(choices[number])
    assert await spoken(stage) == "en"
    await stage.tell(*(choices[number] for number in order))
    assert await spoken(stage) == "en"


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("late", [True, False])
async def test_nothing_is_kept_of_a_deleted_user(
    stage: Stage, *, together: bool, late: bool
) -> None:
    events = [chose(2, "en"), UserDeleted(user_id=1)]
    events = events[::-1] if late else events
    for batch in [events] if together else [[each] for each in events]:
        await stage.tell(*batch)
    assert await spoken(stage) == "fr"
