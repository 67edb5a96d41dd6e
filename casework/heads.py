"""Signed heads: what the log was at an instant, in a form that anyone can keep and hold against it later."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from casework.signing import FileSigner, Signer, is_signed, log_id
from knowledge.problems import ShuoliError
from store import trail
from store.ledger import Store, StoreCorrupt, Transaction
from store.trail import StoredHead

_NOTHING_SIGNED: Final = "nothing was signed; see `shuoli log verify`"
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class HeadRefused(ShuoliError):
    """What was given as a head is none, or isn't signed by the key that it names."""

    code = "head.refused"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a head says. `log` is the id of the log, `at` the ledger's instant, `hash` the tree's algorithm."""

    at: str
    hash: str
    log: str
    root: str
    size: int


class SignedHead(msgspec.Struct, frozen=True):
    """A head as it leaves the ledger: the text that was signed, and in hex the signature and the public key."""

    document: str
    signature: str
    key: str

    @classmethod
    def of(cls, stored: StoredHead) -> SignedHead:
        """Return a stored head as it leaves the ledger."""
        return cls(stored.document.decode("utf-8", "replace"), stored.signature.hex(), stored.key.hex())


_read: Final = msgspec.json.Decoder(Head, strict=True).decode


def read_head(document: bytes) -> Head:
    """Return what a head's document says.

    Raises:
        HeadRefused: it isn't one, or not in its canonical form.
    """
    try:
        said = _read(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HeadRefused(f"this is no head of a log: {error}") from error
    if _canonical(said) != document:
        raise HeadRefused("this head isn't written as heads are")
    return said


def read_signed_head(content: bytes) -> StoredHead:
    """Return a head that was kept outside: as `GET /api/v1/log/head` gives it, or within a certificate.

    Raises:
        HeadRefused: it isn't one, or its signature doesn't fit.
    """
    try:
        told = msgspec.json.decode(content)
        given = msgspec.convert(told.get("head", told) if isinstance(told, dict) else told, SignedHead)
        document, signature, key = given.document.encode(), bytes.fromhex(given.signature), bytes.fromhex(given.key)
    except (msgspec.DecodeError, ValueError) as error:
        raise HeadRefused(f"this is no signed head: {error}") from error
    said = read_head(document)
    if said.log != log_id(key) or not is_signed(document, signature, key):
        raise HeadRefused("the head's signature doesn't fit its text")
    return StoredHead(said.size, document, signature, key)


def sign_head(store: Store, signer: Signer, now: str | None = None) -> StoredHead | None:
    """Sign and store a head, if the log has grown since the last one; return it, None where it hasn't.

    `now` is the instant in UTC, by default that of this machine; the head carries the ledger's own.

    Raises:
        StoreCorrupt: the log isn't the one that the last head was signed for; nothing is signed.
    """
    with store.read() as transaction:
        if not _has_grown(transaction):
            return None
    with store.write(now) as transaction:
        if not _has_grown(transaction):
            return None
        _check_last(transaction, signer)
        size = trail.size(transaction)
        said = Head(
            at=transaction.entered_at,
            hash=trail.algorithm(transaction),
            log=log_id(signer.key),
            root=trail.root(transaction, size).hex(),
            size=size,
        )
        document = _canonical(said)
        signed = StoredHead(size, document, signer.sign(document), signer.key)
        trail.add_head(transaction, signed)
    return signed


def open_signer(store: Store, path: Path) -> FileSigner:
    """Return the signer whose key lies in a file, made only for a ledger that has no head yet.

    Raises:
        SigningRefused: the file is missing or unusable, or its key isn't the one that signed the last head.
    """
    with store.read() as transaction:
        last = trail.last_head(transaction)
    return FileSigner.open(path, None if last is None else last.key)


def _has_grown(transaction: Transaction) -> bool:
    last, size = trail.last_head(transaction), trail.size(transaction)
    if last is not None and last.size > size:
        raise StoreCorrupt(f"the log has lost leaves: {size} of {last.size} are left", help=_NOTHING_SIGNED)
    return size > (0 if last is None else last.size)


def _check_last(transaction: Transaction, signer: Signer) -> None:
    """Refuse to sign for a log that no longer begins with what the last head was signed for."""
    last = trail.last_head(transaction)
    if last is None:
        return
    if last.key != signer.key:
        raise StoreCorrupt("the last head was signed with another key", help=_NOTHING_SIGNED)
    try:
        root = read_head(last.document).root
    except HeadRefused as error:
        raise StoreCorrupt(f"head {last.size} of the log has been altered", help=_NOTHING_SIGNED) from error
    if trail.root(transaction, last.size).hex() != root:
        raise StoreCorrupt(f"the first {last.size} leaves of the log have been altered", help=_NOTHING_SIGNED)
