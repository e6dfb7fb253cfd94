"""Whether each export that is done has its file, and nothing else has one."""

import hashlib
from pathlib import Path

from webox_local.home import Home
from webox_stack.databases import Databases
from webox_stack.user import User

DONE = "SELECT object_key, size_bytes, sha256 FROM export WHERE status = 'done'"
COMING_OR_GOING = """
SELECT id::text FROM export WHERE status IN ('queued', 'running')
UNION SELECT export_id::text FROM removal
"""


def check_files(home: Home, databases: Databases) -> None:
    """By their names and sizes, for all users.

    Raises:
        AssertionError: A file is missing or cut off, or belongs to no export that is done.
    """
    folder = home.exports
    # Listed before the jobs are: what is done in between has its file a moment earlier.
    there = {str(each.relative_to(folder)): each for each in folder.rglob("*") if each.is_file()}
    done = {key: size for key, size, _ in databases["exporter"].execute(DONE)}
    moving = {row[0] for row in databases["exporter"].execute(COMING_OR_GOING)}
    for key, size in done.items():
        assert key in there, f"{key} is gone"
        assert there[key].stat().st_size == size, f"{key} is cut off"
    nobodys = {key for key in there.keys() - done.keys() if Path(key).parts[0] not in moving}
    assert not nobodys, f"files of no export that is done: {nobodys}"


def check_hashes(home: Home, databases: Databases, user: User) -> None:
    """One user's files hold what their jobs say.

    Raises:
        AssertionError: One does not.
    """
    for key, _, sha256 in databases["exporter"].execute(f"{DONE} AND user_id = %s", [user.id]):
        found = hashlib.sha256((home.exports / key).read_bytes()).hexdigest()
        assert found == sha256, f"{key} is not what was made"
