"""What the parts of an explanation have in common: the grading looked up by deduction, standard and limit."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Sequence
from functools import cached_property

from engine.atoms import Comparer, conjunction
from engine.case import CaseFile, Fact
from engine.grading import Deduction, Finding, Grading, Limit, Verdict
from explain.prospects import Prospects
from explain.shelf import shelf_of
from explain.trail import Trail
from explain.views import LawView
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.rules import Pattern, RuleKind, Text


class Ground:
    """One grading under its rulebook, with the words for it."""

    def __init__(self, word: Wording, case: CaseFile, grading: Grading, verdicts: Sequence[Verdict]) -> None:
        self.rulebook: Rulebook = word.rulebook
        self.word, self.case, self.grading, self.verdicts = word, case, grading, verdicts
        self.trail = Trail(self.rulebook, case, grading, word)
        self.prospects = Prospects(self.rulebook, grading)
        self.shelf = shelf_of(self.rulebook)
        self.rules, self.order, self.weights = self.shelf.rules, self.shelf.order, self.shelf.weights
        self.deductions = {deduction.id: deduction for deduction in grading.deductions}
        self.loses = self.rulebook.scoring.direction == "lost"
        producer = case.producer
        own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self.compare = Comparer(self.rulebook, case.as_of, own)
        self._briefs: dict[str, str] = {}
        self._windows: dict[object, tuple[int, int] | None] = {}
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
        return finding.type == pattern.type and conjunction(self.compare.fact(pattern, finding.values, {})) is True

    def rules_of(self, standard: str) -> tuple[str, ...]:
        """Return the ids of the rules that ask a standard for points."""
        return self.shelf.rules_of.get(standard, ())

    def concluded(self, kind: RuleKind, target: str) -> Text:
        """Return the label of what a rule concludes."""
        rulebook = self.rulebook
        match kind:
            case "standard":
                return rulebook.standards[target].label
            case "ceiling":
                return rulebook.ceilings[target]
            case "veto":
                return rulebook.vetoes[target]
            case "status":
                return rulebook.producer_statuses[target]
            case _:
                return rulebook.types[target].label

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
        return counted or tuple(f"rule:{name}" for standard in standards for name in self.rules_of(standard))

    def lasting(self, limit: Limit) -> Iterator[str]:
        """Yield, as sentences, how long a limit lasts, where its rules say so."""
        texts = [self.rules[self.deductions[name].rule].until for name in limit.deductions if limit.kind != "indicator"]
        for words in dict.fromkeys(self.word.text(text).rstrip("。.") for text in texts if text is not None):
            yield self.word.say("lasts", until=words)

    def visible(self, kind: str) -> Sequence[Fact | Finding]:
        """Return what rules may see of a type: facts in a status that counts and not dated after the day; findings."""
        return self._visible.get(kind, ())

    @property
    def present(self) -> KeysView[str]:
        """The types of which rules may see anything."""
        return self._visible.keys()

    @cached_property
    def _visible(self) -> dict[str, list[Fact | Finding]]:
        seen: dict[str, list[Fact | Finding]] = {}
        for finding in (*self.grading.findings, *self.grading.consequences):
            seen.setdefault(finding.type, []).append(finding)
        types, as_of = self.rulebook.types, self.case.as_of
        counting = {name for name, status in self.rulebook.fact_statuses.items() if status.counts}
        for fact in self.case.facts:
            if fact.status in counting:
                dated = types[fact.type].dated
                day = None if dated is None else fact.values.get(dated)
                if day is None or int(day) <= as_of:
                    seen.setdefault(fact.type, []).append(fact)
        return seen

    def window(self, pattern: Pattern) -> tuple[int, int] | None:
        """Return the first and last day that a pattern looks at; None without a window or a known start."""
        window = pattern.window
        if window is None:
            return None
        name = (window.kind, window.amount, window.unit) if window.since is None else window
        if name not in self._windows:
            self._windows[name] = self.compare.window(window, {})
        return self._windows[name]

    def dated(self, fact: Fact) -> int | None:
        """Return the day that windows see."""
        dated = self.rulebook.types[fact.type].dated
        day = None if dated is None else fact.values.get(dated)
        return None if day is None else int(day)

    def fact(self, fact: Fact) -> str:
        """Return a fact in words, without a full stop: what, when, its values, and where it is recorded."""
        kind, word, day = self.rulebook.types[fact.type], self.word, self.dated(fact)
        values = word.told(fact.type, {name: value for name, value in fact.values.items() if name != kind.dated})
        sources = word.listed([f"{source.system} {source.ref}".strip() for source in fact.sources])
        dated = "" if day is None or kind.dated is None else word.value(kind.fields[kind.dated], day)
        return word.say(
            "tree_fact",
            what=word.text(kind.label),
            day=word.say("tree_fact_day", day=dated) if dated else "",
            values=word.say("tree_fact_values", values=values) if values else "",
            source=word.say("tree_fact_source", source=sources) if sources else "",
        )

    def brief(self, thing: Fact | Finding) -> str:
        """Return by what a fact or finding is told apart: its day, and the values that name it."""
        if thing.id not in self._briefs:
            self._briefs[thing.id] = self._brief(thing)
        return self._briefs[thing.id]

    def _brief(self, thing: Fact | Finding) -> str:
        kind, word = self.rulebook.types[thing.type], self.word
        names = kind.same_when or tuple(kind.fields)[:2]
        dated = kind.dated if kind.dated in thing.values else None
        said = [] if dated is None else [word.value(kind.fields[dated], thing.values[dated])]
        values = {name: thing.values[name] for name in names if name in thing.values and name != dated}
        said += [word.say("pair", label=label, value=value) for label, value in word.fields(thing.type, values)]
        return word.say("enumerated").join(said) or word.text(kind.label)

    def law(self, name: str) -> LawView:
        """Return an article of law as it is cited."""
        law = self.rulebook.laws[name]
        return LawView(name, self.word.text(law.label), law.href)

    def shown(self, points: int) -> int | str:
        """Return points or a score for JSON: whole numbers as such, fractions as decimal text."""
        return points if self.rulebook.scoring.unit == "whole" else self.word.points(points)
