"""A way to a server, by unix socket or TCP, that fails as networks and servers do."""

import asyncio
import math
import socket
import struct
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

# A unix socket's path, or a host and a port.
Address = Path | tuple[str, int]

CHUNK_BYTES = 65_536
# Closes at once, with a reset in place of an orderly end.
NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class _Conduct:
    """How the connections that share it are treated."""

    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    resets: bool = False
    delay_seconds: float = 0
    chunk_bytes: int = CHUNK_BYTES
    bytes_a_second: float = math.inf
    # Of what the server says on one connection.
    most_bytes: float = math.inf

    def pause_seconds(self, size: int) -> float:
        return self.delay_seconds + size / self.bytes_a_second


class Proxy:
    """Listens at `at` and passes everything to the server at `target` and back.

    A verb replaces the one before it, for the connections there are and for new ones.
    """

    def __init__(self, target: Address, at: Address = ("127.0.0.1", 0)) -> None:
        """`at` with port 0 takes a free port, and keeps it."""
        self.target = target
        self.at = at
        self._conduct = _Conduct()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.pass_on()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()

    def instead_of(self, url: str) -> str:
        """`url` with this address in place of the server's."""
        return url.replace(_written(self.target), _written(self.at))

    async def pass_on(self) -> None:
        """Everything, both ways, at once."""
        self._treat(_Conduct())
        await self._listen()

    def refuse(self) -> None:
        """Refuses new connections and cuts those there are."""
        if self._server:
            self._server.close()
            self._server = None
        # What a blackhole held back ends as well.
        self._treat(_Conduct())
        self._cut_all()

    async def reset(self) -> None:
        """Accepts connections and resets them at once, as those there are."""
        self._treat(_Conduct(resets=True))
        self._cut_all()
        await self._listen()

    def blackhole(self) -> None:
        """Accepts and keeps connections, and answers nothing."""
        self._treat(_Conduct())
        self._conduct.flowing.clear()

    def leave_in_the_dark(self) -> None:
        """Serves new connections; those there are stay as they are for good."""
        self._conduct = _Conduct()
        self._conduct.flowing.set()

    def delay(self, seconds: float) -> None:
        """Every chunk comes this much later."""
        self._treat(_Conduct(delay_seconds=seconds))

    def slice(self, size: int) -> None:
        """Nothing comes in more than `size` bytes at once."""
        self._treat(_Conduct(chunk_bytes=size))

    def cut_after(self, size: int) -> None:
        """Resets every connection once the server has said `size` bytes on it."""
        self._treat(_Conduct(most_bytes=size))

    def rate(self, bytes_a_second: float) -> None:
        """Each way of each connection carries this much."""
        self._treat(_Conduct(bytes_a_second=bytes_a_second))

    def _treat(self, conduct: _Conduct) -> None:
        # In place: the connections there are hold the same object.
        for each in fields(conduct):
            if each.name != "flowing":
                setattr(self._conduct, each.name, getattr(conduct, each.name))
        self._conduct.flowing.set()

    async def _listen(self) -> None:
        if self._server:
            return
        if isinstance(self.at, Path):
            self._server = await asyncio.start_unix_server(self._connect, self.at)
        else:
            self._server = await asyncio.start_server(self._connect, *self.at)
            self.at = self._server.sockets[0].getsockname()[:2]

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conduct = self._conduct
        if conduct.resets:
            _reset(writer)
            return
        try:
            server_reader, server_writer = await _opened(self.target)
        except OSError:
            _reset(writer)
            return
        pair = {writer, server_writer}
        self._connections |= pair
        try:
            await asyncio.gather(
                _pump(reader, server_writer, conduct),
                _pump(server_reader, writer, conduct, limited=True),
            )
        finally:
            self._connections -= pair

    def _cut_all(self) -> None:
        for writer in self._connections:
            _reset(writer)


async def _opened(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, Path):
        return await asyncio.open_unix_connection(address)
    return await asyncio.open_connection(*address)


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    conduct: _Conduct,
    *,
    limited: bool = False,
) -> None:
    passed = 0
    try:
        while chunk := await reader.read(conduct.chunk_bytes):
            await conduct.flowing.wait()
            await asyncio.sleep(conduct.pause_seconds(len(chunk)))
            room = conduct.most_bytes - passed if limited else math.inf
            writer.write(chunk[: int(min(room, len(chunk)))])
            await writer.drain()
            passed += len(chunk)
            if len(chunk) >= room:
                break
    except OSError:
        pass
    finally:
        _end(writer, by_reset=limited and passed >= conduct.most_bytes)


def _end(writer: asyncio.StreamWriter, *, by_reset: bool) -> None:
    if by_reset:
        _reset(writer)
    else:
        writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection.family != socket.AF_UNIX and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()


def _written(address: Address) -> str:
    return str(address) if isinstance(address, Path) else "{}:{}".format(*address)
