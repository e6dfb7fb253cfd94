"""Statements of hot paths: compiled once, and run by psycopg itself in one flight.

SQLAlchemy's own execution costs several times what PostgreSQL takes for such a statement
(`docs/adr/0009-statements-in-one-flight.md`). A `Statement` keeps Core for writing SQL and leaves
out the rest: no compilation, no result objects, and any number of statements per round trip.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg.rows import DictRow
from sqlalchemy import create_mock_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement

Row = DictRow
Connection = psycopg.AsyncConnection[Row]

_DIALECT: Dialect = create_mock_engine(
    "postgresql+psycopg://", lambda *_: None, json_serializer=orjson.dumps
).dialect


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement with its values."""

    sql: bytes
    values: Mapping[str, Any]


class Statement:
    """A Core statement whose every value is a `bindparam`; call it with these by name."""

    def __init__(self, clause: ClauseElement) -> None:
        compiled: Any = clause.compile(dialect=_DIALECT)
        self._sql = str(compiled).encode()
        self._constants = dict(compiled.params)
        self._processors = {
            name: processor
            for parameter, name in compiled.bind_names.items()
            if (processor := parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT))
        }

    def __call__(self, **values: Any) -> Bound:
        """The statement with these values; those that are left out are NULL.

        Raises:
            TypeError: it has no parameter of such a name.
        """
        if unknown := values.keys() - self._constants.keys():
            raise TypeError(f"The statement has no parameter {', '.join(sorted(unknown))}.")
        bound = {**self._constants, **values}
        for name, process in self._processors.items():
            bound[name] = process(bound[name])
        return Bound(self._sql, bound)


async def read(connection: Connection, *statements: Bound) -> list[list[Row]]:
    """The rows of each; in a pipeline, after one round trip."""
    cursors = [
        await connection.execute(statement.sql, statement.values, prepare=True)
        for statement in statements
    ]
    return [await cursor.fetchall() for cursor in cursors]


@contextmanager
def errors_as_sqlalchemys() -> Iterator[None]:
    """Psycopg's errors as those that SQLAlchemy raises for it, without PostgreSQL's DETAIL."""
    try:
        yield
    except psycopg.Error as error:
        error.args = tuple(str(part).partition("\nDETAIL")[0] for part in error.args)
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=_DIALECT
        ) from error
