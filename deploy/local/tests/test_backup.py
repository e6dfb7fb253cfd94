"""Which documents get into a backup, whatever becomes of them while it is made."""

import os
import time
from pathlib import Path

import pytest

from webox_local.backup import CONSUMERS_FIRST, KeptExports
from webox_local.programs import SERVICES


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "document").write_text("text")
    return folder


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def test_one_removed_meanwhile_is_kept(exports: Path, kept: Path) -> None:
    KeptExports(exports, kept).keep(until=time.time())
    (exports / "1" / "document").unlink()
    assert (kept / "1" / "document").read_text() == "text"


def test_one_written_after_the_snapshot_is_not(exports: Path, kept: Path) -> None:
    """Its job is not done in the snapshot: nobody would know whose it is."""
    snapshot = time.time()
    os.utime(exports / "1" / "document", (snapshot + 1, snapshot + 1))
    KeptExports(exports, kept).keep(until=snapshot)
    assert list(kept.iterdir()) == []


def test_where_there_are_no_links_it_is_copied(
    exports: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    KeptExports(exports, kept).keep(until=time.time())
    assert (kept / "1" / "document").read_text() == "text"


def test_every_service_has_its_place_in_the_order() -> None:
    assert sorted(CONSUMERS_FIRST) == sorted(SERVICES)
