"""The statements that write the read models. Each takes a batch's rows, a column as one array.

A batch often says several things of one conversation or website. PostgreSQL refuses to upsert a
row twice in a statement, so what they say is put together first, the newest of each value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Table, Text, bindparam, case, column, func, select
from sqlalchemy.dialects.postgresql import Insert, aggregate_order_by, insert
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from webox_dashboard.models import (
    activity,
    conversation,
    generation,
    generation_count,
    notification,
    product,
    storage,
    tombstone,
)

_ENTRY = ("user_id", "kind", "origin", "subject_type", "subject", "details", "created_at")


def arrays_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of rows that all have the same keys, as these statements take them."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _given(table: Table, *names: str) -> TableValuedAlias:
    """The batch's rows. Their texts compare byte by byte if the table's do."""
    types = {name: _plain(table.c[name].type) for name in names}
    arrays = (bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items())
    columns = (column(name, type_) for name, type_ in types.items())
    return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """An array's type has no collation of its own."""
    return Text() if isinstance(type_, Text) else type_


def _exact(text: ColumnElement[str]) -> ColumnElement[str]:
    return text.collate("C")


def _of_newest(value: ColumnElement[Any], order: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of one thing's rows, the value of that which is the newest by `order`; none has NULL."""
    values = aggregate_order_by(value, order.desc().nulls_last())
    newest: ColumnElement[Any] = func.array_agg(values, type_=ARRAY(value.type))[1]
    return newest


def _upsert_products() -> Insert:
    marks = ("seen_at", "seen_mark", "published_mark", "deleted_mark")
    key = ("user_id", "type", "subject")
    given = _given(product, *key, "name", "name_mark", *marks).c
    newest_name = _exact(given.name_mark)
    newest = select(
        *(given[name] for name in key),
        _of_newest(given.name, newest_name),
        func.max(newest_name),
        func.max(given.seen_at),
        *(func.max(_exact(given[name])) for name in marks[1:]),
    ).group_by(*(given[name] for name in key))
    statement = insert(product).from_select([*key, "name", "name_mark", *marks], newest)
    new = statement.excluded
    renamed = new.name_mark > func.coalesce(product.c.name_mark, "")
    return statement.on_conflict_do_update(
        constraint=product.primary_key,
        set_={
            "name": case((renamed, new.name), else_=product.c.name),
            # GREATEST leaves NULL out: what an event says nothing of stays.
            **{name: func.greatest(product.c[name], new[name]) for name in ("name_mark", *marks)},
        },
    )


def _upsert_storage() -> Insert:
    key = ("user_id", "subject", "type")
    given = _given(storage, *key, "size_bytes", "mark").c
    mark = _exact(given.mark)
    newest = select(
        *(given[name] for name in key), _of_newest(given.size_bytes, mark), func.max(mark)
    ).group_by(*(given[name] for name in key))
    statement = insert(storage).from_select([*key, "size_bytes", "mark"], newest)
    new = statement.excluded
    return statement.on_conflict_do_update(
        constraint=storage.primary_key,
        set_={"size_bytes": new.size_bytes, "mark": new.mark},
        where=new.mark > storage.c.mark,
    )


def _upsert_conversations() -> Insert:
    names = ("conversation_id", "user_id", "title", "archived", "state_version", "updated_at")
    given = _given(conversation, *names).c
    newest = select(
        given.conversation_id,
        given.user_id,
        _of_newest(given.title, given.state_version),
        _of_newest(given.archived, given.state_version),
        func.max(given.state_version),
        func.max(given.updated_at),
    ).group_by(given.conversation_id, given.user_id)
    statement = insert(conversation).from_select(list(names), newest)
    new, old = statement.excluded, conversation.c
    newer = new.state_version >= func.coalesce(old.state_version, 0)
    return statement.on_conflict_do_update(
        constraint=conversation.primary_key,
        set_={
            "title": case((newer, new.title), else_=old.title),
            "archived": case((newer, new.archived), else_=old.archived),
            "state_version": func.greatest(old.state_version, new.state_version),
            "updated_at": func.greatest(old.updated_at, new.updated_at),
        },
    )


def _insert(table: Table, *names: str) -> Insert:
    """What is there already stays as it is."""
    given = select(*_given(table, *names).c)
    return insert(table).from_select(list(names), given).on_conflict_do_nothing()


def _add_to_counts() -> Insert:
    names = ("user_id", "generations")
    statement = insert(generation_count).from_select(
        list(names), select(*_given(generation_count, *names).c)
    )
    total = generation_count.c.generations + statement.excluded.generations
    return statement.on_conflict_do_update(
        constraint=generation_count.primary_key, set_={"generations": total}
    )


UPSERT_PRODUCTS = _upsert_products()
UPSERT_STORAGE = _upsert_storage()
UPSERT_CONVERSATIONS = _upsert_conversations()
INSERT_GENERATIONS = _insert(generation, "user_id", "origin").returning(generation.c.user_id)
ADD_TO_COUNTS = _add_to_counts()
INSERT_ACTIVITIES = _insert(activity, *_ENTRY)
INSERT_NOTIFICATIONS = _insert(notification, *_ENTRY).returning(
    notification.c.id, notification.c.user_id, notification.c.kind
)
INSERT_TOMBSTONES = _insert(tombstone, "kind", "key", "user_id")
