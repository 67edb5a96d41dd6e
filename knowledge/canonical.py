"""A rulebook as one canonical JSON document: what its SHA-256 is taken of, and what replay and proofs carry."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from knowledge.problems import RulebookCorrupt
from knowledge.rulebook import Rulebook

# Names keep their order: choices are ranked by it, and findings are listed by it.
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Rulebook).decode


def sealed(rulebook: Rulebook) -> Rulebook:
    """Return the rulebook with the SHA-256 of its meaning.

    Comments, layout, scenarios and the places of rules in files don't count; the order of rules and names does.
    """
    return msgspec.structs.replace(rulebook, sha256=hashlib.sha256(rulebook_document(rulebook)).hexdigest())


def rulebook_document(rulebook: Rulebook) -> bytes:
    """Return the whole meaning as JSON, without its own SHA-256 and the places of its rules; always the same bytes."""
    rules = tuple(msgspec.structs.replace(rule, source="") for rule in rulebook.rules)
    return _encode(msgspec.structs.replace(rulebook, sha256="", rules=rules))


def read_rulebook_document(document: bytes, sha256: str) -> Rulebook:
    """Return the rulebook that a document tells.

    Raises:
        RulebookCorrupt: it doesn't give this SHA-256, or isn't one of `rulebook_document`.
    """
    if hashlib.sha256(document).hexdigest() != sha256:
        raise RulebookCorrupt(f"the stored rulebook {sha256} has been altered", help="restore it from a backup")
    try:
        return msgspec.structs.replace(_decode(document), sha256=sha256)
    except msgspec.ValidationError as error:
        raise RulebookCorrupt(f"rulebook {sha256} can't be read by this program: {error}") from error
