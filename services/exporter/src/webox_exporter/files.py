"""Where finished files are kept: any store that obstore knows, chosen by URL."""

import errno
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.store import from_url

from webox_exporter.errors import DiskFullError
from webox_exporter.schemas import StoredFile
from webox_kit.errors import ConfigurationError

_PART_BYTES = 5 * 1024 * 1024
_PARTS_AT_ONCE = 2
_CHUNK_BYTES = 256 * 1024
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_STORES_ERRORS = (OSError, obstore.exceptions.BaseError)
_OS_ERROR = re.compile(r"os error (\d+)")


class FileStore:
    """Files of exports. Each export has a folder, named by its id."""

    def __init__(self, url: str) -> None:
        """Open the store at `url`.

        Raises:
            ConfigurationError: the URL names no store.
        """
        try:
            self._root = _folder(url)
            self._store: Any = from_url(url, mkdir=True) if self._root else from_url(url)
        except (ValueError, OSError, obstore.exceptions.BaseError) as error:
            reason = str(error).split("\n", 1)[0]
            raise ConfigurationError(f"WEBOX_FILES_URL cannot be used: {reason}") from None

    @contextmanager
    def writing(self, key: str) -> Iterator["HashedWriter"]:
        """A stream into an object of this name; if the block fails, there is none.

        Raises:
            DiskFullError: there was no room.
        """
        writer = HashedWriter(
            obstore.open_writer(
                self._store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        )
        try:
            yield writer
            writer.close()
        except BaseException as error:
            writer.abandon(complete=not isinstance(error, _STORES_ERRORS))
            self.remove(key)
            if isinstance(error, OSError) and _is_full(error):
                raise DiskFullError from error
            raise

    def publish(self, temporary: str, key: str, writer: "HashedWriter") -> StoredFile:
        """Give a complete object its final name."""
        obstore.rename(self._store, temporary, key)
        return StoredFile(key=key, size_bytes=writer.size, sha256=writer.sha256)

    def remove(self, key: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    async def remove_all(self, export_id: UUID, keep: str | None = None) -> None:
        """Remove every object of an export, but the one to keep."""
        async for batch in obstore.list(self._store, f"{export_id}/"):
            for found in batch:
                if found["path"] != keep:
                    with suppress(FileNotFoundError):
                        await obstore.delete_async(self._store, found["path"])
        if self._root is not None:
            _sweep(self._root / str(export_id))

    async def sizes(self) -> dict[str, int]:
        """The bytes of every object, by its key; those still being written are not there yet."""
        return {
            found["path"]: found["size"]
            async for batch in obstore.list(self._store)
            for found in batch
        }

    async def sha256(self, key: str) -> str:
        """What the object hashes to now.

        Raises:
            FileNotFoundError: there is no such object.
        """
        digest = hashlib.sha256()
        async for chunk in _chunks(await obstore.get_async(self._store, key)):
            digest.update(chunk)
        return digest.hexdigest()

    async def open(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`.

        Raises:
            FileNotFoundError: there is no such object.
        """
        if end <= start:
            return _nothing()
        found = await obstore.get_async(self._store, key, options={"range": (start, end)})
        return _chunks(found)


def _folder(url: str) -> Path | None:
    """The folder that a `file:` URL names."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _sweep(folder: Path) -> None:
    """Remove what a killed process left of unfinished objects: obstore does not list those."""
    for left in folder.glob("*#*"):
        left.unlink(missing_ok=True)
    with suppress(OSError):  # not there, or not empty
        folder.rmdir()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _chunks(found: Any) -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
        yield bytes(chunk)


class HashedWriter(RawIOBase):
    """Counts and hashes what goes through it."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def stream(self) -> BinaryIO:
        """The same, as the type that renderers take."""
        return cast(BinaryIO, self)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._target.write(bytes(data))
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def close(self) -> None:
        """Complete the object."""
        if not self.closed:
            target, self._target = self._target, None
            if target is not None:
                target.close()
            super().close()

    def abandon(self, *, complete: bool) -> None:
        """Drop what was written.

        An upload to a bucket that is not completed stays there, unseen and paid for; so complete
        it, to be removed as a whole, unless it is the store that failed.
        """
        target, self._target = self._target, None
        if complete and target is not None:
            with suppress(*_STORES_ERRORS):
                target.close()
        super().close()


def _is_full(error: OSError) -> bool:
    """Whether the error says that there is no room; obstore puts the number into its text."""
    numbers = {int(number) for number in _OS_ERROR.findall(str(error))}
    return bool(_NO_ROOM & (numbers | {error.errno}))
