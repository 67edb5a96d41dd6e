"""Who signs heads: a signer, here one whose Ed25519 key lies in a file. No message or log ever shows the key."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from knowledge.problems import ShuoliError


class SigningRefused(ShuoliError):
    """Heads can't be signed: the key is missing, unusable, or another one than signed the last head."""

    code = "signing.refused"


class Signer(Protocol):
    """Whatever signs heads with Ed25519: a file, or a device that never gives its key away."""

    @property
    def key(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, document: bytes) -> bytes:
        """Return the signature over exactly these bytes, 64 bytes long."""
        ...


class FileSigner:
    """Signs with the private key that a PEM file (PKCS #8, not encrypted) holds."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def open(cls, path: Path, expected: bytes | None) -> Self:
        """Return the signer over a file.

        `expected` is the public key of the last head. Only where there is none yet, a missing file is made, and nobody
        but its owner may read it.

        Raises:
            SigningRefused: the file is missing, unusable or open to everyone, or holds another key than expected.
        """
        if expected is None and not path.exists():
            _make(path)
        signer = cls(_read(path))
        if expected is not None and signer.key != expected:
            raise SigningRefused(
                f"the key in {path} is not the one that signed the last head",
                help="bring back the ledger's own key, or name its file in SHUOLI_SIGNING_KEY",
            )
        return signer

    @property
    def key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key

    def sign(self, document: bytes) -> bytes:
        """Return the signature over exactly these bytes, 64 bytes long."""
        return self._private.sign(document)

    def __repr__(self) -> str:
        """Name the public key alone."""
        return f"FileSigner({log_id(self._key)})"


def log_id(key: bytes) -> str:
    """Return the id of the log whose heads a public key checks: 16 hex digits."""
    return hashlib.sha256(key).hexdigest()[:16]


def is_signed(document: bytes, signature: bytes, key: bytes) -> bool:
    """Say whether a public key (32 bytes) checks the signature over these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, document)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(path: Path) -> None:
    """Make a file with a new key. It appears whole or not at all, and never replaces one that is there."""
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was quicker: its key is read
        finally:
            fresh.unlink()
    except OSError as error:
        raise SigningRefused(f"the signing key {path} can't be made: {error.strerror}") from error


def _read(path: Path) -> Ed25519PrivateKey:
    help_ = "the file is a PEM with an Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise SigningRefused(
            f"the signing key {path} is missing, and heads are signed with it already",
            help="bring it back from its backup, or name its file in SHUOLI_SIGNING_KEY",
        ) from None
    except OSError as error:
        raise SigningRefused(f"the signing key {path} can't be read: {error.strerror}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SigningRefused(f"everyone may read or change the signing key {path}", help=f"chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What the library says may quote the file.
        raise SigningRefused(f"{path} holds no usable private key", help=help_) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningRefused(f"the key in {path} is not an Ed25519 key", help=help_)
    return key
