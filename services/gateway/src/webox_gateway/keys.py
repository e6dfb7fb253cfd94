"""The keys of an installation, made once: who the gateway is, and the services' shared secret."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PRIVATE_KEY = "identity-private.pem"
PUBLIC_KEY = "identity-public.pem"
SERVICE_SECRET = "service-secret"  # noqa: S105 - the file's name
_SECRET_BYTES = 48


def make_keys(folder: Path) -> list[Path]:
    """Write what is missing in `folder`, readable by its owner only; the files written.

    The public key is derived from the private one that is there, so that the two always fit.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = [
        *_write(folder / PRIVATE_KEY, _new_private_key),
        *_write(folder / SERVICE_SECRET, lambda: secrets.token_urlsafe(_SECRET_BYTES).encode()),
    ]
    private = load_pem_private_key((folder / PRIVATE_KEY).read_bytes(), password=None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [*written, *_write(folder / PUBLIC_KEY, lambda: public)]


def _new_private_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _write(file: Path, content: Callable[[], bytes]) -> list[Path]:
    """Written beside and then linked, so that a file is there whole or not at all."""
    if file.exists():
        return []
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content())
    try:
        os.link(draft, file)
    except FileExistsError:
        return []
    finally:
        draft.unlink()
    return [file]
