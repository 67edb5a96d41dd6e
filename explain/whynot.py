"""Why not: for each rule that did not fire what failed, by how much, and the smallest change that would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

import msgspec

from engine.case import CaseFile
from engine.grading import Atom, Grading
from explain.asking import DAY, Asking, aliases_of
from explain.ground import Ground
from explain.nearest import Lack, Lacks, Nearest, outcome_of
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.smallest import smallest
from explain.views import Sentence, WhyNotHigher
from explain.wording import Wording
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import OutcomeTest, Rule, RuleKind


class Change(msgspec.Struct, frozen=True):
    """A comparison that fails: what was observed, what is wanted, and the smallest change that would do.

    `of` names the field, attribute or measure. `to` is the nearest value that will do, `by` its distance, both in
    words; None where any value, another one or none at all is wanted.
    """

    of: str
    observed: str | None
    wanted: str
    to: str | None
    by: str | None


class Searched(msgspec.Struct, frozen=True):
    """What was looked for: the type, where it is recorded, over which days (ISO), and how many there were."""

    type: str
    source: str | None
    first: str | None
    last: str | None
    looked_at: int


class Lacking(msgspec.Struct, frozen=True):
    """One condition that fails.

    `kind` is `fact` (none fits; `facts` is the one that fits best), `absence` (`facts` are there), `measure`,
    `producer`, `day`, `outcome`, `kind` of producer, `suspended` or `nothing` to measure.
    """

    kind: str
    sentence: Sentence
    changes: tuple[Change, ...] = ()
    facts: tuple[str, ...] = ()
    searched: Searched | None = None


class NotFired(msgspec.Struct, frozen=True):
    """A rule that did not fire, and each smallest set of conditions that fail: met together, it fires."""

    rule: str
    kind: RuleKind
    target: str
    label: str
    status: Literal["not_fired", "not_applicable", "unknown"]
    sentence: Sentence
    ways: tuple[tuple[Lacking, ...], ...]


class WhyNot(msgspec.Struct, frozen=True):
    """What stands between a producer and the next grade, and every rule that did not fire."""

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    grade: str
    higher: WhyNotHigher | None
    """None for the best grade."""
    rules: tuple[NotFired, ...]


def why_not(rulebook: Rulebook, case: CaseFile, grading: Grading, lang: Lang, *, personal: bool = False) -> WhyNot:
    """Return why the grade isn't higher and why each rule did not fire."""
    return why_not_on(Ground(Wording(rulebook, case, grading, lang, personal=personal), case, grading, ()))


def why_not_on(ground: Ground) -> WhyNot:
    """Return the same of a grading that is looked up already."""
    grading = ground.grading
    return WhyNot(
        lang=ground.word.lang,
        producer=grading.producer,
        as_of=date.fromordinal(grading.as_of).isoformat(),
        rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
        grade=grading.grade,
        higher=Outlook(ground).why_not_higher(),
        rules=tuple(_Telling(ground).rules()),
    )


class _Telling:
    """Puts what fails into words."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._rulebook = ground, ground.word, ground.rulebook
        self._nearest, self._asking = Nearest(ground), Asking(ground.word)
        self._things = {fact.id: fact for fact in ground.case.facts}
        self._found = {one.id: one for one in (*ground.grading.findings, *ground.grading.consequences)}

    def rules(self) -> Iterator[NotFired]:
        word = self._word
        for outcome in self._ground.grading.outcomes:
            if outcome.status == "fired":
                continue
            rule = self._ground.rules[outcome.rule]
            ways = tuple(self._way(rule, lacks) for lacks in self._nearest.ways(rule))
            label = word.text(self._ground.concluded(rule.kind, rule.target))
            told = [word.join(lacking.sentence.text for lacking in way) for way in ways]
            lacks = word.join([*told[:1], *(word.say("or_else", lacks=text) for text in told[1:])])
            phrase = {"not_applicable": "not_fired_outside", "unknown": "not_fired_unknown"}.get(outcome.status)
            text = word.say(phrase or "not_fired", what=label, lacks=lacks)
            yield NotFired(
                rule.id, rule.kind, rule.target, label, outcome.status, Sentence(text, (f"rule:{rule.id}",)), ways
            )

    def _way(self, rule: Rule, lacks: Lacks) -> tuple[Lacking, ...]:
        return tuple(self._lacking(rule, lack) for lack in lacks)

    def _lacking(self, rule: Rule, lack: Lack) -> Lacking:
        text, changes = self._told(rule, lack)
        searched = None
        if lack.kind in ("fact", "absence") and lack.pattern is not None:
            days = self._ground.window(lack.pattern)
            first, last = (None, None) if days is None else map(_iso, days)
            kind = self._rulebook.types[lack.pattern.type]
            looked_at = len(self._nearest.rows(kind.name))
            searched = Searched(kind.name, kind.source_system, first, last, looked_at)
        return Lacking(lack.kind, Sentence(text, (f"rule:{rule.id}",)), changes, lack.facts, searched)

    def _told(self, rule: Rule, lack: Lack) -> tuple[str, tuple[Change, ...]]:
        word, rulebook = self._word, self._rulebook
        match lack.kind:
            case "kind":
                kinds = word.listed(word.text(rulebook.kinds[name]) for name in rule.applies_to or ())
                kind = word.text(rulebook.kinds[self._ground.case.producer.kind])
                return word.say("lack_kind", kinds=kinds, kind=kind), ()
            case "suspended" if lack.pattern is not None:
                return word.say("lack_suspended", what=word.text(rulebook.types[lack.pattern.type].label)), ()
            case "nothing" if lack.measure is not None:
                return word.say("lack_nothing", what=word.text(rulebook.measures[lack.measure].label)), ()
            case "formula":
                return word.say("lack_formula"), ()
            case "outcome" if lack.outcome is not None:
                return self._outcome(lack.outcome), ()
            case "absence":
                return self._absence(rule, lack), ()
            case "fact":
                return self._fact(rule, lack)
            case _:
                changes = tuple(self._changes(lack))
                said = word.listed(change.wanted for change in changes)
                return word.say("lack_values", changes=said), changes

    def _fact(self, rule: Rule, lack: Lack) -> tuple[str, tuple[Change, ...]]:
        word, pattern = self._word, lack.pattern
        assert pattern is not None
        slots = {"what": self._asking.pattern(pattern, aliases_of(rule)), "window": self._window(lack)}
        if not lack.facts:
            return word.say("lack_fact_none", **slots), ()
        changes = tuple(self._changes(lack))
        said = word.listed(change.wanted for change in changes)
        count, fact = len(self._nearest.rows(pattern.type)), self._brief(lack.facts[0])
        return word.say("lack_fact_near", count=count, fact=fact, changes=said, **slots), changes

    def _absence(self, rule: Rule, lack: Lack) -> str:
        word, pattern = self._word, lack.pattern
        assert pattern is not None
        what = self._asking.pattern(pattern, aliases_of(rule))
        if not lack.facts:
            return word.say("lack_absence_unknown", what=what)
        facts = word.say("facts_listed").join(map(self._brief, lack.facts[:_MOST_NAMED]))
        more = word.say("whynot_more") if len(lack.facts) > _MOST_NAMED else ""
        return word.say("lack_absence", what=what, window=self._window(lack), count=len(lack.facts), facts=facts + more)

    def _window(self, lack: Lack) -> str:
        assert lack.pattern is not None
        days = self._ground.window(lack.pattern)
        return "" if days is None else self._word.say("tree_searched_window", days=self._asking.window(days))

    def _brief(self, name: str) -> str:
        return self._ground.brief(self._things[name] if name in self._things else self._found[name])

    def _outcome(self, clause: OutcomeTest) -> str:
        word = self._word
        names = word.listed(self._name(clause.what, name) for name in clause.names) or word.say("outcome_any")
        wanted = word.say(f"outcome_{clause.what}", names=names)
        found = outcome_of(self._ground.grading, clause)
        if clause.what == "standard":
            found = tuple(name for name in found if name in clause.names)
        now = word.listed(self._name(clause.what, name) for name in found) or word.say("outcome_none")
        if clause.negated:
            wanted = word.say("outcome_not", what=wanted)
        return word.say("lack_outcome", wanted=wanted, now=now)

    def _name(self, what: str, name: str) -> str:
        rulebook, word = self._rulebook, self._word
        match what:
            case "ceiling":
                return word.say("quoted", what=word.text(rulebook.ceilings[name]))
            case "veto":
                return word.say("quoted", what=word.text(rulebook.vetoes[name]))
            case "status":
                return word.say("quoted", what=word.text(rulebook.producer_statuses[name]))
            case "standard":
                named = rulebook.standards.get(name) or rulebook.indicators[name]
                return word.say("quoted", what=word.text(named.label))
            case _:
                return name

    def _changes(self, lack: Lack) -> Iterator[Change]:
        """Yield what fails, comparison by comparison."""
        for atom in lack.failing:
            field = self._field(lack, atom)
            yield self._change(atom, field, [one for one in lack.atoms if one.name == atom.name], lack)

    def _field(self, lack: Lack, atom: Atom) -> Field:
        if lack.kind == "measure" and lack.measure is not None:
            return self._asking.measure(lack.measure)
        if lack.kind == "producer":
            return self._asking.attribute(atom.name)
        if lack.pattern is not None:
            return self._rulebook.types[lack.pattern.type].fields[atom.name]
        return DAY

    def _change(self, atom: Atom, field: Field, beside: Sequence[Atom], lack: Lack) -> Change:
        word = self._word
        what = word.text(field.label)
        if lack.group is not None and lack.measure is not None:
            what = word.say("bound", what=what, values=word.group(lack.measure, lack.group))
        wanted = self._wanted(atom, field, what)
        if atom.observed is None:
            phrase = "change_none" if atom.op == "present" else "change_missing"
            return Change(atom.name, None, word.say(phrase, wanted=wanted), None, None)
        observed = word.value(field, atom.observed)
        if atom.threshold is None and atom.op != "missing":
            text = word.say("change_other_missing", what=what, observed=observed)
            return Change(atom.name, observed, text, None, None)
        nearest = smallest(beside, field) if word.may_show(field) else None
        by = None if nearest is None else self._distance(field, atom.observed, nearest)
        text = word.say(
            "change", wanted=wanted, observed=observed, by="" if by is None else word.say("change_by", by=by)
        )
        return Change(atom.name, observed, text, None if nearest is None else word.value(field, nearest), by)

    def _wanted(self, atom: Atom, field: Field, what: str) -> str:
        if atom.threshold is None:
            return self._word.say("is_missing" if atom.op == "missing" else "is_present", what=what)
        if isinstance(atom.threshold, tuple):
            value = self._asking.alternatives(field, atom.threshold)
        else:
            value = self._word.value(field, atom.threshold)
        return self._asking.compared(what, atom.op, field, value)

    def _distance(self, field: Field, observed: object, nearest: object) -> str | None:
        numbers = (observed, nearest)
        if field.choices or any(isinstance(one, bool) or not isinstance(one, int) for one in numbers):
            return None
        by = abs(int(str(observed)) - int(str(nearest)))
        return self._word.time(by, "days") if field.type == "date" else self._word.value(field, by)


_MOST_NAMED = 3
"""Facts that are named where an absence fails; all are counted."""


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
