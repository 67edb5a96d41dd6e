"""Facts of known cases as other cases may hold them."""

from __future__ import annotations

import msgspec

from engine.case import CaseFile, Fact
from engine.reading import fact_id
from knowledge.rulebook import Rulebook
from knowledge.rules import Value


def plus(case: CaseFile, fact: Fact) -> CaseFile:
    """Return a case with one more fact, in place of one with its identity."""
    facts = sorted((*(f for f in case.facts if f.id != fact.id), fact), key=lambda one: (one.type, one.id))
    return msgspec.structs.replace(case, facts=tuple(facts))


def moved(book: Rulebook, fact: Fact, days: int) -> Fact:
    """Return a fact with its dates moved."""
    fields = book.types[fact.type].fields
    return _with(
        book, fact, {name: int(value) + days for name, value in fact.values.items() if fields[name].type == "date"}
    )


def repeated(book: Rulebook, fact: Fact, number: int) -> Fact:
    """Return a fact that differs from another only by a text of its identity, itself for number 0."""
    kind = book.types[fact.type]
    texts = [name for name in kind.same_when or kind.fields if kind.fields[name].type == "text" and name in fact.values]
    if number == 0 or not texts:
        return fact
    most = kind.fields[texts[0]].maximum or 200
    mark = f"+{number}"
    return _with(book, fact, {texts[0]: f"{str(fact.values[texts[0]])[: most - len(mark)]}{mark}"})


def _with(book: Rulebook, fact: Fact, values: dict[str, Value]) -> Fact:
    every = {**fact.values, **values}
    return msgspec.structs.replace(fact, id=fact_id(book.types[fact.type], every), values=every)
