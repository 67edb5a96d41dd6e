"""Issues certificates of stored gradings: everything that an outsider needs to check one, in one document."""

from __future__ import annotations

from datetime import date

import msgspec

from casework.certificate import certificate
from casework.proofs import LogPending
from engine.case import CaseFile
from engine.casedocument import CaseWriter
from engine.document import digest
from engine.reading import CaseReader, merge
from knowledge.canonical import read_rulebook_document
from knowledge.problems import ShuoliError
from store import trail
from store.ledger import EVERYONE, Store, StoreCorrupt, Transaction


class GradingMissing(ShuoliError):
    """No stored grading has this hash."""

    code = "grading.missing"


def issue_certificate(store: Store, grading_hash: str) -> bytes:
    """Return the certificate of a stored grading, proved by the newest signed head.

    Raises:
        GradingMissing: there is none.
        LogPending: the newest head doesn't cover it yet: sign one first.
        StoreCorrupt: what was stored doesn't give the hashes that the grading names.
    """
    with store.read() as transaction:
        grading = transaction.grading(grading_hash)
        if grading is None:
            raise GradingMissing("no stored grading has this hash")
        told = msgspec.json.decode(grading)
        rulebook = transaction.rulebook(told["rulebook"]["sha256"])
        leaf = trail.leaf_of(transaction, grading_hash)
        if rulebook is None or leaf is None:
            raise _corrupt(grading_hash)
        head = trail.last_head(transaction)
        if head is None or head.size <= leaf.index:
            raise LogPending(f"leaf {leaf.index} is in the log, and no signed head covers it yet")
        return certificate(
            rulebook=rulebook,
            case=_case(transaction, rulebook, told, grading_hash),
            grading=grading,
            index=leaf.index,
            leaf=leaf.document,
            inclusion=trail.inclusion(transaction, leaf.index, head.size),
            head=head.document,
            signature=head.signature,
            key=head.key,
        )


def _case(transaction: Transaction, document: bytes, told: dict[str, str], grading_hash: str) -> bytes:
    """Return the document of the case that a grading was made from, put together again from the ledger."""
    rulebook = read_rulebook_document(document, digest(document))
    reader = CaseReader(rulebook)
    name, known_at = told["producer"], told["known_at"]
    producer = transaction.producer(name, known_at)
    if producer is None:
        raise _corrupt(grading_hash)
    facts = transaction.facts_of([name, EVERYONE], known_at)
    stored = reader.stored([*facts.get(name, ()), *facts.get(EVERYONE, ())])
    as_of = date.fromisoformat(told["as_of"]).toordinal()
    case = CaseWriter(rulebook).encode(CaseFile(reader.producer(producer), merge(stored), as_of, known_at))
    if digest(case) != told["case"]:
        raise _corrupt(grading_hash)
    return case


def _corrupt(grading_hash: str) -> StoreCorrupt:
    help_ = "`shuoli log verify` and `shuoli replay` name what was altered"
    return StoreCorrupt(f"the ledger no longer holds what grading {grading_hash} was made from", help=help_)
