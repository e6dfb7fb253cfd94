"""What search and the exporter read."""


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
