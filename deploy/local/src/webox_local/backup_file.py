"""The one file of a backup: what is in it, how it is written, and how it is checked.

It is a ZIP archive whose members are stored as they are (dumps and PDFs are compressed already).
Its table of contents comes last, so that members are written as they come, and a file that was
cut off is known by its end.

databases/webox_chat.dump   a database, in pg_dump's custom format
exports/ID/…                a finished document
manifest.json               what was made when by which versions, and every member's SHA-256

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT describes ZIP itself.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from webox_local.errors import BackupError

FORMAT = 1
MANIFEST = "manifest.json"
DATABASES = "databases"
EXPORTS = "exports"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """`size` in bytes, `sha256` in hex; `unpacked` is what a database took on disk."""

    size: int
    sha256: str
    unpacked: int


@dataclass(frozen=True)
class Manifest:
    """`created_at` is ISO 8601 in UTC: the moment as of which everything is."""

    format: int
    webox: str
    postgresql: str
    created_at: str
    members: Mapping[str, Member]

    def databases(self) -> list[str]:
        return [Path(name).stem for name in self._within(DATABASES)]

    def exports(self) -> list[str]:
        """The members' names."""
        return self._within(EXPORTS)

    def unpacked_bytes(self) -> int:
        return sum(each.unpacked for each in self.members.values())

    def describe(self) -> str:
        """In one line, for people."""
        documents = len(self.exports())
        return (
            f"made {self.created_at} by Webox {self.webox}: {len(self.databases())} databases and "
            f"{documents:,} exported document{'' if documents == 1 else 's'}"
        )

    def _within(self, folder: str) -> list[str]:
        return [name for name in self.members if name.startswith(f"{folder}/")]


def dump_name(database: str) -> str:
    return f"{DATABASES}/{database}.dump"


class BackupWriter:
    """Writes members one after the other, and the manifest at the end."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, Member] = {}

    @contextlib.contextmanager
    def member(self, name: str, *, unpacked: int = 0) -> Iterator[Callable[[bytes], None]]:
        """Within the block a new member is open, and what is given writes to it.

        Args:
            name: Its path in the archive.
            unpacked: The bytes that it will take when restored, where that is not its size.
        """
        digest, size = hashlib.sha256(), 0

        def write(chunk: bytes) -> None:
            nonlocal size
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)

        with self._archive.open(ZipInfo(name), "w", force_zip64=True) as target:
            yield write
        self._members[name] = Member(size, digest.hexdigest(), unpacked or size)

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as source, self.member(name) as write:
            while chunk := source.read(CHUNK):
                write(chunk)

    def finish(self, *, webox: str, postgresql: str, created_at: str) -> Manifest:
        manifest = Manifest(FORMAT, webox, postgresql, created_at, self._members)
        self._archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
        return manifest


@contextlib.contextmanager
def written(path: Path, *, replace: bool) -> Iterator[BackupWriter]:
    """Within the block a backup is written; `path` is there only when it is whole.

    It is readable by its owner only. Whatever goes wrong, nothing is left of it.

    Raises:
        BackupError: `path` is there already, or cannot be written; the disk is full.
    """
    _check_target(path, replace=replace)
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            with ZipFile(file, "w") as archive:
                yield BackupWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _check_target(path: Path, *, replace: bool) -> None:
    if path.is_dir():
        raise BackupError(f"{path} is a folder: name a file.")
    if path.exists() and not replace:
        raise BackupError(f"{path} is there already: choose another name, or use --force.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Backup:
    """A backup that is open for reading."""

    def __init__(self, archive: ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def check(self) -> None:
        """Reads all of it.

        Raises:
            BackupError: Anything of it is not as it was written.
        """
        members = set(self._archive.namelist()) - {MANIFEST}
        if members != set(self.manifest.members):
            raise BackupError("The backup is damaged: it lacks something, or has something more.")
        for name, expected in self.manifest.members.items():
            _check_name(name)
            if self._digest(name) != expected.sha256:
                raise BackupError(f"The backup is damaged: {name} is not as it was written.")

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        try:
            with self.open(name) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
        except (BadZipFile, EOFError, NotImplementedError, RuntimeError):
            # Its own header says something else than the table of contents.
            return "unreadable"
        return digest.hexdigest()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """The backup at `path`, whose manifest is read and whose members are not looked at yet.

    Raises:
        BackupError: It cannot be read, is no backup or not a whole one, or is of a newer format.
    """
    try:
        with ZipFile(path) as archive:
            yield Backup(archive, _manifest(path, archive))
    except BadZipFile as error:
        raise BackupError(f"{path} is not a backup, or not a whole one.") from error


def _manifest(path: Path, archive: ZipFile) -> Manifest:
    try:
        said = json.loads(archive.read(MANIFEST))
    except KeyError as error:
        raise BackupError(f"{path} is not a backup of Webox.") from error
    except ValueError as error:
        raise BackupError("The backup is damaged: its manifest cannot be read.") from error
    if not isinstance(said, dict) or not isinstance(said.get("format"), int):
        raise BackupError(f"{path} is not a backup of Webox.")
    if said["format"] > FORMAT:
        raise BackupError(
            f"{path} has format {said['format']}, of a newer Webox (this one reads {FORMAT}): "
            "restore it with that version."
        )
    return _parsed(said)


def _parsed(said: dict[str, Any]) -> Manifest:
    try:
        members = {name: Member(**each) for name, each in said.pop("members").items()}
        return Manifest(**said, members=members)
    except (TypeError, KeyError, AttributeError) as error:
        raise BackupError("The backup is damaged: its manifest lacks something.") from error


def _check_name(name: str) -> None:
    """A member may only become a file below the folder it is restored to."""
    path = PurePosixPath(name)
    ordinary = len(path.parts) > 1 and path.parts[0] in {DATABASES, EXPORTS}
    if not ordinary or ".." in path.parts or str(path) != name:
        raise BackupError(f"The backup is damaged: {name!r} is no name of ours.")
