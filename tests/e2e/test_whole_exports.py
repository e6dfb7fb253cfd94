"""Exports across services: json is what SQL holds, and what search finds can be exported."""

import io
import zipfile
from datetime import UTC
from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row
from webox_stack import Stack, User, eventually

from webox_local.servers import Servers

# What of a row is for Webox alone, or stands in the document under the name beside it.
OF_MESSAGES = {"conversation_id", "user_id"}
OF_REPLIES = {
    "conversation_id", "user_id", "message_id", "lease_until", "reserved", "enqueued_at",
    "cancel_requested_at",
}  # fmt: skip


async def test_a_json_export_is_what_sql_holds(webox: Stack, user: User) -> None:
    number = await conversation_with_everything(user)
    path = f"/api/chat/conversations/{number}/export?format=json"
    response = await user.http.get(path, headers={"Prefer": "wait=60"})
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    document = response.json()

    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        rows = chat.cursor(row_factory=dict_row)
        asked, replies, (header,) = (
            rows.execute(statement, [number]).fetchall()
            for statement in (
                "SELECT * FROM message WHERE conversation_id = %s",
                "SELECT * FROM reply WHERE conversation_id = %s",
                "SELECT * FROM conversation WHERE id = %s",
            )
        )

    messages = document["messages"]
    for row in asked:
        expected = {name: value for name, value in row.items() if name not in OF_MESSAGES}
        assert entry(messages, row["id"]) == as_json(expected | {"role": "user"})
    for row in replies:
        expected = {name: value for name, value in row.items() if name not in OF_REPLIES}
        expected |= {"role": "assistant", "parent_id": row["message_id"]}
        expected["reasoning"] = row["reasoning"] or None
        assert entry(messages, row["id"]) == as_json(expected)
    assert len(messages) == document["entry_count"] == len(asked) + len(replies)
    conversation = document["conversation"]
    assert conversation == as_json({name: header[name] for name in conversation})
    assert {each["status"] for each in messages[1:] if each["role"] == "assistant"} == {
        "done",
        "failed",
    }
    assert any(each.get("superseded_by") for each in messages)
    branches = [each["parent_id"] for each in messages if each["role"] == "user"]
    assert len(branches) > len(set(branches))


async def conversation_with_everything(user: User) -> int:
    """One with settings, several providers, a failed reply, a superseded one, and an edit."""
    sent = await user.send(
        "Question 日本語 \u202e",
        selected_providers=["GPT-4", "Claude"],
        selected_models={"GPT-4": "reasoning"},
        temperature=0.25,
        max_tokens=99,
    )
    number: int = sent["conversation_id"]
    path = f"/api/chat/messages/{sent['message_id']}/replies/GPT-4/retry"
    await user.post(path, {"model": "401"}, expect=202)

    async def failed() -> None:
        now = (await user.get(f"/api/chat/messages/{sent['message_id']}"))["errors"]
        assert "GPT-4" in now

    await eventually(failed)
    second = await user.send("Et ensuite ?", conversation_id=number, selected_providers=["Claude"])
    await user.ask(
        "PATCH",
        f"/api/chat/messages/{second['message_id']}",
        json={"message": "Et puis ?", "selected_providers": ["Claude"]},
    )
    await user.get(f"/api/chat/conversations/{number}")
    return number


async def test_what_a_search_finds_can_be_exported(user: User) -> None:
    await user.send("Le mot zyxcanari est ici", selected_providers=["GPT-4"])
    await user.send("Rien ici", selected_providers=["GPT-4"])
    body = {"format": "txt", "filter": {"q": "zyxcanari"}}

    async def ordered() -> dict[str, Any]:
        response = await user.http.post("/api/exports", json=body)
        assert response.status_code == 202, response.text  # 404 until it is indexed
        job: dict[str, Any] = response.json()
        return job

    job = await eventually(ordered)

    async def done() -> bytes:
        now = await user.get(f"/api/exports/{job['id']}")
        assert now["status"] == "done"
        return (await user.http.get(now["download_url"])).content

    with zipfile.ZipFile(io.BytesIO(await eventually(done))) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    assert len(texts) == 2, "one conversation, and the index"
    assert "Le mot zyxcanari est ici" in texts[0]


def entry(messages: list[dict[str, Any]], number: int) -> dict[str, Any]:
    (found,) = [each for each in messages if each["id"] == number]
    return found


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """A row of SQL as JSON writes it, by rules of its own."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        text: str = value.astimezone(UTC).isoformat()
        return text.replace("+00:00", "Z")
    if isinstance(value, Decimal):
        digits = f"{value:f}"
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return value
