"""Whether one stored record is what was stored: each check names the first thing about it that is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from casework.heads import HeadRefused, read_head
from casework.signing import is_signed, log_id
from engine.document import digest, outcome_digest
from store.drafts import content_of
from store.merkle import leaf_hash
from store.packing import Unpackable, unpacked, unpacked_grading
from store.records import LOGGED, Row
from store.trail import StoredHead, StoredLeaf, leaf

KINDS: Final = (*LOGGED, "decision")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Flaw(msgspec.Struct, frozen=True):
    """One record that is not what was stored: where it stands, what about it is wrong, and both values as text."""

    table: str
    key: str
    what: str
    expected: str
    found: str


class Differs(Exception):
    """Something expected was not found."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(what, expected, found)
        self.what, self.expected, self.found = what, expected, found


def check_leaf(stored: StoredLeaf, index: int, algorithm: str) -> Flaw | None:
    """Check a leaf by itself: its place, its hash, and that its columns say what its document says."""

    def check() -> None:
        _same("index", index, stored.index)
        _same("hash of the document", leaf_hash(stored.document, algorithm), stored.hash)
        said = _object(stored.document)
        for name in ("kind", "ref"):
            _same(name, said.get(name), getattr(stored, name))
        if stored.kind not in KINDS:
            raise Differs("kind", " | ".join(KINDS), stored.kind)
        if not _HEX.fullmatch(stored.ref):
            raise Differs("ref", "64 hex digits", stored.ref)
        at = said.get("at")
        if not isinstance(at, str) or not _INSTANT.fullmatch(at):
            raise Differs("at", "an instant in UTC", at)
        _same("document", leaf(stored.kind, stored.ref, at).document, stored.document)

    # Of a leaf that is missing, what was found is the next one.
    return _flaw("log_leaves", index, check)


def check_head(stored: StoredHead, size: int, root: bytes, algorithm: str, key: bytes) -> Flaw | None:
    """Check a head against the log of `size` leaves, and its signature against the public key of the log."""

    def check() -> None:
        _same("size", size, stored.size)
        _same("key", key, stored.key)
        if not is_signed(stored.document, stored.signature, key):
            raise Differs("signature", f"one of the log {log_id(key)} over the document", stored.signature)
        try:
            said = read_head(stored.document)
        except HeadRefused as error:
            raise Differs("document", "a head", error.message) from error
        _same("size in the document", size, said.size)
        _same("log", log_id(key), said.log)
        _same("hash", algorithm, said.hash)
        _same(f"root of leaves 0 to {size - 1}", said.root, root.hex())

    return _flaw("log_heads", stored.size, check)


def check_grading(row: Row, name: str) -> Flaw | None:
    """Check a grading against its hash, and what tables show of it against its document."""

    def check() -> None:
        document = _unpacked(lambda: unpacked_grading(row["document"], row["base"], row["base_document"]))
        _same("hash of the document", name, digest(document))
        _same("hash", name, row["hash"])
        said = _object(document)
        for what, told, held in (
            ("producer_id", said["producer"], row["producer_id"]),
            ("as_of", _ordinal(said["as_of"]), row["as_of"]),
            ("known_at", said["known_at"], row["known_at"]),
            ("rulebook_sha256", said["rulebook"]["sha256"], row["rulebook_sha256"]),
            ("grade", said["grade"], row["grade"]),
            ("score", int(str(said["score"]).replace(".", "")), row["score"]),
            ("next_change_on", _ordinal(said["next_change_on"]), row["next_change_on"]),
            ("outcome", outcome_digest(said), row["outcome"]),
        ):
            _same(what, told, held)

    return _flaw("gradings", name, check)


def check_confirmation(row: Row, name: str) -> Flaw | None:
    """Check a confirmation against its hash, and its columns against its document."""

    def check() -> None:
        _same("hash of the document", name, digest(row["document"]))
        _same("hash", name, row["hash"])
        said = _object(row["document"])
        _same("producer_id", said["producer"], row["producer_id"])
        _same("grading", said["confirms"], row["grading"])

    return _flaw("confirmations", name, check)


def check_rulebook(row: Row, about: StoredLeaf) -> Flaw | None:
    """Check a rulebook against its hash and the leaf about it, and its columns against its document."""

    def check() -> None:
        document = _unpacked(lambda: unpacked(row["document"]))
        _same("hash of the document", about.ref, digest(document))
        _same("sha256", about.ref, row["sha256"])
        said = _object(document)
        for what in ("id", "version"):
            _same(what, said[what], row[what])
        _same("entered_at", _object(about.document)["at"], row["entered_at"])

    return _flaw("rulebooks", about.ref, check)


def check_release(row: Row, name: str) -> Flaw | None:
    """Check a release against its hash, and what tables show of it, and its files, against its document."""

    def check() -> None:
        document = _unpacked(lambda: unpacked(row["document"]))
        _same("hash of the document", name, digest(document))
        _same("hash", name, row["hash"])
        said = _object(document)
        _same("rulebook_sha256", said["rulebook"]["sha256"], row["rulebook_sha256"])
        _same("effective_from", _ordinal(said["effective_from"]), row["effective_from"])
        files = _object(_unpacked(lambda: unpacked(row["files"])))
        _same("files", said["content"], content_of({path: text.encode() for path, text in files.items()}))

    return _flaw("releases", name, check)


def check_fact(row: Row) -> Flaw | None:
    """Check a fact against its hash."""
    return _flaw("facts", row["seq"], lambda: _same("sha256", digest(row["document"]), row["sha256"].hex()))


def check_current(row: Row, last: Mapping[str, object] | None) -> Flaw | None:
    """Check what holds now of a producer against the last that the log says of it (by column).

    It may be due sooner than the log says: something about everyone that was entered since has it decided again.
    """

    def check() -> None:
        if last is None:
            raise Differs("hash", "no grading, since the log has none", row["hash"])
        for what, told in last.items():
            if what == "next_change_on" and _is_sooner(row[what], told):
                continue
            _same(what, told, row[what])

    return _flaw("current_gradings", row["producer_id"], check)


def _is_sooner(day: object, told: object) -> bool:
    return isinstance(day, int) and (told is None or (isinstance(told, int) and day < told))


def last_said(kind: str, row: Row, before: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
    """Return the producer of a checked grading or confirmation, and what holds of it from then on, by column."""
    if kind == "grading":
        names = ("as_of", "grade", "next_change_on", "rulebook_sha256")
        return row["producer_id"], {"hash": row["hash"]} | {name: row[name] for name in names}
    said = _object(row["document"])
    days = {name: _ordinal(said[name]) for name in ("as_of", "next_change_on")}
    return row["producer_id"], {**(before or {}), "hash": row["grading"], **days}


def _flaw(table: str, key: object, check: Callable[[], None]) -> Flaw | None:
    try:
        check()
    except Differs as one:
        return Flaw(table, str(key), one.what, _shown(one.expected), _shown(one.found))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # Whoever alters a record may leave anything at all in it.
        return Flaw(table, str(key), "form", "what this program writes", f"{type(error).__name__}: {error}"[:200])
    return None


def _same(what: str, expected: object, found: object) -> None:
    if expected != found or type(expected) is not type(found):
        raise Differs(what, expected, found)


def _shown(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        value = bytes(value)
        return value.hex() if len(value) <= 64 else value[:200].decode("utf-8", "backslashreplace")
    return "none" if value is None else str(value)[:200]


def _object(document: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Differs("document", "JSON", str(error)) from error
    if not isinstance(said, dict):
        raise Differs("document", "a JSON object", type(said).__name__)
    return said


def _ordinal(text: object) -> int | None:
    return None if text is None else date.fromisoformat(str(text)).toordinal()


def _unpacked(unpack: Callable[[], bytes]) -> bytes:
    """Return a document. The same one can be packed in more than one way; what counts is the document."""
    try:
        return unpack()
    except Unpackable as error:
        raise Differs("document", "a packed document", str(error)) from error
