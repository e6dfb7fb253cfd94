"""Deleting an index that somebody may be writing to."""

import shutil
from pathlib import Path


def delete_at_once(folder: Path) -> None:
    """Moved away first: removing file by file would race with the writer's new ones."""
    gone = folder.rename(folder.with_name("deleted"))
    shutil.rmtree(gone, ignore_errors=True)
