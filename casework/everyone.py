"""What is learned about everyone: entered once, and every grade follows if it changes what all share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from casework.decisions import dated
from engine.case import CaseFile, Fact, Producer
from engine.reading import CaseReader, fact_document, merge
from engine.workers import Workers
from knowledge.problems import CaseRefused, Problem
from knowledge.rulebook import Rulebook
from knowledge.sharing import shared_types
from knowledge.writtenmapping import WrittenBeat
from store.ledger import EVERYONE, Store


@dataclass(frozen=True, slots=True)
class Learned:
    """How many reports were new, and whether every producer has to be graded again because of them."""

    entered: int
    everyone_due: bool


def learn_about_everyone(
    store: Store, workers: Workers, rulebook: Rulebook, facts: Sequence[Fact], as_of: int, now: str | None = None
) -> Learned:
    """Enter facts about everyone; where the findings that all producers share change, every grade is due.

    Raises:
        CaseRefused: a fact is of a type that is about one producer; nothing is entered.
        LimitExceeded, EngineFailure, EngineDisagreement: what follows can't be told; nothing is entered.
    """
    check_about(rulebook, facts, everyone=True)
    reader = CaseReader(rulebook)
    with store.write(now) as transaction:
        known = reader.stored(transaction.facts(EVERYONE))
        arrived = dated(facts, known, transaction.entered_at)
        documents = [fact_document(rulebook, fact) for fact in arrived]
        entered = transaction.add_facts(EVERYONE, documents, [fact.id for fact in arrived])
        before = _shared_findings(workers, rulebook, known, as_of)
        due = before != _shared_findings(workers, rulebook, [*known, *arrived], as_of)
        if due:
            transaction.make_all_due(as_of)
    return Learned(entered, due)


def beat_of(rulebook: Rulebook, told: WrittenBeat, system: str, as_of: int) -> Fact:
    """Return the fact that a source was heard of on a day.

    Raises:
        CaseRefused: the rulebook doesn't take the fact.
    """
    fields = told.fields | {told.day: date.fromordinal(as_of).isoformat()}
    fact = {"type": told.type, "fields": fields, "source": {"system": system}}
    return CaseReader(rulebook).facts(msgspec.json.encode({"facts": [fact]}), today=as_of)[0]


def check_about(rulebook: Rulebook, facts: Sequence[Fact], *, everyone: bool) -> None:
    """Refuse facts about everyone that are told of one producer, and the other way round.

    Raises:
        CaseRefused: with all of them.
    """
    wrong = [(place, fact) for place, fact in enumerate(facts) if rulebook.types[fact.type].about_everyone != everyone]
    if not wrong:
        return
    said = "is about one producer" if everyone else "is about everyone"
    right = "PUT the producer, then POST to its facts" if everyone else "POST it to /api/v1/facts"
    problems = tuple(
        Problem(f"/facts/{place}/type", "fact.about_everyone", f"`{fact.type}` {said}", fact.type, help=right)
        for place, fact in wrong
    )
    raise CaseRefused("facts are told in the wrong place", problems=problems)


def _shared_findings(workers: Workers, rulebook: Rulebook, facts: Sequence[Fact], as_of: int) -> frozenset[object]:
    """Return what every producer's case concludes from facts about everyone."""
    nobody = Producer("-", next(iter(rulebook.kinds)), "", {})
    grading = workers.grade(rulebook, CaseFile(nobody, merge(facts), as_of))
    shared = shared_types(rulebook)
    return frozenset(
        (finding.type, frozenset(finding.values.items())) for finding in grading.findings if finding.type in shared
    )
