"""A user's dashboard beside what the services' databases say."""

from typing import Any

import psycopg

from webox_stack.databases import Databases
from webox_stack.user import User

MOST_PROJECTS = 10

DONE_REPLIES = "SELECT count(*) FROM usage_ledger WHERE user_id = %s AND status = 'done'"
CONVERSATIONS = "SELECT id, title FROM conversation WHERE user_id = %s"
STORED = "SELECT coalesce(sum(size_bytes), 0) FROM export WHERE user_id = %s AND status = 'done'"
GENERATED = """
SELECT count(*) FROM product_event WHERE user_id = %s AND type = 'webox.generation.completed'
"""
# A thing is as its last event left it; of a storage event that is the size.
LAST_REPORTS = """
SELECT DISTINCT ON (split_part(type, '.', 2), subject)
    split_part(type, '.', 2), split_part(type, '.', 3), coalesce((data ->> 'bytes')::bigint, 0)
FROM product_event WHERE user_id = %s AND type <> 'webox.generation.completed'
ORDER BY split_part(type, '.', 2), subject, occurred_at DESC, published_as DESC
"""


async def check_dashboard(databases: Databases, user: User) -> None:
    """The counts, the storage and the projects.

    Raises:
        AssertionError: The dashboard shows something else.
    """
    chat, gateway = databases["chat"], databases["gateway"]
    generations = number(chat, DONE_REPLIES, user.id) + number(gateway, GENERATED, user.id)
    conversations: dict[int, str] = dict(chat.execute(CONVERSATIONS, [user.id]).fetchall())
    stored = number(databases["exporter"], STORED, user.id)
    reports = gateway.execute(LAST_REPORTS, [user.id]).fetchall()
    living = [kind for kind, happening, _ in reports if happening != "deleted"]
    stats = await user.get("/api/dashboard/stats")
    expected = {
        "websites": living.count("website"),
        "funnels": living.count("funnel"),
        "conversations": len(conversations),
        "generations": generations,
        "storage_used_bytes": stored + sum(size for *_, size in reports),
    }
    assert {name: stats[name] for name in expected} == expected
    await _check_projects(user, conversations, others=len(living) - living.count("storage"))


async def _check_projects(user: User, conversations: dict[int, str], others: int) -> None:
    projects = (await user.get("/api/dashboard/recent-projects"))["projects"]
    shown = {each["id"]: each["name"] for each in projects if each["type"] == "conversation"}
    assert shown.items() <= conversations.items()
    assert len(projects) == min(MOST_PROJECTS, len(conversations) + others)


def number(database: psycopg.Connection[Any], query: str, *values: object) -> int:
    """What a query of one number answers."""
    row = database.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
