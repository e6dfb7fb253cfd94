"""Listing, reading, favorites, tags, folders and deletion."""

import asyncio

import pytest

CONVERSATIONS = "/api/chat/conversations"


async def started(chat, message="Bonjour", **more):
    answer = await chat.send(message, selected_providers=["GPT-4"], **more)
    return answer["conversation_id"]


async def test_the_list_shows_previews_newest_first(chat):
    first = await started(chat, "# Comment *améliorer* ma\nstratégie marketing ?")
    second = await started(chat, "Autre chose", folder="Travail")
    listed = (await chat.get(CONVERSATIONS)).json()
    assert listed["next_cursor"] is None
    newest, oldest = listed["conversations"]
    assert (newest["id"], oldest["id"]) == (second, first)
    assert oldest["title"] == "Comment améliorer ma stratégie marketing ?"
    assert oldest["preview"] == "Comment améliorer ma stratégie marketing ?"
    assert oldest["folder"] == "Général"
    assert oldest["is_favorite"] is False
    assert oldest["tags"] == []
    assert oldest["message_count"] == 2
    assert newest["folder"] == "Travail"


async def test_the_list_is_filtered(chat):
    work = await started(chat, "un", folder="Travail")
    other = await started(chat, "deux")
    await chat.post(f"{CONVERSATIONS}/{other}/tags", json={"tag": "Été"})
    await chat.post(f"{CONVERSATIONS}/{other}/favorite")
    await chat.request("PATCH", f"{CONVERSATIONS}/{other}", json={"archived": True})

    async def ids(**filters):
        listed = (await chat.get(CONVERSATIONS, params=filters)).json()["conversations"]
        return [each["id"] for each in listed]

    assert await ids(folder="Travail") == [work]
    assert await ids(tag="été") == [other]
    assert await ids(favorite="true") == [other]
    assert await ids(archived="false") == [work]
    assert await ids(folder="Nulle part") == []


async def test_pages_by_cursor_and_by_offset_are_the_same_list(chat):
    ids = [await started(chat, f"message {number}") for number in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await chat.get(CONVERSATIONS, params=query)).json()
        seen += [each["id"] for each in page["conversations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    skipped = (await chat.get(CONVERSATIONS, params={"skip": 3})).json()["conversations"]
    assert [each["id"] for each in skipped] == ids[1::-1]


async def test_bad_pages_are_400(chat, other):
    for _ in range(2):
        await started(chat)
    cursor = (await chat.get(CONVERSATIONS, params={"limit": 1})).json()["next_cursor"]
    for query in (
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"cursor": "nonsense"},
        {"cursor": cursor, "folder": "Travail"},
        {"cursor": cursor, "skip": 1},
        {"skip": -1},
        {"favorite": "perhaps"},
    ):
        assert (await chat.get(CONVERSATIONS, params=query)).status_code == 400, query
    assert (await other.get(CONVERSATIONS, params={"cursor": cursor})).status_code == 400
    assert (await chat.get(CONVERSATIONS, params={"limit": 200})).status_code == 200


async def test_reading_has_messages_oldest_first(chat):
    conversation_id = await started(chat, "Bonjour")
    read = (await chat.get(f"{CONVERSATIONS}/{conversation_id}")).json()
    question, answer = read["messages"]
    assert question["role"] == "user"
    assert question["content"] == "Bonjour"
    assert answer["role"] == "assistant"
    assert answer["ai_provider"] == "GPT-4"
    assert answer["content"]
    assert answer["status"] == "done"
    assert answer["parent_id"] == question["id"]
    assert read["messages_next_cursor"] is None
    assert read["title"] == "Bonjour"


@pytest.mark.parametrize("origin", ["start", "end"])
async def test_long_conversations_come_in_pages(chat, origin):
    conversation_id = await started(chat, "0")
    for number in range(1, 4):
        await chat.send(str(number), conversation_id=conversation_id, selected_providers=["GPT-4"])
    path, ids, cursor = f"{CONVERSATIONS}/{conversation_id}", [], None
    while True:
        query = {"messages_limit": 3, "messages_from": origin}
        page = (
            await chat.get(path, params=query | ({"messages_cursor": cursor} if cursor else {}))
        ).json()
        page_ids = [each["id"] for each in page["messages"]]
        ids = ids + page_ids if origin == "start" else page_ids + ids
        cursor = page["messages_next_cursor"]
        if cursor is None:
            break
    assert len(ids) == 8
    assert ids == sorted(ids)


async def test_favorite_toggles_and_sets(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/favorite"
    assert (await chat.post(path)).json() == {"is_favorite": True}
    assert (await chat.post(path)).json() == {"is_favorite": False}
    assert (await chat.post(path, json={"is_favorite": False})).json() == {"is_favorite": False}
    assert (await chat.post(path, json={"is_favorite": "yes"})).status_code == 400


async def test_parallel_toggles_all_count(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/favorite"
    await asyncio.gather(*(chat.post(path) for _ in range(21)))
    assert (await chat.post(path)).json() == {"is_favorite": False}


async def test_tags_are_trimmed_unique_and_sorted(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/tags"
    assert (await chat.post(path, json={"tag": " stratégie "})).json() == {"tags": ["stratégie"]}
    assert (await chat.post(path, json={"tag": "Marketing"})).json() == {
        "tags": ["Marketing", "stratégie"]
    }
    assert (await chat.post(path, json={"tag": "MARKETING"})).json() == {
        "tags": ["Marketing", "stratégie"]
    }
    removed = await chat.request("DELETE", f"{path}/marketing")
    assert removed.json() == {"tags": ["stratégie"]}
    assert (await chat.request("DELETE", f"{path}/marketing")).json() == {"tags": ["stratégie"]}


async def test_a_tag_may_have_slashes(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/tags"
    assert (await chat.post(path, json={"tag": "a/b c?"})).json() == {"tags": ["a/b c?"]}
    assert (await chat.request("DELETE", f"{path}/a%2Fb%20c%3F")).json() == {"tags": []}


async def test_parallel_tags_are_all_kept(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/tags"
    await asyncio.gather(*(chat.post(path, json={"tag": f"t{n:02}"}) for n in range(20)))
    tags = (await chat.post(path, json={"tag": "t00"})).json()["tags"]
    assert tags == [f"t{n:02}" for n in range(20)]


async def test_tag_limits(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}/tags"
    for bad in (
        {},
        {"tag": ""},
        {"tag": "  "},
        {"tag": "x" * 51},
        {"tag": 1},
        {"tag": " .. "},
        {"tag": "."},
    ):
        assert (await chat.post(path, json=bad)).status_code == 400
    for number in range(49):
        await chat.post(path, json={"tag": str(number)})
    assert (await chat.post(path, json={"tag": "x" * 50})).status_code == 200
    assert (await chat.post(path, json={"tag": "one more"})).status_code == 400


async def test_rename_move_and_archive(chat):
    path = f"{CONVERSATIONS}/{await started(chat)}"
    changed = await chat.request(
        "PATCH", path, json={"title": " Mon titre ", "folder": "Idées", "archived": True}
    )
    assert changed.status_code == 200
    assert changed.json()["title"] == "Mon titre"
    assert changed.json()["folder"] == "Idées"
    assert changed.json()["archived"] is True
    for bad in ({}, {"title": ""}, {"title": "x" * 201}, {"folder": "x" * 101}, {"archived": 1}):
        assert (await chat.request("PATCH", path, json=bad)).status_code == 400
    unchangeable = {"id": 1, "user_id": 99, "is_favorite": True, "title": "x" * 200}
    kept = (await chat.request("PATCH", path, json=unchangeable)).json()
    assert kept["is_favorite"] is False


async def test_deleted_is_gone(chat):
    conversation_id = await started(chat)
    path = f"{CONVERSATIONS}/{conversation_id}"
    deleted = await chat.request("DELETE", path)
    assert deleted.json() == {"message": "Conversation deleted successfully"}
    assert (await chat.get(path)).status_code == 404
    assert (await chat.request("DELETE", path)).status_code == 404
    again = await chat.post(
        "/api/chat/send", json={"message": "x", "conversation_id": conversation_id}
    )
    assert again.status_code == 404


async def test_another_users_conversation_answers_as_one_that_is_not_there(chat, other):
    mine = await started(chat)
    for method, tail, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/favorite", None),
        ("POST", "/tags", {"tag": "x"}),
        ("DELETE", "/tags/x", None),
    ):
        theirs = await other.request(method, f"{CONVERSATIONS}/{mine}{tail}", json=body)
        missing = await other.request(method, f"{CONVERSATIONS}/999999999{tail}", json=body)
        assert theirs.status_code == missing.status_code == 404, (method, tail)
        assert theirs.json()["detail"].replace(str(mine), "") == missing.json()["detail"].replace(
            "999999999", ""
        )
    assert (await chat.get(f"{CONVERSATIONS}/{mine}")).json()["tags"] == []


@pytest.mark.parametrize("bad_id", ["abc", "0", "-1", "9223372036854775808", "%00", "1.5"])
async def test_ids_that_are_none_are_400(chat, bad_id):
    assert (await chat.get(f"{CONVERSATIONS}/{bad_id}")).status_code == 400


@pytest.mark.parametrize("folder", ["a%00b", "%ED%A0%80", "f" * 101])
async def test_strange_folders_never_break(chat, folder):
    answer = await chat.client.get(
        f"{CONVERSATIONS}?folder={folder}", headers=chat.keys.user_headers("chat", chat.user_id)
    )
    assert answer.status_code in {200, 400}


async def test_without_the_gateways_assertion_nobody_gets_in(chat):
    assert (await chat.client.get(CONVERSATIONS)).status_code == 401
    assert (await chat.client.get("/internal/documents")).status_code == 401
    as_user = chat.keys.user_headers("chat", chat.user_id)
    assert (await chat.client.get("/internal/documents", headers=as_user)).status_code == 401
    for_search = chat.keys.user_headers("search", chat.user_id)
    assert (await chat.client.get(CONVERSATIONS, headers=for_search)).status_code == 401
