"""Statements of hot paths: compiled once, and run by psycopg itself in one flight.

SQLAlchemy's own execution costs several times what PostgreSQL takes for such a statement
(`docs/adr/0009-statements-in-one-flight.md`). A `Statement` keeps Core for writing SQL and leaves
out the rest: no compilation, no result objects, and any number of statements per round trip.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import AsyncRowFactory, DictRow, RowMaker, dict_row
from sqlalchemy import create_mock_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement

Row = DictRow
Connection = psycopg.AsyncConnection[Row]
Cursor = psycopg.AsyncCursor[Row]
Foretell = Callable[[int], None]
"""Told a number, such as an id, before the transaction that it comes from has ended."""

# PostgreSQL's own `$1`: psycopg has nothing to parse, which it would do each time for a statement
# of over 4 KB.
_DIALECT: Dialect = create_mock_engine(
    "postgresql+psycopg://", lambda *_: None, paramstyle="numeric_dollar"
).dialect


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement with its values."""

    sql: bytes
    values: Sequence[Any]


class Statement:
    """A Core statement whose every value is a `bindparam`; call it with these by name."""

    def __init__(self, clause: ClauseElement) -> None:
        compiled: Any = clause.compile(dialect=_DIALECT)
        self._sql = str(compiled).encode()
        self._names: Sequence[str] = compiled.positiontup
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
        return Bound(self._sql, [bound[name] for name in self._names])


async def read(
    connection: Connection, *statements: Bound, foretell: Foretell | None = None
) -> list[list[Row]]:
    """The rows of each, after one round trip in which all are one transaction.

    The one number that the first is for is told while PostgreSQL is at the others. It has them by
    then, so that nothing waits for a client that dies or halts.
    """
    if len(statements) == 1:
        cursors = [await _execute(connection.cursor(), statements[0])]
    else:
        async with connection.pipeline():
            cursors = await _execute_all(connection, statements, foretell)
    # Not within the pipeline: that would ask for the rows first, and for the commit after.
    return [await cursor.fetchall() for cursor in cursors]


async def _execute_all(
    connection: Connection, statements: Sequence[Bound], foretell: Foretell | None
) -> list[Cursor]:
    first, *others = statements
    if foretell is None:
        cursors = [await _execute(connection.cursor(), first)]
    else:
        telling = connection.cursor(row_factory=_telling(foretell))
        cursors = [await _execute(telling, first)]
        # Else PostgreSQL keeps what it has until the transaction ends.
        connection.pgconn.send_flush_request()
    return cursors + [await _execute(connection.cursor(), each) for each in others]


async def _execute(cursor: Cursor, statement: Bound) -> Cursor:
    return await cursor.execute(statement.sql, statement.values, prepare=True)


def _telling(foretell: Foretell) -> AsyncRowFactory[Row]:
    """For psycopg, which asks how to make rows as soon as a result is there."""

    def making_rows(cursor: psycopg.AsyncCursor[Any]) -> RowMaker[Row]:
        result = cursor.pgresult
        number = result.get_value(0, 0) if result and result.ntuples else None
        if number is not None:
            foretell(int(number))
        return dict_row(cursor)

    return making_rows


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
