"""From deductions back to the facts that they rest on, through findings and measures."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.case import CaseFile, Fact
from engine.grading import Deduction, Grading
from explain.wording import Wording
from knowledge.rulebook import Arithmetic, Rulebook
from knowledge.strata import formula_measures

MOST_FACTS = 6
"""Facts that are shown for one reason; all are counted."""


class ValueView(msgspec.Struct, frozen=True):
    """A value with its label, in words."""

    label: str
    value: str


class FactView(msgspec.Struct, frozen=True):
    """A fact that a reason rests on: what it is, since when, from where, and in which state of knowledge."""

    id: str
    label: str
    date: str | None
    values: tuple[ValueView, ...]
    sources: tuple[str, ...]
    status: str


class Trail:
    """Follows the premises of one grading."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading, word: Wording) -> None:
        self._rulebook, self._word = rulebook, word
        self._facts = {fact.id: fact for fact in case.facts}
        self._measured: dict[str, list[str]] = {}
        for one in grading.measures:
            self._measured.setdefault(one.name, []).extend(one.facts)
        self._concluding: dict[str, list[Deduction]] = {}
        for deduction in grading.deductions:
            if deduction.kind in ("finding", "consequence"):
                self._concluding.setdefault(deduction.concludes, []).append(deduction)

    def facts(self, deductions: Iterable[Deduction]) -> tuple[tuple[FactView, ...], int]:
        """Return the facts that deductions rest on, the first few of them in full, and how many they are."""
        found: dict[str, None] = {}
        waiting = list(deductions)
        seen: set[str] = set()
        while waiting:
            one = waiting.pop(0)
            if one.id in seen:
                continue
            seen.add(one.id)
            names = [*one.premises, *(name for reading in one.readings for name in self._of_measure(reading.name))]
            for name in names:
                if name in self._facts:
                    found[name] = None
                waiting += self._concluding.get(name, ())
        return tuple(self._view(self._facts[name]) for name in list(found)[:MOST_FACTS]), len(found)

    def _of_measure(self, name: str) -> list[str]:
        """Return what a measure was made from; a formula from what its parts were."""
        measure = self._rulebook.measures.get(name)
        if measure is None:
            return []
        own = list(self._measured.get(name, ()))
        if isinstance(measure.body, Arithmetic):
            for part in dict.fromkeys(formula_measures(measure.body)):
                own += self._of_measure(part)
        return own

    def _view(self, fact: Fact) -> FactView:
        kind, word = self._rulebook.types[fact.type], self._word
        day = None if kind.dated is None else fact.values.get(kind.dated)
        shown = {name: value for name, value in fact.values.items() if name != kind.dated}
        return FactView(
            id=fact.id,
            label=word.text(kind.label),
            date=None if day is None else word.day(int(day)),
            values=tuple(ValueView(label, value) for label, value in word.fields(fact.type, shown)),
            sources=tuple(f"{source.system} {source.ref}".strip() for source in fact.sources),
            status=word.text(self._rulebook.fact_statuses[fact.status].label),
        )
