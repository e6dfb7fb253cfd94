"""A way to a server's unix socket that can be closed and frozen."""

import asyncio
from pathlib import Path
from typing import Self


class Proxy:
    """Listens at `socket` and passes everything to the server at `target` and back."""

    def __init__(self, target: Path, socket: Path) -> None:
        self.target = target
        self.socket = socket
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def instead_of(self, url: str) -> str:
        """`url` with this socket in place of the server's."""
        return url.replace(str(self.target), str(self.socket))

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._connect, self.socket)

    def close(self) -> None:
        """Refuse new connections and cut those there are."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._connections:
            writer.transport.abort()

    def freeze(self) -> None:
        """Keep connections, and answer nothing."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def replace(self) -> None:
        """Serve new connections, while the frozen ones stay frozen for good."""
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = self._flowing
        server_reader, server_writer = await asyncio.open_unix_connection(self.target)
        pair = {writer, server_writer}
        self._connections |= pair
        try:
            await asyncio.gather(
                _pump(reader, server_writer, flowing), _pump(server_reader, writer, flowing)
            )
        finally:
            self._connections -= pair


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    try:
        while chunk := await reader.read(65_536):
            await flowing.wait()
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()
