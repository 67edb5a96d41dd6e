"""For each rule that did not fire what failed, by how much, and the smallest change that would do, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Literal, TypeAlias

import msgspec

from engine.grading import Atom
from explain.asking import DAY, Asking
from explain.courses import Lack, Lacks
from explain.ground import Ground
from explain.nearest import Nearest, outcome_of
from explain.smallest import smallest
from explain.views import Sentence
from knowledge.rulebook import Field
from knowledge.rules import OutcomeTest, Rule, RuleKind

Idle: TypeAlias = Literal["not_fired", "not_applicable", "unknown"]


class Change(msgspec.Struct, frozen=True, gc=False):
    """A comparison that fails: what was observed, what is wanted, and the smallest change that would do.

    `of` names the field, attribute or measure. `to` is the nearest value that will do, `by` its distance, both in
    words; None where any value, another one or none at all is wanted.
    """

    of: str
    observed: str | None
    wanted: str
    to: str | None
    by: str | None


class Searched(msgspec.Struct, frozen=True, gc=False):
    """What was looked for: the type, where it is recorded, over which days (ISO), and how many there were."""

    type: str
    source: str | None
    first: str | None
    last: str | None
    looked_at: int


class Lacking(msgspec.Struct, frozen=True, gc=False):
    """One condition that fails.

    `kind` is `fact` (none fits; `facts` is the one that fits best), `absence` (`facts` are there), `measure`,
    `producer`, `day`, `outcome`, `kind` of producer, `suspended` or `nothing` to measure.
    """

    kind: str
    sentence: Sentence
    changes: tuple[Change, ...] = ()
    facts: tuple[str, ...] = ()
    searched: Searched | None = None


class NotFired(msgspec.Struct, frozen=True, gc=False):
    """A rule that did not fire, and each smallest set of conditions that fail: met together, it fires."""

    rule: str
    kind: RuleKind
    target: str
    label: str
    status: Idle
    sentence: Sentence
    ways: tuple[tuple[Lacking, ...], ...]


class Fired(msgspec.Struct, frozen=True, gc=False):
    """A rule that fired once, and sets of conditions that hold: without any one of these sets it would not fire so.

    A condition's `kind` is `fact` (this record falls), `absence` (one appears), or that of a value that changes.
    """

    rule: str
    kind: RuleKind
    target: str
    label: str
    deduction: str
    sentence: Sentence
    stops: tuple[tuple[Lacking, ...], ...]


class Telling:
    """Puts what fails into words."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._rulebook = ground, ground.word, ground.rulebook
        self._nearest, self._asking = Nearest(ground), Asking(ground.word)
        shelf, word = ground.shelf, ground.word
        self._notes: dict[Any, Any] = shelf.notes("why not", word.lang, word.personal, ground.case.as_of)
        self._things = {fact.id: fact for fact in ground.case.facts}
        self._found = {one.id: one for one in (*ground.grading.findings, *ground.grading.consequences)}

    def rules(self) -> Iterator[NotFired]:
        """Yield every rule that did not fire."""
        for outcome in self._ground.grading.outcomes:
            if outcome.status == "fired":
                continue
            rule = self._ground.rules[outcome.rule]
            seen = self._nearest.seen(rule)
            if seen is None:
                yield self._not_fired(rule, outcome.status)
                continue
            name = (outcome.status, *seen)
            if name not in self._notes:
                self._notes[name] = self._not_fired(rule, outcome.status)
            yield self._notes[name]

    def _not_fired(self, rule: Rule, status: Idle) -> NotFired:
        word = self._word
        ways = tuple(self._way(rule, lacks) for lacks in self._nearest.ways(rule))
        label = word.text(self._ground.concluded(rule.kind, rule.target))
        told = [word.join(lacking.sentence.text for lacking in way) for way in ways]
        lacks = word.join([*told[:1], *(word.say("or_else", lacks=text) for text in told[1:])])
        phrase = {"not_applicable": "not_fired_outside", "unknown": "not_fired_unknown"}.get(status)
        text = word.say(phrase or "not_fired", what=label, lacks=lacks)
        return NotFired(rule.id, rule.kind, rule.target, label, status, Sentence(text, (f"rule:{rule.id}",)), ways)

    def _way(self, rule: Rule, lacks: Lacks) -> tuple[Lacking, ...]:
        return tuple(self._lacking(rule, lack) for lack in lacks)

    def _lacking(self, rule: Rule, lack: Lack) -> Lacking:
        pattern = lack.pattern
        if lack.kind != "fact" or lack.facts or pattern is None or self._nearest.looked_at(pattern.type):
            return self._new_lacking(rule, lack)
        # Likewise, unless the window begins with something about the producer.
        name = (rule.id, lack.key, self._ground.window(pattern))
        if name not in self._notes:
            self._notes[name] = self._new_lacking(rule, lack)
        kept: Lacking = self._notes[name]
        return kept

    def _new_lacking(self, rule: Rule, lack: Lack) -> Lacking:
        text, changes = self._told(rule, lack)
        searched = None
        if lack.kind in ("fact", "absence") and lack.pattern is not None:
            days = self._ground.window(lack.pattern)
            name = (lack.pattern.type, self._nearest.looked_at(lack.pattern.type), days)
            if name not in self._notes:
                self._notes[name] = self._searched(*name)
            searched = self._notes[name]
        return Lacking(lack.kind, Sentence(text, (f"rule:{rule.id}",)), changes, lack.facts, searched)

    def _searched(self, kind: str, looked_at: int, days: tuple[int, int] | None) -> Searched:
        first, last = (None, None) if days is None else map(_iso, days)
        return Searched(kind, self._rulebook.types[kind].source_system, first, last, looked_at)

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
        slots = {
            "what": self._asking.pattern(pattern, self._ground.shelf.aliases[rule.id]),
            "window": self._window(lack),
        }
        if not lack.facts:
            return word.say("lack_fact_none", **slots), ()
        changes = tuple(self._changes(lack))
        said = word.listed(change.wanted for change in changes)
        count, fact = self._nearest.looked_at(pattern.type), self._brief(lack.facts[0])
        return word.say("lack_fact_near", count=count, fact=fact, changes=said, **slots), changes

    def _absence(self, rule: Rule, lack: Lack) -> str:
        word, pattern = self._word, lack.pattern
        assert pattern is not None
        what = self._asking.pattern(pattern, self._ground.shelf.aliases[rule.id])
        if not lack.facts:
            return word.say("lack_absence_unknown", what=what)
        facts = word.say("facts_listed").join(map(self._brief, lack.facts[:_MOST_NAMED]))
        more = word.say("whynot_more") if len(lack.facts) > _MOST_NAMED else ""
        return word.say("lack_absence", what=what, window=self._window(lack), count=len(lack.facts), facts=facts + more)

    def _window(self, lack: Lack) -> str:
        assert lack.pattern is not None
        days = self._ground.window(lack.pattern)
        if days is None:
            return ""
        if days not in self._notes:
            self._notes[days] = self._word.say("tree_searched_window", days=self._asking.window(days))
        told: str = self._notes[days]
        return told

    def _brief(self, name: str) -> str:
        return self._ground.brief(self._things[name] if name in self._things else self._found[name])

    def _outcome(self, clause: OutcomeTest) -> str:
        word, wanted = self._word, self._wanted_outcome(clause)
        found = outcome_of(self._ground.grading, clause)
        if clause.what == "standard":
            found = tuple(name for name in found if name in clause.names)
        now = word.listed(self._name(clause.what, name) for name in found) or word.say("outcome_none")
        return word.say("lack_outcome", wanted=wanted, now=now)

    def _wanted_outcome(self, clause: OutcomeTest) -> str:
        word = self._word
        names = word.listed(self._name(clause.what, name) for name in clause.names)
        wanted = word.say(f"outcome_{clause.what}" if names else f"outcome_any_{clause.what}", names=names)
        return word.say("outcome_not", what=wanted) if clause.negated else wanted

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
        about = lack.measure or (lack.pattern.type if lack.pattern is not None else lack.kind)
        for atom in lack.failing:
            beside = tuple([one for one in lack.atoms if one.name == atom.name])
            name = (about, lack.group, atom, beside)
            if name not in self._notes:
                self._notes[name] = self._change(atom, self._field(lack, atom), beside, lack)
            yield self._notes[name]

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
        what = self._named(field, lack)
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

    def _named(self, field: Field, lack: Lack) -> str:
        """Return what a value is called, with its group."""
        word = self._word
        what = word.text(field.label)
        if lack.group is not None and lack.measure is not None:
            what = word.say("bound", what=what, values=word.group(lack.measure, lack.group))
        return what

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
