import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from webox_exporter.documents import json_document
from webox_exporter.documents.model import Message
from webox_exporter.documents.words import Words

from .conftest import NOON, answered, asked, conversation, written

ASKED = replace(
    asked("Question ?"), parent_id=None, system="Sois bref.", temperature=0.5, max_tokens=9,
    stop=("fin",), created_at=datetime(2025, 11, 24, 12, 0, 0, 123456, tzinfo=UTC),
)  # fmt: skip
DONE = answered(
    "Réponse",
    parent_id=1, position=0, attempt=2, superseded_by=3, reasoning="pensée", finish_reason="stop",
    truncated=True, context_cut=True, fallback={"provider": "Autre", "model": "petit"},
    input_tokens=10, output_tokens=20, cost=Decimal("0.0012000000"), time_to_first_token_ms=5,
    total_ms=900, started_at=NOON, finished_at=NOON + timedelta(seconds=1), demo=True,
)  # fmt: skip
FAILED = answered(
    "",
    number=3, parent_id=1, position=0, attempt=1, status="failed",
    error={"title": "t", "status": 502, "code": "timeout"},
)  # fmt: skip
QUEUED = replace(answered("", "Claude", 4), parent_id=1, position=1, attempt=0, status="queued")


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    file = resources.files("webox_exporter.documents") / "conversation.schema.json"
    document = json.loads(file.read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def exported(*messages: Message, **header: Any) -> Any:
    out = io.BytesIO()
    json_document.render(conversation(**header), iter(messages), Words(), out)
    return json.loads(out.getvalue())


def test_everything_is_there_and_exact(schema: Draft202012Validator) -> None:
    document = exported(ASKED, DONE, FAILED, QUEUED, archived=True)
    schema.validate(document)
    assert (document["format"], document["version"]) == ("webox-conversation", 1)
    assert document["conversation"] == {
        "id": 7,
        "title": "Discussion marketing",
        "folder": "Général",
        "tags": ["marketing", "stratégie"],
        "is_favorite": False,
        "archived": True,
        "message_count": 2,
        "created_at": "2025-11-24T12:00:00Z",
        "updated_at": "2025-11-24T12:00:00Z",
    }
    question, done, failed, queued = document["messages"]
    assert question == {
        "id": 1,
        "role": "user",
        "parent_id": None,
        "content": "Question ?",
        "created_at": "2025-11-24T12:00:00.123456Z",
        "system": "Sois bref.",
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["fin"],
    }
    assert done == {
        "id": 2,
        "role": "assistant",
        "parent_id": 1,
        "content": "Réponse",
        "created_at": "2025-11-24T12:00:00Z",
        "provider": "GPT-4",
        "model": "gpt-4-turbo",
        "position": 0,
        "demo": True,
        "status": "done",
        "attempt": 2,
        "superseded_by": 3,
        "reasoning": "pensée",
        "error": None,
        "finish_reason": "stop",
        "truncated": True,
        "context_cut": True,
        "fallback": {"provider": "Autre", "model": "petit"},
        "input_tokens": 10,
        "output_tokens": 20,
        "cost": "0.0012",
        "time_to_first_token_ms": 5,
        "total_ms": 900,
        "started_at": "2025-11-24T12:00:00Z",
        "finished_at": "2025-11-24T12:00:01Z",
    }
    assert failed["error"] == {"title": "t", "status": 502, "code": "timeout"}
    assert queued["status"] == "queued"
    assert document["entry_count"] == 4


def test_no_member_of_a_message_is_forgotten() -> None:
    document = exported(ASKED, DONE)
    written_members = {name for entry in document["messages"] for name in entry}
    assert written_members == {field.name for field in fields(Message)}


def test_what_counts_is_counted() -> None:
    out = io.BytesIO()
    messages = (ASKED, DONE, FAILED, QUEUED, replace(DONE, superseded_by=None))
    assert json_document.render(conversation(), iter(messages), Words(), out) == 2


@pytest.mark.parametrize("cost", ["0", "0E-10", "12.3400000000", "0.0000000001", "1234567890"])
def test_costs_are_exact(schema: Draft202012Validator, cost: str) -> None:
    document = exported(replace(DONE, cost=Decimal(cost)))
    schema.validate(document)
    assert Decimal(document["messages"][0]["cost"]) == Decimal(cost)
    assert "E" not in document["messages"][0]["cost"]


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("cost", 0.0012),
        ("status", "lost"),
        ("created_at", "yesterday"),
        ("id", "2"),
        ("secret", "x"),
    ],
)
def test_the_schema_refuses(schema: Draft202012Validator, member: str, wrong: object) -> None:
    document = exported(DONE)
    assert schema.is_valid(document)
    document["messages"][0][member] = wrong
    assert not schema.is_valid(document)


def test_text_that_utf_8_cannot_hold() -> None:
    document = written(json_document.render, replace(asked("a\ud800b\x00"), system="\udfff"))
    entry = json.loads(document)["messages"][0]
    assert (entry["content"], entry["system"]) == ("a\ufffdb\x00", "\ufffd")


def test_an_entry_a_line() -> None:
    lines = written(json_document.render, ASKED, replace(ASKED, content="a\nb")).splitlines()
    assert [json.loads(line.rstrip(","))["content"] for line in lines[1:-1]] == [
        "Question ?",
        "a\nb",
    ]


def test_memory_does_not_grow() -> None:
    def many() -> Iterator[Message]:
        for number in range(3_000):
            yield replace(DONE, id=number, superseded_by=None, content="x" * 1000)

    class Nowhere(io.BytesIO):
        def write(self, data: Any) -> int:
            return len(data)

    tracemalloc.start()
    json_document.render(conversation(), many(), Words(), Nowhere())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
