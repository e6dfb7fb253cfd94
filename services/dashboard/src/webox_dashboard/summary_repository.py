"""SQL that reads the read models of everybody, to compare them with their sources."""

from sqlalchemy import func, select

from webox_dashboard.comparison import (
    Summary,
    keyed,
    said_of_conversation,
    said_of_project,
    said_of_storage,
)
from webox_dashboard.models import (
    conversation,
    generation,
    generation_count,
    product,
    storage,
    tombstone,
)
from webox_kit.database import Session


async def deleted_users(session: Session) -> set[int]:
    found = await session.scalars(select(tombstone.c.user_id).where(tombstone.c.kind == "user"))
    return set(found)


async def summary(session: Session) -> Summary:
    """What the tables say now."""
    conversations = await session.stream(
        select(
            conversation.c.user_id,
            conversation.c.conversation_id,
            conversation.c.title,
            func.coalesce(conversation.c.archived, False).label("archived"),
        ).where(conversation.c.title.is_not(None))
    )
    generations = await session.stream(select(generation))
    projects = await session.stream(
        select(
            product.c.user_id,
            product.c.type,
            product.c.subject,
            product.c.name,
            (
                func.coalesce(product.c.published_mark, "")
                > func.coalesce(product.c.deleted_mark, "")
            ).label("published"),
        ).where(product.c.alive)
    )
    stored = await session.stream(select(storage).where(storage.c.size_bytes != 0))
    counts = await session.stream(
        select(generation_count).where(generation_count.c.generations != 0)
    )
    return Summary(
        conversations={
            keyed(row.user_id, row.conversation_id): said_of_conversation(
                row.title, archived=row.archived
            )
            async for row in conversations
        },
        generations={keyed(row.user_id, row.origin): "counted" async for row in generations},
        projects={
            keyed(row.user_id, row.type, row.subject): said_of_project(
                row.subject, row.name, published=row.published
            )
            async for row in projects
        },
        storage={
            keyed(row.user_id, row.type, row.subject): said_of_storage(row.size_bytes)
            async for row in stored
        },
        counts={keyed(row.user_id): str(row.generations) async for row in counts},
    )
