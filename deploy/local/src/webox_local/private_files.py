import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from webox_local.errors import CannotStartError


def write_private(path: Path, content: str) -> None:
    """Replaces `path` at once with `content`, never readable by another user."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def kept_secret(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """What `path` holds; where it does not exist yet, what `make` returns, stored there."""
    with contextlib.suppress(FileNotFoundError):
        secret = path.read_text(encoding="utf-8").strip()
        if secret:
            return secret
    secret = make().strip()
    write_private(path, secret + "\n")
    return secret


def private_folder(path: Path) -> Path:
    """Makes the folder `path` (its parent has to exist) and closes it to other users.

    Raises:
        CannotStartError: It cannot be made, or belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid != os.getuid():
            raise CannotStartError(
                f"The folder {path} belongs to another user; Webox cannot use it."
            )
        path.chmod(0o700)
    except FileNotFoundError as error:
        raise CannotStartError(
            f"The folder {path.parent}, where {path.name} should be made, does not exist: "
            "is its disk mounted?"
        ) from error
    except OSError as error:
        raise CannotStartError(f"The folder {path} cannot be made: {error.strerror}.") from error
    return path
