"""Connections to the databases of a Webox."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import psycopg

from webox_local.servers import Servers
from webox_stack.stack import Stack


class Databases:
    """One connection a service, made when it is first asked for and kept until the block ends."""

    def __init__(self, webox: Stack) -> None:
        self._postgres = Servers.of(webox.home.folder).postgres
        self._open: dict[str, psycopg.Connection[Any]] = {}
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    def __getitem__(self, service: str) -> psycopg.Connection[Any]:
        if service not in self._open:
            connection = self._postgres.connect(f"webox_{service}")
            self._open[service] = self._ending.enter_context(connection)
        return self._open[service]
