"""Certificates: one document that proves a grading to whoever holds the log's public key, and how it is verified.

What was hashed or signed is carried as text, so that no reader of JSON has to reproduce bytes. `verifier/verify.py`
checks the same in the same order with code of its own; here the program's own engine grades again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NoReturn, Protocol

import msgspec

from casework.heads import Head, HeadRefused, read_head
from casework.signing import is_signed, log_id
from engine.case import CaseFile, Source
from engine.casedocument import CaseWriter
from engine.document import DocumentWriter, digest
from engine.grading import Grading
from engine.reading import CaseReader
from knowledge.canonical import read_rulebook_document
from knowledge.problems import CaseRefused, LimitExceeded, RulebookCorrupt, ShuoliError
from knowledge.rulebook import Rulebook
from store.merkle import leaf_hash, verify_inclusion

FORMAT: Final = "shuoli-certificate-1"
_SHOWN: Final = 200
_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_plain: Final = msgspec.json.Decoder().decode


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The leaf of the log that is about the grading."""

    index: int
    document: str


class SignedBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head of the log; signature and public key in hex."""

    document: str
    signature: str
    key: str


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rulebook, case and grading as texts, with the proof that the grading lies in the log that the head signs."""

    format: Literal["shuoli-certificate-1"]
    rulebook: str
    case: str
    grading: str
    leaf: Leaf
    inclusion: tuple[str, ...]
    head: SignedBy


class CertificateRefused(ShuoliError):
    """The first thing that is wrong with a certificate; `code` tells the kind."""

    code = "certificate.format"

    def __init__(self, code: str, at: str, given: object, expected: object) -> None:
        super().__init__(
            f"the certificate is wrong at {at}: `{_shown(given)}` stands there, and it should be `{_shown(expected)}`"
        )
        self.code, self.at, self.given, self.expected = code, at, _shown(given), _shown(expected)


class Verified(msgspec.Struct, frozen=True):
    """What a certificate proves. `entered_at` is the leaf's instant, `key` the public key in hex."""

    producer: str
    grade: str
    as_of: str
    known_at: str | None
    hash: str
    rulebook: Mapping[str, str]
    index: int
    entered_at: str
    head: Head
    key: str


def certificate(  # noqa: PLR0913  the parts of the document
    *,
    rulebook: bytes,
    case: bytes,
    grading: bytes,
    index: int,
    leaf: bytes,
    inclusion: Sequence[bytes],
    head: bytes,
    signature: bytes,
    key: bytes,
) -> bytes:
    """Return the certificate that documents, a proof and a signed head make, as canonical JSON."""
    return _canonical(
        Certificate(
            FORMAT,
            rulebook.decode(),
            case.decode(),
            grading.decode(),
            Leaf(index, leaf.decode()),
            tuple(step.hex() for step in inclusion),
            SignedBy(head.decode(), signature.hex(), key.hex()),
        )
    )


class Grader(Protocol):
    """Whatever grades; the engine's workers do."""

    def grade(self, rulebook: Rulebook, case: CaseFile) -> Grading:
        """Return the grading of a case."""
        ...


def verify_certificate(content: bytes, grader: Grader, key: str | None = None) -> Verified:
    """Grade again, compare bytes, check the proof and the signature; `key` is the log's public key in hex.

    Raises:
        CertificateRefused: something is wrong with it; the first thing is named.
        EngineFailure, EngineDisagreement, LimitExceeded: the case can't be graded here.
    """
    told = _read(content)
    grading = _object(told.grading, "/grading")
    case_told = _object(told.case, "/case")
    rulebook = _rulebook(told, grading)
    _must("certificate.case", "/case", digest(told.case.encode()), grading.get("case"))
    case = _case(told, case_told, rulebook)
    written = DocumentWriter(rulebook).write(case, grader.grade(rulebook, case))
    if written.document != told.grading.encode():
        _differ(grading, _plain(written.document), "/grading")
    leaf = _object(told.leaf.document, "/leaf/document")
    _must("certificate.leaf", "/leaf/document", [leaf.get("kind"), leaf.get("ref")], ["grading", written.hash])
    head = _head(told, key)
    return Verified(
        producer=case.producer.id,
        grade=str(grading["grade"]),
        as_of=date.fromordinal(case.as_of).isoformat(),
        known_at=case.known_at,
        hash=written.hash,
        rulebook=grading["rulebook"],
        index=told.leaf.index,
        entered_at=str(leaf.get("at")),
        head=head,
        key=told.head.key,
    )


def _read(content: bytes) -> Certificate:
    try:
        told = msgspec.json.decode(content, type=Certificate)
        again = _canonical(told)
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError) as error:
        raise CertificateRefused("certificate.format", "/", error, "a certificate") from error
    if content.strip() != again:
        raise CertificateRefused("certificate.format", "/", "another way of writing", "canonical JSON")
    return told


def _object(text: str, at: str, encode: Callable[[object], bytes] = _canonical) -> dict[str, Any]:
    try:
        told = _plain(text)
    except msgspec.DecodeError as error:
        raise CertificateRefused("certificate.format", at, error, "a JSON object") from error
    if not isinstance(told, dict) or encode(told) != text.encode():
        raise CertificateRefused("certificate.format", at, "another way of writing", "a canonical JSON object")
    return told


def _rulebook(told: Certificate, grading: Mapping[str, Any]) -> Rulebook:
    # The order of its names means something, so that it is kept.
    _object(told.rulebook, "/rulebook", msgspec.json.encode)
    named = grading.get("rulebook")
    sha256 = digest(told.rulebook.encode())
    _must("certificate.rulebook", "/rulebook", sha256, named.get("sha256") if isinstance(named, dict) else named)
    try:
        return read_rulebook_document(told.rulebook.encode(), sha256)
    except RulebookCorrupt as error:
        raise CertificateRefused("certificate.format", "/rulebook", error.message, "a rulebook") from error


def _case(told: Certificate, document: Mapping[str, Any], rulebook: Rulebook) -> CaseFile:
    """Return the case, whose document must be the one that is written of it."""
    try:
        reader, facts = CaseReader(rulebook), document["facts"]
        producer = reader.producer(_canonical(document["producer"]))
        read = reader.stored(
            _canonical({k: v for k, v in fact.items() if k not in ("id", "sources")}) for fact in facts
        )
        merged = [
            msgspec.structs.replace(one, sources=tuple(msgspec.convert(fact["sources"], list[Source])))
            for one, fact in zip(read, facts, strict=True)
        ]
        as_of = date.fromisoformat(document["as_of"]).toordinal()
        case = CaseFile(producer, tuple(merged), as_of, document["known_at"])
        written = CaseWriter(rulebook).encode(case)
    except (CaseRefused, LimitExceeded) as error:
        raise CertificateRefused("certificate.fact", "/case", error.message, "facts that fit the rulebook") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CertificateRefused("certificate.format", "/case", repr(error), "a case") from error
    order = [(fact.type, fact.id) for fact in merged]
    if written != told.case.encode() or order != sorted(set(order)):
        raise CertificateRefused("certificate.fact", "/case", "another case", "what its facts come to, in order of ids")
    return case


def _head(told: Certificate, key: str | None) -> Head:
    try:
        said = read_head(told.head.document.encode())
        proof, root = [_unhex(step) for step in told.inclusion], _unhex(said.root)
        signer, signature = _unhex(told.head.key), _unhex(told.head.signature)
        hashed = leaf_hash(told.leaf.document.encode(), said.hash)
    except HeadRefused as error:
        raise CertificateRefused("certificate.head", "/head/document", error.message, "a head of a log") from error
    except ValueError as error:
        raise CertificateRefused("certificate.format", "/inclusion", error, "hashes in lower-case hex") from error
    proved = verify_inclusion(hashed, told.leaf.index, said.size, proof, root, said.hash)
    _must("certificate.proof", "/inclusion", "proved" if proved else "another root", "proved")
    _must("certificate.head", "/head/document/log", said.log, log_id(signer))
    _must("certificate.key", "/head/key", told.head.key, told.head.key if key is None else key.lower())
    signed = is_signed(told.head.document.encode(), signature, signer)
    _must("certificate.signature", "/head/signature", "signed" if signed else told.head.signature, "signed")
    return said


def _unhex(text: str) -> bytes:
    content = bytes.fromhex(text)
    if content.hex() != text:
        raise ValueError(f"`{text}` is not lower-case hex")
    return content


def _differ(given: object, ours: object, at: str) -> NoReturn:
    """Raise with the first place where two documents differ; they do."""
    if isinstance(given, list) and isinstance(ours, list):
        given, ours = dict(enumerate(given)), dict(enumerate(ours))
    if isinstance(given, dict) and isinstance(ours, dict):
        for name in {**ours, **given}:
            theirs, mine = given.get(name, "(missing)"), ours.get(name, "(nothing)")
            if _canonical([theirs]) != _canonical([mine]):
                _differ(theirs, mine, f"{at}/{name}")
    raise CertificateRefused("certificate.grading", at, given, ours)


def _must(code: str, at: str, given: object, expected: object) -> None:
    if given != expected:
        raise CertificateRefused(code, at, given, expected)


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
