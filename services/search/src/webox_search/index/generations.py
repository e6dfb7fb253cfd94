"""Where the embedded index lies on disk: one folder a generation, and which one is current.

current             the current generation's name
1-0193f3…/          a generation: the schema's version, then a UUIDv7
"""

import os
import shutil
from pathlib import Path

from uuid_utils import uuid7

_POINTER = "current"
_META = "meta.json"


class Generations:
    """The generations in `folder`: of schema `version`, or of older ones from `oldest` on.

    One of another schema is not current.
    """

    def __init__(self, folder: Path, version: int, oldest: int) -> None:
        self._folder = folder
        self._version = version
        self._oldest = oldest

    @property
    def version_of_pointer(self) -> tuple[int, int] | None:
        """Changes whenever another generation becomes current; None while there is none."""
        try:
            state = (self._folder / _POINTER).stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_mtime_ns

    def pointed(self) -> Path | None:
        """The current generation, whether it is there or not, of whatever schema."""
        try:
            return self._folder / (self._folder / _POINTER).read_text("ascii").strip()
        except FileNotFoundError:
            return None

    def current(self) -> Path | None:
        """The current generation, if it is there and of a schema that we know."""
        path = self.pointed()
        if path is None or not self._oldest <= version_of(path) <= self._version:
            return None
        return path if is_intact(path) else None

    def is_newest(self, path: Path) -> bool:
        """Whether a generation is of our schema version."""
        return version_of(path) == self._version

    def create(self) -> Path:
        """An empty folder for a new generation."""
        path = self._folder / f"{self._version}-{uuid7()}"
        path.mkdir(parents=True)
        return path

    def publish(self, path: Path) -> None:
        """Make a generation current; readers follow at their next search."""
        pending = self._folder / f"{_POINTER}.new"
        with pending.open("w", encoding="ascii") as file:
            file.write(path.name)
            file.flush()
            os.fsync(file.fileno())
        pending.replace(self._folder / _POINTER)
        self._sync_folder()

    def remove_all_but(self, *kept: Path | None) -> None:
        """Readers that still have one of them open keep its files until they close it."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.is_dir() and path not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def version_of(path: Path) -> int:
    """The schema version of a generation; 0 when its name tells of none."""
    version = path.name.partition("-")[0]
    return int(version) if version.isdecimal() else 0


def is_intact(path: Path) -> bool:
    return (path / _META).exists()


def commit_of(path: Path) -> tuple[int, int] | None:
    """Changes with every commit to a generation; None when it is gone."""
    try:
        state = (path / _META).stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_mtime_ns


def size_of(path: Path) -> int:
    """Bytes on disk; files that a merge removes meanwhile count as nothing."""
    total = 0
    for file in path.iterdir():
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total
