"""The filters of the list, and its cursors under them."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

CONVERSATIONS = "/api/chat/conversations"
ROWS = 60
FILTERS = {
    "folder": ["Général", "Travail"],
    "tag": ["Été", "é"],
    "favorite": ["true", "false"],
    "archived": ["true", "false"],
}


@pytest.fixture
async def rows(chat, insert_conversations):
    """Conversations of every kind, the newest first; some were changed at the same moment."""
    made = [
        {
            "title": str(number),
            "folder": "Travail" if number % 2 else "Général",
            "is_favorite": number % 3 == 0,
            "archived": number % 5 == 0,
            "tags": ["été"] if number % 4 else ["é"],
            "tag_keys": ["été"] if number % 4 else ["é"],
            "updated_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number // 3),
        }
        for number in range(ROWS)
    ]
    for row in made:
        await insert_conversations(chat.user_id, 1, **row)
    return made[::-1]


def fits(row, filters):
    return (
        filters.get("folder", row["folder"]) == row["folder"]
        and filters.get("tag", row["tags"][0]).casefold() == row["tags"][0]
        and filters.get("favorite", str(row["is_favorite"]).lower())
        == str(row["is_favorite"]).lower()
        and filters.get("archived", str(row["archived"]).lower()) == str(row["archived"]).lower()
    )


async def titles(chat, limit, **filters):
    """Those of all pages, by cursor."""
    found, query = [], {"limit": limit, **filters}
    while True:
        answer = await chat.get(CONVERSATIONS, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [each["title"] for each in page["conversations"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["conversations"]) == limit
        query["cursor"] = page["next_cursor"]


async def test_every_combination_in_pages(chat, rows):
    for values in product(*([None, *choices] for choices in FILTERS.values())):
        pairs = zip(FILTERS, values, strict=True)
        filters = {name: value for name, value in pairs if value is not None}
        expected = [row["title"] for row in rows if fits(row, filters)]
        assert await titles(chat, 17, **filters) == expected, filters


@pytest.mark.usefixtures("rows")
async def test_without_the_filter_archived_ones_are_listed_too(chat):
    assert len(await titles(chat, 50)) == ROWS
    assert len(await titles(chat, 50, archived="false")) == ROWS - ROWS // 5


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", FILTERS)
async def test_a_cursor_belongs_to_its_filters(chat, name):
    one, another = FILTERS[name]
    page = (await chat.get(CONVERSATIONS, params={"limit": 1, name: one})).json()
    for query in ({name: another}, {}, {name: one, "folder": "x"}):
        answer = await chat.get(
            CONVERSATIONS, params={"limit": 1, "cursor": page["next_cursor"], **query}
        )
        assert answer.status_code == 400, query


async def test_a_page_that_changes_meanwhile_repeats_and_skips_nothing_else(chat, rows):
    page = (await chat.get(CONVERSATIONS, params={"limit": 10})).json()
    moved = page["conversations"][3]["id"]
    await chat.send(conversation_id=moved, selected_providers=["GPT-4"])
    rest = (
        await chat.get(CONVERSATIONS, params={"limit": 100, "cursor": page["next_cursor"]})
    ).json()
    assert [each["title"] for each in rest["conversations"]] == [row["title"] for row in rows[10:]]
