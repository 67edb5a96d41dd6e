"""The lower half of a proof tree: what deductions rest on, down to the facts and to what was searched in vain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.case import Fact
from engine.grading import Deduction, Finding, MeasureValue
from explain.asking import Asking
from explain.ground import Ground
from explain.proof import Node
from explain.views import Sentence
from knowledge.rulebook import Aggregate, PointsMeasure
from knowledge.rules import Absent, Arithmetic, Value
from knowledge.strata import formula_measures

_MISSING_FROM: Final = "share"
"""Of a share, the facts that are missing from it are named."""


class Grounds:
    """Makes the nodes of findings, measures, absences and facts, and says which a deduction rests on."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._rulebook = ground, ground.word, ground.rulebook
        self._asking = Asking(ground.word)
        grading = ground.grading
        self._facts = {fact.id: fact for fact in ground.case.facts}
        self._findings = {one.id: one for one in (*grading.findings, *grading.consequences)}
        self._measures = {_measure_id(one.name, one.group): one for one in grading.measures}
        self._scored = {one.id: f"standard:{one.id}" for one in grading.standards if one.points}
        self._scored |= {one.id: f"indicator:{one.id}" for one in grading.indicators if one.points}
        self._absences = ground.shelf.absences
        self._of_points = ground.shelf.of_points
        self._begun = self._first_concluded()
        self._users: dict[str, dict[str, None]] = {}
        self._children = {one.id: self._note(one) for one in grading.deductions}

    def children(self, deduction: Deduction) -> tuple[str, ...]:
        """Return the ids of what a deduction rests on: findings, facts, measures, absences."""
        return self._children[deduction.id]

    def node(self, name: str) -> Node:
        """Return the node of a finding, consequence, fact, measure or absence."""
        if name in self._facts:
            return self._fact(self._facts[name])
        if name in self._findings:
            return self._finding(self._findings[name])
        if name in self._measures:
            return self._measure(name, self._measures[name])
        return self._absence(name)

    def concluding(self, finding: str) -> tuple[str, ...]:
        """Return the deductions that a finding rests on: those whose own findings were all concluded before it.

        A recursive rule may conclude it once more from what came of it; that proves nothing.
        """
        found = self._ground.trail.concluding(finding)
        begun = self._begun
        return tuple(
            one.id
            for one in found
            if all(begun.get(premise, -1) < begun[finding] for premise in one.premises if premise in self._findings)
        )

    def _first_concluded(self) -> dict[str, int]:
        begun: dict[str, int] = {}
        for place, one in enumerate(self._ground.grading.deductions):
            if one.concludes in self._findings:
                begun.setdefault(one.concludes, place)
        return begun

    def _note(self, deduction: Deduction) -> tuple[str, ...]:
        """Return what a deduction rests on, and note that it uses it."""
        premises = sorted(deduction.premises, key=lambda name: name in self._facts)
        measures = dict.fromkeys(
            name
            for reading in deduction.readings
            # A text may name points of the score before there is one; the rule doesn't rest on them.
            if deduction.kind == "consequence" or reading.name not in self._of_points
            for name in self._measure_ids(reading.name, reading.group)
        )
        absences = [f"absence:{deduction.rule}:{place}" for place in self._absences[deduction.rule]]
        children = (*premises, *measures, *absences)
        for name in children:
            self._use(name, deduction.id)
        return children

    def _use(self, name: str, deduction: str) -> None:
        users = self._users.setdefault(name, {})
        if deduction not in users:
            users[deduction] = None
            if name in self._measures:
                for below in self._under(self._measures[name]):
                    self._use(below, deduction)

    def _measure_ids(self, name: str, group: Value | None) -> Iterable[str]:
        if name in self._rulebook.measures:
            for one in (_measure_id(name, group), _measure_id(name, None)):
                if one in self._measures:
                    yield one
                    return

    def _under(self, measured: MeasureValue) -> list[str]:
        """Return what a measure was made from: facts or findings, other measures, or points of the score."""
        body = self._rulebook.measures[measured.name].body
        if isinstance(body, PointsMeasure):
            return [self._scored[one] for one in body.of if one in self._scored]
        if isinstance(body, Arithmetic):
            parts = dict.fromkeys(formula_measures(body))
            return [name for part in parts for name in self._measure_ids(part, measured.group)]
        return list(measured.facts)

    def _by(self, name: str) -> tuple[str, ...]:
        return tuple(self._users.get(name, ()))

    def _finding(self, finding: Finding) -> Node:
        word, kind = self._word, self._rulebook.types[finding.type]
        concluding = self.concluding(finding.id)
        values = word.told(finding.type, finding.values)
        label = word.text(kind.label)
        what = word.say("bound", what=label, values=values) if values else label
        is_finding = kind.origin == "finding"
        text = word.say("tree_concluded", what=what) if is_finding else word.begun(what) + word.say("stop")
        return Node(
            finding.id, "finding" if is_finding else "consequence", Sentence(text, concluding), children=concluding
        )

    def _measure(self, name: str, measured: MeasureValue) -> Node:
        word, measure = self._word, self._rulebook.measures[measured.name]
        value = word.say("tree_no_value") if measured.value is None else word.measure(measured.name, measured.value)
        label = word.begun(word.text(measure.label))
        slots = {"what": label, "value": value, "of": self._made_from(measured)}
        if measured.group is None:
            text = word.say("tree_measure", **slots)
        else:
            text = word.say("tree_measure_group", group=word.group(measured.name, measured.group), **slots)
        numbers: dict[str, int | str] = {"of": measured.of}
        return Node(
            name, "measure", Sentence(text, self._by(name)), numbers=numbers, children=tuple(self._under(measured))
        )

    def _made_from(self, measured: MeasureValue) -> str:
        body = self._rulebook.measures[measured.name].body
        if not isinstance(body, Aggregate):
            return ""
        word = self._word
        kind = word.text(self._rulebook.types[body.pattern.type].label)
        if not measured.of:
            return word.say("tree_none", kind=kind)
        if body.how == _MISSING_FROM:
            return word.say("tree_of_share", kind=kind, count=measured.of, missing=len(measured.facts))
        return word.say("tree_of_all" if measured.of > 1 else "tree_of_one", kind=kind, count=measured.of)

    def _absence(self, name: str) -> Node:
        rule_id, _, place = name.removeprefix("absence:").rpartition(":")
        rule, word = self._ground.rules[rule_id], self._word
        clause = rule.when[int(place)]
        assert isinstance(clause, Absent)
        pattern = clause.pattern
        days, count = self._ground.window(pattern), len(self._ground.visible(pattern.type))
        text = word.say(
            "tree_searched",
            what=self._asking.pattern(pattern, self._ground.shelf.aliases[rule.id]),
            window=word.say("tree_searched_window", days=self._asking.window(days)) if days else "",
            found=word.say("tree_searched_none") if not count else word.say("tree_searched_some", count=count),
        )
        return Node(name, "absence", Sentence(text, self._by(name)))

    def _fact(self, fact: Fact) -> Node:
        return Node(
            fact.id,
            "fact",
            Sentence(self._word.begun(self._ground.fact(fact)) + self._word.say("stop"), self._by(fact.id)),
        )


def _measure_id(name: str, group: Value | None) -> str:
    return f"measure:{name}" if group is None else f"measure:{name}:{group}"
