"""The tags of a user, with their counts; renaming and removing one everywhere."""

import asyncio
from urllib.parse import quote

import pytest

CONVERSATIONS = "/api/chat/conversations"
TAGS = "/api/chat/tags"


async def tagged(chat, *tags):
    conversation_id = (await chat.send(selected_providers=["GPT-4"]))["conversation_id"]
    for tag in tags:
        await chat.post(f"{CONVERSATIONS}/{conversation_id}/tags", json={"tag": tag})
    return conversation_id


async def tags(chat):
    answer = await chat.get(TAGS)
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["count"] for each in answer.json()["tags"]}


async def tags_of(chat, conversation_id):
    return (await chat.get(f"{CONVERSATIONS}/{conversation_id}")).json()["tags"]


async def rename(chat, name, new):
    return await chat.request("PATCH", f"{TAGS}/{quote(name, safe='')}", json={"name": new})


async def remove(chat, name):
    return await chat.request("DELETE", f"{TAGS}/{quote(name, safe='')}")


class TestList:
    async def test_none(self, chat):
        assert (await chat.get(TAGS)).json() == {"tags": []}

    async def test_by_name_without_regard_to_case(self, chat):
        await tagged(chat, "marketing", "Été")
        await tagged(chat, "Marketing", "été")
        await tagged(chat, "Marketing", "zoo")
        deleted = await tagged(chat, "parti")
        await chat.request("DELETE", f"{CONVERSATIONS}/{deleted}")

        assert (await chat.get(TAGS)).json() == {
            "tags": [
                {"name": "Marketing", "count": 3},
                {"name": "zoo", "count": 1},
                {"name": "Été", "count": 2},
            ]
        }

    async def test_archived_conversations_count(self, chat):
        path = f"{CONVERSATIONS}/{await tagged(chat, 'a')}"
        await chat.request("PATCH", path, json={"archived": True})
        assert await tags(chat) == {"a": 1}

    async def test_others_tags_are_not_listed(self, chat, other):
        await tagged(other, "secret")
        assert await tags(chat) == {}


class TestRename:
    async def test_everywhere_sorted_and_once_in_a_conversation(self, chat):
        both = await tagged(chat, "b", "M", "z")
        one = await tagged(chat, "B", "y")
        neither = await tagged(chat, "y")

        renamed = await rename(chat, "b", " m ")

        assert renamed.status_code == 200
        assert renamed.json()["tags"] == [
            {"name": "m", "count": 2},
            {"name": "y", "count": 2},
            {"name": "z", "count": 1},
        ]
        assert await tags_of(chat, both) == ["m", "z"]
        assert await tags_of(chat, one) == ["m", "y"]
        assert await tags_of(chat, neither) == ["y"]

    async def test_the_filter_finds_the_new_name_only(self, chat):
        conversation_id = await tagged(chat, "vieux")
        await rename(chat, "vieux", "Neuf")

        async def found(tag):
            listed = await chat.get(CONVERSATIONS, params={"tag": tag})
            return [each["id"] for each in listed.json()["conversations"]]

        assert await found("neuf") == [conversation_id]
        assert await found("vieux") == []

    async def test_another_spelling(self, chat):
        conversation_id = await tagged(chat, "marketing")
        assert (await rename(chat, "MARKETING", "Marketing")).status_code == 200
        assert await tags_of(chat, conversation_id) == ["Marketing"]
        assert (await rename(chat, "marketing", "Marketing")).status_code == 200

    @pytest.mark.parametrize("name", ["a/b c?", "..//x", "%2F", "é;#", "t" * 50])
    async def test_any_name(self, chat, name):
        conversation_id = await tagged(chat, name)
        assert (await rename(chat, name, "b")).status_code == 200
        assert (await rename(chat, "b", name)).status_code == 200
        assert await tags_of(chat, conversation_id) == [name]

    async def test_only_what_changes_is_published(self, chat, published):
        changed = await tagged(chat, "a")
        await tagged(chat, "b")
        before = len(await published("chat.conversation_updated"))

        await rename(chat, "a", "b")
        await rename(chat, "b", "b")

        new = (await published("chat.conversation_updated"))[before:]
        assert [each["conversation_id"] for each in new if each["user_id"] == chat.user_id] == [
            changed
        ]
        assert new[-1]["tags"] == ["b"]

    async def test_parallel_edits_are_all_kept(self, chat):
        conversation_id = await tagged(chat, "t")
        path = f"{CONVERSATIONS}/{conversation_id}/tags"
        await asyncio.gather(
            *(chat.post(path, json={"tag": f"n{n:02}"}) for n in range(20)),
            rename(chat, "t", "u"),
            *(chat.post(path, json={"tag": f"n{n:02}"}) for n in range(20, 40)),
        )
        assert await tags_of(chat, conversation_id) == [f"n{n:02}" for n in range(40)] + ["u"]

    @pytest.mark.parametrize(
        "body",
        [{}, {"name": ""}, {"name": " "}, {"name": 1}, {"name": ".."}, {"name": "x" * 51}, "x"],
    )
    async def test_bad_names(self, chat, body):
        conversation_id = await tagged(chat, "a")
        assert (await chat.request("PATCH", f"{TAGS}/a", json=body)).status_code == 400
        assert await tags_of(chat, conversation_id) == ["a"]

    async def test_a_name_as_long_as_may_be(self, chat):
        await tagged(chat, "a")
        assert (await rename(chat, "a", "é" * 50)).status_code == 200

    @pytest.mark.parametrize("name", ["nowhere", "%00", "%ED%A0%80", "t" * 51])
    async def test_unknown_ones(self, chat, name):
        for method in ("PATCH", "DELETE"):
            body = {"json": {"name": "x"}} if method == "PATCH" else {}
            assert (await chat.request(method, f"{TAGS}/{name}", **body)).status_code == 404

    async def test_another_users_tag(self, chat, other):
        conversation_id = await tagged(other, "secret")
        assert (await rename(chat, "secret", "x")).status_code == 404
        assert (await remove(chat, "secret")).status_code == 404
        assert await tags_of(other, conversation_id) == ["secret"]


class TestRemove:
    async def test_everywhere(self, chat):
        one, two = await tagged(chat, "a/b", "c"), await tagged(chat, "A/B")
        removed = await remove(chat, "A/b")
        assert removed.status_code == 200
        assert removed.json() == {"tags": [{"name": "c", "count": 1}]}
        assert await tags_of(chat, one) == ["c"]
        assert await tags_of(chat, two) == []


async def test_fifty_parallel_toggles_and_tags_are_all_kept(chat):
    conversation_id = await tagged(chat)
    path = f"{CONVERSATIONS}/{conversation_id}"
    answers = await asyncio.gather(
        *(chat.post(f"{path}/favorite") for _ in range(51)),
        *(chat.post(f"{path}/tags", json={"tag": f"t{n:02}"}) for n in range(50)),
    )
    assert {each.status_code for each in answers} == {200}
    read = (await chat.get(path)).json()
    assert read["tags"] == [f"t{n:02}" for n in range(50)]
    assert read["is_favorite"] is True
