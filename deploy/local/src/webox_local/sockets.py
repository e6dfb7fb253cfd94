"""Where the unix sockets of a home live."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

from webox_local.private_files import private_folder

# The kernel's limit is 107 bytes (103 on macOS) for the whole path of a socket.
LONGEST_FOLDER = 80
# Anything else would need escaping, differently in each of the URLs and files the path goes into.
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def socket_folder(home: Path) -> Path:
    """The folder (0700) for the sockets of `home`, made when missing.

    It is inside `home` unless that path is too long for a socket or holds unusual characters;
    then it is a short one among the machine's temporary folders, always the same for one home.
    """
    inside = home / "run"
    if len(os.fsencode(inside)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(inside)):
        return private_folder(inside)
    name = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:16]
    return private_folder(_short_temporary_folder() / f"webox-{os.getuid()}-{name}")


def tidy_socket_folder(home: Path) -> None:
    """Removes the sockets' folder of `home` if it is empty and not inside."""
    folder = socket_folder(home)
    if not folder.is_relative_to(home):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _short_temporary_folder() -> Path:
    for candidate in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if candidate and len(candidate) < LONGEST_FOLDER // 2 and PLAIN.fullmatch(candidate):
            folder = Path(candidate)
            if folder.is_dir() and os.access(folder, os.W_OK):
                return folder
    return Path("/tmp")  # noqa: S108 - the last resort; private_folder refuses another's folder
