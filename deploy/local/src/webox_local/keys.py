"""The keys of an installation, made once and kept."""

from dataclasses import dataclass
from pathlib import Path

from webox_local.private_files import kept_secret


@dataclass(frozen=True)
class Keys:
    private_key_file: Path
    public_key_file: Path
    service_secret_file: Path


def kept_keys(folder: Path) -> Keys:
    """The keys in `folder`; the missing ones are made.

    They are an Ed25519 pair as PEM (PKCS #8 and SubjectPublicKeyInfo), with which the gateway
    signs who asks, and a random secret the services share among themselves.
    """
    keys = Keys(
        folder / "identity-private.pem", folder / "identity-public.pem", folder / "service-secret"
    )
    if not keys.private_key_file.exists():
        keys.public_key_file.unlink(missing_ok=True)
    private_pem = kept_secret(keys.private_key_file, _new_private_key)
    kept_secret(keys.public_key_file, lambda: _public_key(private_pem))
    kept_secret(keys.service_secret_file)
    return keys


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - first start only
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - likewise
        Ed25519PrivateKey,
    )

    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _public_key(private_pem: str) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - first start only

    private = serialization.load_pem_private_key(private_pem.encode(), password=None)
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
