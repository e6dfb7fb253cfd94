"""What search and the exporter read."""

from webox_kit.testing import eventually


async def ids_in(answer, name):
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()[name]]


async def test_documents_by_id_are_messages_and_finished_replies(chat):
    sent = await chat.send("texte canari", selected_providers=["GPT-4", "Claude"])
    reply_id = sent["replies"]["Claude"]["id"]
    wanted = f"{sent['message_id']},{reply_id},999999999"
    found = (await chat.internal("/internal/documents", ids=wanted)).json()["documents"]
    assert [(each["id"], each["role"], each["provider"]) for each in found] == [
        (sent["message_id"], "user", None),
        (reply_id, "assistant", "Claude"),
    ]
    assert found[0]["content"] == "texte canari"
    assert {each["user_id"] for each in found} == {chat.user_id}


async def test_all_of_them_in_pages(chat):
    sent = [await chat.send(f"page {n}", selected_providers=["GPT-4"]) for n in range(3)]
    after = sent[0]["message_id"] - 1
    seen = []
    while page := await ids_in(
        await chat.internal("/internal/documents", after=after, limit=4), "documents"
    ):
        seen += page
        after = page[-1]
    mine = [id_ for each in sent for id_ in (each["message_id"], each["replies"]["GPT-4"]["id"])]
    assert seen == sorted(seen)
    assert set(mine) <= set(seen)


async def test_conversations_by_id_in_pages_and_of_a_user(chat, other):
    mine = (await chat.send("à moi"))["conversation_id"]
    theirs = (await other.send("à eux"))["conversation_id"]
    by_id = await chat.internal("/internal/conversations", ids=f"{mine},{theirs}")
    assert set(await ids_in(by_id, "conversations")) == {mine, theirs}
    page = await chat.internal("/internal/conversations", after=mine - 1, limit=1)
    assert await ids_in(page, "conversations") == [mine]
    of_user = await chat.internal(
        f"/internal/users/{chat.user_id}/conversations", ids=f"{mine},{theirs}"
    )
    assert await ids_in(of_user, "conversations") == [mine]


async def test_nobody_else_reads_them(chat):
    answer = await chat.get("/internal/documents")
    assert answer.status_code == 401


async def test_generations_outlive_their_conversation(chat):
    sent = [await chat.send(f"tour {n}", selected_providers=["GPT-4", "Claude"]) for n in range(2)]
    mine = sorted(each["id"] for one in sent for each in one["replies"].values())
    await chat.request("DELETE", f"/api/chat/conversations/{sent[0]['conversation_id']}")

    seen, after = [], mine[0] - 1
    while page := (await chat.internal("/internal/generations", after=after, limit=3)).json()[
        "generations"
    ]:
        seen += page
        after = page[-1]["reply_id"]

    assert [each["reply_id"] for each in seen if each["user_id"] == chat.user_id] == mine
    assert (await chat.get("/internal/generations")).status_code == 401


async def entries_of(chat, conversation_id, **query):
    """All pages of a conversation's entries, and how many pages there were."""
    path = f"/internal/users/{chat.user_id}/conversations/{conversation_id}/messages"
    found, pages, cursor = [], 0, {}
    while True:
        answer = await chat.internal(path, **query, **cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["messages"]
        pages += 1
        if answer.json()["next_cursor"] is None:
            return found, pages
        cursor = {"cursor": answer.json()["next_cursor"]}


async def test_a_conversation_whole_and_as_it_reads(chat):
    sent = await chat.send(
        "tour", selected_providers=["GPT-4", "Claude"], temperature=0.5, max_tokens=9, stop=["x"]
    )
    number = sent["conversation_id"]
    path = f"/api/chat/messages/{sent['message_id']}/replies/GPT-4/retry"
    again = (await chat.post(path, json={"model": "401"})).json()

    async def retried():
        return (await entries_of(chat, number, whole="true"))[0][2]["status"] == "failed"

    await eventually(retried)
    whole, pages = await entries_of(chat, number, whole="true", limit=1)
    assert pages == 4
    assert [(each["role"], each["provider"], each["status"]) for each in whole] == [
        ("user", None, "done"),
        ("assistant", "GPT-4", "done"),
        ("assistant", "GPT-4", "failed"),
        ("assistant", "Claude", "done"),
    ]
    asked, superseded, failed, other = whole
    assert (asked["temperature"], asked["max_tokens"], asked["stop"]) == (0.5, 9, ["x"])
    assert superseded["superseded_by"] == again["id"] == failed["id"]
    assert failed["error"]["code"] == "unauthorized"
    assert {each["parent_id"] for each in whole[1:]} == {asked["id"]}
    assert superseded["cost"] is None or isinstance(superseded["cost"], str)

    readable, _ = await entries_of(chat, number)
    assert readable == [asked, other]
    count = (await chat.get(f"/api/chat/conversations/{number}")).json()["message_count"]
    assert len(readable) == count


async def test_a_page_ends_before_it_grows_too_large(chat):
    sent = await chat.send("a" * 200_000, selected_providers=["GPT-4"])
    number = sent["conversation_id"]
    for _ in range(11):
        await chat.send("é" * 200_000, conversation_id=number, selected_providers=["GPT-4"])
    found, pages = await entries_of(chat, number)
    assert len(found) == 24
    assert pages == 2
    assert [each["id"] for each in found] == sorted(each["id"] for each in found)
