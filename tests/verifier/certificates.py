"""Certificates of drawn and sample cases, from a log of their own whose key the tests hold."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.certificate import certificate
from casework.signing import log_id
from engine.case import CaseFile
from engine.casedocument import CaseWriter
from engine.document import DocumentWriter
from engine.evaluate import Evaluator
from engine.reading import CaseReader, fact_document
from knowledge.canonical import rulebook_document
from knowledge.rulebook import Rulebook
from store.merkle import complete, fold, inclusion_ranges, leaf_hash, node_hash

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "verifier" / "verify.py"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = SIGNER.public_key().public_bytes_raw()
FOLDERS = sorted(
    path.parent
    for root in ("knowledge/rulebooks", "examples", "tests/rulebooks", "tests/knowledge/base", "tests/explain/hives")
    for path in (ROOT / root).rglob("rulebook.yaml")
)


def load_verifier() -> ModuleType:
    """Return the standalone file as a module; it lies in no package."""
    spec = importlib.util.spec_from_file_location("standalone_verifier", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def canonical(document: object) -> bytes:
    return msgspec.json.encode(document, order="sorted")


def digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()


def identified(rulebook: Rulebook, case: CaseFile) -> CaseFile:
    """Return a drawn case with the ids that its facts have when they are read."""
    reader = CaseReader(rulebook)
    facts = {}
    for fact in case.facts:
        filled = {name: value if value != "" else "-" for name, value in fact.values.items()}
        (read,) = reader.stored([fact_document(rulebook, msgspec.structs.replace(fact, values=filled))])
        facts[read.id] = read
    who = case.producer
    attributes = {name: value if value != "" else "-" for name, value in who.attributes.items()}
    return msgspec.structs.replace(
        case,
        producer=msgspec.structs.replace(who, attributes=attributes),
        facts=tuple(sorted(facts.values(), key=lambda fact: (fact.type, fact.id))),
    )


class Issuer:
    """Writes certificates of gradings under one rulebook."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.rulebook = evaluator.rulebook
        self._evaluator = evaluator
        self._document = rulebook_document(self.rulebook)
        self._gradings, self._cases = DocumentWriter(self.rulebook), CaseWriter(self.rulebook)

    def issue(self, case: CaseFile, *, size: int = 5, index: int = 3, algorithm: str = "sha256") -> bytes:
        written = self._gradings.write(case, self._evaluator.grade(case))
        return logged(self._document, self._cases.encode(case), written.document, size, index, algorithm)


def logged(
    rulebook: bytes, case: bytes, grading: bytes, size: int = 5, index: int = 3, algorithm: str = "sha256"
) -> bytes:
    """Return the certificate of documents that are logged as leaf `index` of `size`, whatever they say."""
    at = "2026-11-01T00:00:00.000000Z"
    documents = [
        canonical({"at": at, "kind": "grading", "ref": digest(grading if place == index else f"{place}".encode())})
        for place in range(size)
    ]
    hashes = [leaf_hash(document, algorithm) for document in documents]
    proof = [_root(hashes[start:end], algorithm) for start, end in inclusion_ranges(index, size)]
    root = _root(hashes, algorithm).hex()
    head = canonical({"at": at, "hash": algorithm, "log": log_id(KEY), "root": root, "size": size})
    return certificate(
        rulebook=rulebook, case=case, grading=grading, index=index, leaf=documents[index], inclusion=proof,
        head=head, signature=SIGNER.sign(head), key=KEY,
    )  # fmt: skip


def _root(hashes: list[bytes], algorithm: str) -> bytes:
    def subtree(level: int, index: int) -> bytes:
        if level == 0:
            return hashes[index]
        return node_hash(subtree(level - 1, 2 * index), subtree(level - 1, 2 * index + 1), algorithm)

    return fold([subtree(*one) for one in complete(0, len(hashes))], algorithm)


def forged(content: bytes, change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None]) -> bytes:
    """Return a certificate whose rulebook, case and grading were changed, and everything hashed and signed anew.

    That is what whoever holds the bureau's key can do.
    """
    told = json.loads(content)
    rulebook, case, grading = (json.loads(told[name]) for name in ("rulebook", "case", "grading"))
    before = (told["rulebook"], told["case"])
    change(rulebook, case, grading)
    texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in (rulebook, case)]
    if (texts[0].decode(), texts[1].decode()) != before:
        grading["rulebook"]["sha256"], grading["case"] = map(digest, texts)
    return logged(texts[0], texts[1], canonical(grading))


def flips(content: bytes, step: int, *, start: int = 0, after: bytes = b"") -> Iterator[bytes]:
    """Yield the content with one bit flipped, every `step`-th from `start` on, and `after` behind it."""
    for bit in range(start, 8 * len(content), step):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped) + after
