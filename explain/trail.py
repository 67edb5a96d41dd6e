"""From deductions back to the facts that they rest on, through findings and measures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from engine.case import CaseFile, Fact
from engine.grading import Deduction, Grading
from explain.views import FactView, ValueView
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.rules import Arithmetic, Value
from knowledge.strata import formula_measures

MOST_FACTS = 6
"""Facts that are shown for one reason; all are counted."""


class Trail:
    """Follows the premises of one grading."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading, word: Wording) -> None:
        self._rulebook, self._word = rulebook, word
        self._facts = {fact.id: fact for fact in case.facts}
        self._measured = {(one.name, one.group): one.facts for one in grading.measures}
        self._concluding: dict[str, list[Deduction]] = {}
        for deduction in grading.deductions:
            if deduction.kind in ("finding", "consequence"):
                self._concluding.setdefault(deduction.concludes, []).append(deduction)

    def facts(self, deductions: Iterable[Deduction]) -> tuple[tuple[FactView, ...], int]:
        """Return the facts that deductions rest on, the newest of them in full, and how many they are."""
        found: dict[str, None] = {}
        waiting = list(deductions)
        seen: set[str] = set()
        while waiting:
            one = waiting.pop()
            if one.id in seen:
                continue
            seen.add(one.id)
            measured = (name for reading in one.readings for name in self._of_measure(reading.name, reading.group))
            for name in (*one.premises, *measured):
                if name in self._facts:
                    found[name] = None
                waiting += self._concluding.get(name, ())
        facts = sorted((self._facts[name] for name in found), key=lambda fact: (-(self._day(fact) or 0), fact.id))
        return tuple(map(self._view, facts[:MOST_FACTS])), len(facts)

    def concluding(self, finding: str) -> list[Deduction]:
        """Return the deductions that concluded a finding."""
        return self._concluding.get(finding, [])

    def _of_measure(self, name: str, group: Value | None) -> list[str]:
        """Return what a measure was made from; a formula from what its parts were."""
        measure = self._rulebook.measures.get(name)
        if measure is None:
            return []
        own = list(self._measured.get((name, group), self._measured.get((name, None), ())))
        if isinstance(measure.body, Arithmetic):
            for part in dict.fromkeys(formula_measures(measure.body)):
                own += self._of_measure(part, group)
        return own

    def _day(self, fact: Fact) -> int | None:
        dated = self._rulebook.types[fact.type].dated
        day = None if dated is None else fact.values.get(dated)
        return None if day is None else int(day)

    def _view(self, fact: Fact) -> FactView:
        kind, word, day = self._rulebook.types[fact.type], self._word, self._day(fact)
        shown = {name: value for name, value in fact.values.items() if name != kind.dated}
        hidden = kind.dated is not None and not word.may_show(kind.fields[kind.dated])
        return FactView(
            id=fact.id,
            label=word.text(kind.label),
            date=None if day is None or hidden else date.fromordinal(day).isoformat(),
            values=tuple(ValueView(label, value) for label, value in word.fields(fact.type, shown, iso=True)),
            sources=tuple(f"{source.system} {source.ref}".strip() for source in fact.sources),
            status=word.text(self._rulebook.fact_statuses[fact.status].label),
        )
