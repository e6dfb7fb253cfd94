"""All SQL about events from outside."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from webox_gateway.models import account, product_event
from webox_gateway.product_events.schemas import KeptEvent
from webox_kit.database import Session


class ProductEventRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def user_exists(self, user_id: int) -> bool:
        """Whether there is this user, who then stays until the transaction ends."""
        found = await self._session.scalar(
            select(account.c.id).where(account.c.id == user_id).with_for_update(key_share=True)
        )
        return found is not None

    async def add(self, **event: Any) -> bool:
        """Keep an event; False when this user's event of that source and id is there already."""
        added = await self._session.scalar(
            insert(product_event)
            .values(**event)
            .on_conflict_do_nothing(constraint="uq_product_event_source")
            .returning(product_event.c.id)
        )
        return added is not None

    async def after(self, after: int, limit: int) -> list[KeptEvent]:
        """Those with ids above `after`, by id."""
        rows = await self._session.execute(
            select(product_event)
            .where(product_event.c.id > after)
            .order_by(product_event.c.id)
            .limit(limit)
        )
        return [
            KeptEvent(
                id=row.id,
                user_id=row.user_id,
                event_id=row.event_id,
                type=row.type,
                subject=row.subject,
                occurred_at=row.occurred_at,
                name=row.data.get("name"),
                bytes=row.data.get("bytes"),
                published_as=row.published_as,
            )
            for row in rows
        ]
