"""What the parts of an explanation have in common: the grading looked up by deduction, standard and limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.atoms import Comparer, conjunction
from engine.case import CaseFile
from engine.grading import Deduction, Finding, Grading, Limit, Verdict
from explain.prospects import Prospects
from explain.trail import Trail
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.rules import Pattern


class Ground:
    """One grading under its rulebook, with the words for it."""

    def __init__(self, word: Wording, case: CaseFile, grading: Grading, verdicts: Sequence[Verdict]) -> None:
        self.rulebook: Rulebook = word.rulebook
        self.word, self.case, self.grading, self.verdicts = word, case, grading, verdicts
        self.trail = Trail(self.rulebook, case, grading, word)
        self.prospects = Prospects(self.rulebook, grading)
        self.rules = {rule.id: rule for rule in self.rulebook.rules}
        self.deductions = {deduction.id: deduction for deduction in grading.deductions}
        self.order = {band.grade: place for place, band in enumerate(self.rulebook.bands)}
        self.loses = self.rulebook.scoring.direction == "lost"
        producer = case.producer
        own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self._compare = Comparer(self.rulebook, case.as_of, own)
        self._of_standard: dict[str, list[Deduction]] = {}
        for deduction in grading.deductions:
            if deduction.kind == "standard":
                self._of_standard.setdefault(deduction.target, []).append(deduction)

    def of_standard(self, name: str) -> Sequence[Deduction]:
        """Return the deductions that asked a standard for points."""
        return self._of_standard.get(name, ())

    def idle(self) -> tuple[str, ...]:
        """Return the rules of standards that did not fire: what a score stands on where nothing counted."""
        scoring = (one for one in self.grading.outcomes if self.rules[one.rule].kind == "standard")
        return tuple(f"rule:{one.rule}" for one in scoring if one.status != "fired")

    def counting(self) -> tuple[str, ...]:
        """Return what the score stands on: what counted, else the rules that did not fire, else what took no points."""
        asked = [one for one in self.grading.deductions if one.kind == "standard"]
        return tuple(one.id for one in asked if one.counted) or self.idle() or tuple(one.id for one in asked)

    def decisive(self) -> Iterator[Limit]:
        """Yield the limits that set the grade, vetoes first."""
        yield from (limit for limit in (*self.grading.vetoes, *self.grading.ceilings) if limit.decisive)

    def suspends(self, pattern: Pattern, finding: Finding) -> bool:
        """Say whether a finding fits the pattern that suspends a standard."""
        return finding.type == pattern.type and conjunction(self._compare.fact(pattern, finding.values, {})) is True

    def label_of(self, limit: Limit) -> str:
        """Return what a limit is called."""
        if limit.kind == "indicator":
            return self.word.text(self.rulebook.indicators[limit.id].label)
        labels = self.rulebook.vetoes if limit.kind == "veto" else self.rulebook.ceilings
        return self.word.text(labels[limit.id])

    def under(self, limit: Limit) -> tuple[str, ...]:
        """Return the deductions that a limit stands on; for an indicator those of the standards below it."""
        return self.below(limit.id) if limit.kind == "indicator" else limit.deductions

    def below(self, indicator: str) -> tuple[str, ...]:
        """Return the deductions that counted below an indicator, or the rules there that did not fire."""
        standards = self.prospects.standards_below(indicator)
        counted = tuple(one.id for name in standards for one in self.of_standard(name))
        return counted or tuple(f"rule:{rule.id}" for rule in self.rulebook.rules if rule.target in standards)

    def lasting(self, limit: Limit) -> Iterator[str]:
        """Yield, as sentences, how long a limit lasts, where its rules say so."""
        texts = [self.rules[self.deductions[name].rule].until for name in limit.deductions if limit.kind != "indicator"]
        for words in dict.fromkeys(self.word.text(text).rstrip("。.") for text in texts if text is not None):
            yield self.word.say("lasts", until=words)

    def shown(self, points: int) -> int | str:
        """Return points or a score for JSON: whole numbers as such, fractions as decimal text."""
        return points if self.rulebook.scoring.unit == "whole" else self.word.points(points)
