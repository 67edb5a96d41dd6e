"""A case on a later day, with no new fact about the producer."""

from __future__ import annotations

from msgspec.structs import replace

from engine.case import CaseFile, Fact
from knowledge.rulebook import FactType, Rulebook


def ahead(rulebook: Rulebook, case: CaseFile, day: int) -> CaseFile:
    """Return the case as of a later day.

    What is recorded about everyone goes on as it does today: its dates keep their distance to the day. So a source
    that sends today still sends then, and one that is silent stays silent.
    """
    shift = day - case.as_of
    kinds = {name: kind for name, kind in rulebook.types.items() if kind.about_everyone}
    facts = tuple([_moved(kinds[one.type], one, shift) if one.type in kinds else one for one in case.facts])
    return replace(case, as_of=day, facts=facts)


def _moved(kind: FactType, fact: Fact, shift: int) -> Fact:
    dates = {name: int(value) + shift for name, value in fact.values.items() if kind.fields[name].type == "date"}
    return replace(fact, values=fact.values | dates)
