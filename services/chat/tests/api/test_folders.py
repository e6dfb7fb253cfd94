"""The folders of a user, with their counts; renaming and removing one everywhere."""

import asyncio
from urllib.parse import quote

import pytest
from sqlalchemy import select

from webox_chat.labels.service import LabelService
from webox_chat.models import conversation
from webox_kit.cancellation import cancel_and_wait
from webox_kit.testing import eventually

CONVERSATIONS = "/api/chat/conversations"
FOLDERS = "/api/chat/folders"


async def started(chat, folder):
    answer = await chat.send(selected_providers=["GPT-4"], folder=folder)
    return answer["conversation_id"]


async def folders(chat):
    answer = await chat.get(FOLDERS)
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["count"] for each in answer.json()["folders"]}


async def rename(chat, name, new):
    return await chat.request("PATCH", f"{FOLDERS}/{quote(name, safe='')}", json={"name": new})


async def remove(chat, name):
    return await chat.request("DELETE", f"{FOLDERS}/{quote(name, safe='')}")


class TestList:
    async def test_the_default_folder_is_always_there(self, chat):
        assert (await chat.get(FOLDERS)).json() == {"folders": [{"name": "Général", "count": 0}]}

    async def test_by_name_with_counts_of_living_conversations(self, chat):
        for folder in ("travail", "Ébauches", "Archives", "travail"):
            await started(chat, folder)
        archived, deleted = await started(chat, "travail"), await started(chat, "travail")
        await chat.request("PATCH", f"{CONVERSATIONS}/{archived}", json={"archived": True})
        await chat.request("DELETE", f"{CONVERSATIONS}/{deleted}")

        listed = (await chat.get(FOLDERS)).json()["folders"]

        assert listed == [
            {"name": "Archives", "count": 1},
            {"name": "Général", "count": 0},
            {"name": "travail", "count": 3},
            {"name": "Ébauches", "count": 1},
        ]

    async def test_others_folders_are_not_listed(self, chat, other):
        await started(other, "Secret")
        assert await folders(chat) == {"Général": 0}


class TestRename:
    async def test_everywhere_and_the_answer_is_the_new_list(self, chat):
        ids = {await started(chat, "Travail") for _ in range(2)}
        await started(chat, "Idées")

        renamed = await rename(chat, "Travail", " Boulot ")

        assert renamed.status_code == 200
        assert renamed.json() == {
            "folders": [
                {"name": "Boulot", "count": 2},
                {"name": "Général", "count": 0},
                {"name": "Idées", "count": 1},
            ]
        }
        listed = (await chat.get(CONVERSATIONS, params={"folder": "Boulot"})).json()
        assert {each["id"] for each in listed["conversations"]} == ids

    async def test_merges_into_one_that_is_there(self, chat):
        await started(chat, "a")
        await started(chat, "b")
        assert (await rename(chat, "a", "b")).status_code == 200
        assert await folders(chat) == {"Général": 0, "b": 2}

    async def test_into_the_default_one(self, chat):
        await started(chat, "a")
        await rename(chat, "a", "Général")
        assert await folders(chat) == {"Général": 1}

    async def test_to_itself(self, chat):
        await started(chat, "a")
        assert (await rename(chat, "a", "a")).status_code == 200
        assert await folders(chat) == {"Général": 0, "a": 1}

    async def test_case_makes_another_folder(self, chat):
        await started(chat, "a")
        assert (await rename(chat, "A", "b")).status_code == 404

    @pytest.mark.parametrize("name", ["a/b c?", "..//x", "%2F", "50 %", "é;#", "f" * 100])
    async def test_any_name(self, chat, name):
        await started(chat, name)
        assert (await rename(chat, name, "b")).status_code == 200
        assert (await rename(chat, "b", name)).status_code == 200
        assert await folders(chat) == {"Général": 0, name: 1}

    async def test_each_changed_conversation_is_published_with_its_version(self, chat, published):
        first, second = await started(chat, "a"), await started(chat, "a")
        untouched = await started(chat, "c")

        await rename(chat, "a", "b")

        events = [
            each
            for each in await published("chat.conversation_updated")
            if each["user_id"] == chat.user_id
        ]
        assert {each["conversation_id"] for each in events} == {first, second}
        assert untouched not in {each["conversation_id"] for each in events}
        assert {each["folder"] for each in events} == {"b"}
        # Started, sent, answered: whatever the version was, this one is newer than all before.
        assert all(each["version"] > 1 for each in events)

    async def test_more_than_a_batch(self, chat, insert_conversations):
        await insert_conversations(chat.user_id, 1201, folder="Beaucoup")
        assert (await rename(chat, "Beaucoup", "Tout")).status_code == 200
        assert await folders(chat) == {"Général": 0, "Tout": 1201}

    async def test_parallel_renames_lose_nothing(self, chat, insert_conversations):
        await insert_conversations(chat.user_id, 30, folder="a")
        await insert_conversations(chat.user_id, 30, folder="b")
        answers = await asyncio.gather(
            *(rename(chat, *pair) for pair in [("a", "b"), ("b", "a"), ("a", "c"), ("b", "c")])
        )
        assert {each.status_code for each in answers} <= {200, 404}
        assert sum((await folders(chat)).values()) == 60

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": "  "},
            {"name": 1},
            {"name": None},
            {"name": "."},
            {"name": ".."},
            {"name": "x" * 101},
            [],
        ],
    )
    async def test_bad_names(self, chat, body):
        await started(chat, "a")
        answer = await chat.request("PATCH", f"{FOLDERS}/a", json=body)
        assert answer.status_code == 400
        assert await folders(chat) == {"Général": 0, "a": 1}

    async def test_a_name_as_long_as_may_be(self, chat):
        await started(chat, "a")
        assert (await rename(chat, "a", "é" * 100)).status_code == 200

    async def test_what_cannot_be_stored_is_replaced(self, chat):
        await started(chat, "a")
        body = b'{"name": "x\\u0000y"}'
        headers = {"Content-Type": "application/json"}
        answer = await chat.request("PATCH", f"{FOLDERS}/a", content=body, headers=headers)
        assert answer.status_code == 200
        assert await folders(chat) == {"Général": 0, "x\ufffdy": 1}

    @pytest.mark.parametrize("name", ["nowhere", "%00", "%ED%A0%80", "f" * 101])
    async def test_unknown_ones(self, chat, name):
        for method in ("PATCH", "DELETE"):
            body = {"json": {"name": "x"}} if method == "PATCH" else {}
            assert (await chat.request(method, f"{FOLDERS}/{name}", **body)).status_code == 404

    async def test_another_users_folder(self, chat, other):
        await started(other, "Secret")
        assert (await rename(chat, "Secret", "x")).status_code == 404
        assert await folders(other) == {"Général": 0, "Secret": 1}

    async def test_the_default_one_stays(self, chat):
        conversation_id = await started(chat, "Général")
        for answer in (await rename(chat, "Général", "x"), await remove(chat, "Général")):
            assert answer.status_code == 409
            assert "Général" in answer.json()["detail"]
        read = await chat.get(f"{CONVERSATIONS}/{conversation_id}")
        assert read.json()["folder"] == "Général"


class TestRemove:
    async def test_its_conversations_go_to_the_default_one(self, chat):
        conversation_id = await started(chat, "a/b")
        removed = await remove(chat, "a/b")
        assert removed.status_code == 200
        assert removed.json() == {"folders": [{"name": "Général", "count": 1}]}
        read = await chat.get(f"{CONVERSATIONS}/{conversation_id}")
        assert read.json()["folder"] == "Général"

    async def test_another_users_folder(self, chat, other):
        await started(other, "Secret")
        assert (await remove(chat, "Secret")).status_code == 404
        assert await folders(other) == {"Général": 0, "Secret": 1}


@pytest.mark.parametrize("folder", [".", "..", " .. "])
async def test_no_conversation_gets_a_folder_that_no_path_can_name(chat, folder):
    sent = await chat.post("/api/chat/send", json={"message": "x", "folder": folder})
    assert sent.status_code == 400
    path = f"{CONVERSATIONS}/{await started(chat, 'a')}"
    assert (await chat.request("PATCH", path, json={"folder": folder})).status_code == 400


async def test_an_interrupted_rename_leaves_whole_batches_and_can_be_repeated(
    chat, database, published, insert_conversations
):
    await insert_conversations(chat.user_id, 1200, folder="vieux")
    service = LabelService(database)
    mine = select(conversation.c.id).where(conversation.c.user_id == chat.user_id)

    async with database.transaction() as somebody:
        ids = sorted(await somebody.scalars(mine))
        # Some batch waits for this row; those before are committed.
        await somebody.execute(mine.where(conversation.c.id == ids[699]).with_for_update())
        renaming = asyncio.create_task(service.rename_folder(chat.user_id, "vieux", "neuf"))

        async def batches_before_are_done():
            return (await folders(chat)).get("neuf") == 600

        await eventually(batches_before_are_done)
        await cancel_and_wait(renaming)

    assert await folders(chat) == {"Général": 0, "neuf": 600, "vieux": 600}
    assert (await rename(chat, "vieux", "neuf")).status_code == 200
    assert await folders(chat) == {"Général": 0, "neuf": 1200}
    events = [
        each["version"]
        for each in await published("chat.conversation_updated")
        if each["user_id"] == chat.user_id
    ]
    assert events == [2] * 1200
