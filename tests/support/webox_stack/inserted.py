"""Conversations as large as nobody types them: written to chat's database as if they had been."""

from typing import Any

import psycopg

_CONVERSATIONS = """
WITH conversations AS (
    INSERT INTO conversation (user_id, title, folder, preview, message_count)
    SELECT %(user_id)s, 'Conversation ' || n, 'Général', 'mot', %(messages)s
    FROM generate_series(1, %(rows)s) AS n RETURNING id
), messages AS (
    INSERT INTO message (conversation_id, user_id, content)
    SELECT id, %(user_id)s, %(text)s FROM conversations, generate_series(1, %(messages)s / 2)
    RETURNING id, conversation_id
), replies AS (
    INSERT INTO reply (message_id, conversation_id, user_id, provider, model, position, status,
        content, cost, total_ms, finished_at)
    SELECT id, conversation_id, %(user_id)s, 'GPT-4', 'model', 0, 'done', %(text)s, 0.0012, 900,
        now()
    FROM messages RETURNING id
)
SELECT id FROM conversations, (SELECT count(*) FROM replies) AS all_of_them ORDER BY id
"""


def inserted(
    chat: psycopg.Connection[Any], user_id: int, *, rows: int = 1, messages: int, text: str
) -> list[int]:
    """The ids of new conversations of a user, each of so many messages, every second a reply.

    They come with no events: search and dashboard do not learn of them.
    """
    values = {"user_id": user_id, "rows": rows, "messages": messages, "text": text}
    return [row[0] for row in chat.execute(_CONVERSATIONS, values).fetchall()]
