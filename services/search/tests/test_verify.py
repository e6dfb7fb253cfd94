"""`webox-search verify`: what lasts is listed, by id, both ways."""

import json
from functools import partial

import pytest
from search_support.asking import Events
from search_support.chat import ChatDouble
from search_support.reader import Reader

from webox_kit.testing import RunCli, RunCommand
from webox_search.cli import main
from webox_search.settings import SearchSettings

CANARY = "canari"


@pytest.fixture
def verify(run_cli: RunCli, settings: SearchSettings) -> RunCommand:
    return partial(run_cli, main, settings, "verify", "--pause", "0")


async def test_an_index_equal_to_chat_has_none(
    events: Events, chat: ChatDouble, reader: Reader, verify: RunCommand
) -> None:
    async with events():
        kept = await chat.start(CANARY, CANARY, CANARY)
        gone = await chat.start(CANARY, CANARY)
        await reader.finds(CANARY, kept, gone)
        await chat.delete(gone)
        await reader.finds(CANARY, kept)

        result = await verify()

    assert (result.exit_code, result.stdout) == (0, "search: no differences.\n")
    assert "Messages in chat: 2 messages in " in result.stderr


async def test_what_only_one_of_them_has_is_listed_without_its_text(
    events: Events, chat: ChatDouble, reader: Reader, verify: RunCommand
) -> None:
    async with events():
        kept = await chat.start(CANARY, CANARY)
        ghost = await chat.start(CANARY, CANARY)
        await reader.finds(CANARY, kept, ghost)
        first, second = sorted(chat.documents)
        # Nobody says so, as if the events were lost.
        lost = {**chat.documents.pop(second), "id": 9999, "conversation_id": kept}
        del chat.conversations[ghost]
        chat.documents[9999] = lost

        result = await verify("--json")
        in_words = await verify()

    assert result.exit_code == in_words.exit_code == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(each["kind"], each["id"], each["source"], each["model"]) for each in found} == {
        ("title", str(ghost), "-", "there"),
        ("message", str(second), "-", "there"),
        ("message", "9999", "there", "-"),
    }
    assert first not in [each["id"] for each in found]
    assert "message 9999: the source says there, the model -" in in_words.stdout
    assert "search: 3 differences." in in_words.stdout
    assert CANARY not in result.output + in_words.output


async def test_without_chat_nothing_is_claimed(chat: ChatDouble, verify: RunCommand) -> None:
    chat.is_away = True
    result = await verify()
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: The chat service answered 503")
