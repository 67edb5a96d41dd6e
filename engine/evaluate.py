"""From a case to a grading: measures, chaining, scoring, and the checker's consent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import msgspec

from engine.case import MOST_FACTS, CaseFile
from engine.chaining import Chain, Draft, Firing, visible_facts
from engine.checker import compile_checker
from engine.foresight import Foresight, Outlines
from engine.grading import Deduction, Finding, Grading, Limit, MeasureValue, Reading
from engine.horizon import NEVER, day_leaves
from engine.offers import Offers
from engine.program import Program, compile_program
from engine.reach import Reach
from engine.scoring import Applies, Asked, Scorer, band_of, limited_grade, missed_minimums
from knowledge.problems import LimitExceeded
from knowledge.rulebook import Rulebook
from knowledge.rules import Pattern, Value

MOST_DEDUCTIONS = 10_000
MOST_SECONDS = 2.0


class Evaluator:
    """Grades cases under one rulebook. One for each thread; `close()` when the rulebook is replaced."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._program, self._kernel = compile_program(rulebook)
        self._checker = compile_checker(rulebook)
        self._scorer = Scorer(rulebook)
        self._outlines = Outlines(self._program)
        self._leaves = day_leaves(rulebook.calendar)
        self._offers = Offers(rulebook)
        self._origins = {name: (place, kind.origin) for place, (name, kind) in enumerate(rulebook.types.items())}
        self._questions = {kind: _Questions(self._program, kind) for kind in rulebook.kinds}

    def close(self) -> None:
        """Give the kernel's memory back."""
        self._kernel.close()

    def grade(self, case: CaseFile) -> Grading:
        """Return the whole decision. Pure: the same case gives the same bytes.

        Raises:
            LimitExceeded: more than 5,000 facts, 10,000 deductions or 2 seconds.
            EngineFailure: the kernel failed.
            EngineDisagreement: the checker comes to something else; there is no grade.
        """
        draft = self.chain(case)
        return msgspec.structs.replace(draft, outcomes=self._checker.check(case, draft))

    def foresee(
        self, case: CaseFile, grading: Grading, ahead: Callable[[CaseFile, int], CaseFile] | None = None
    ) -> Foresight:
        """Return which later days may change the score or grade of a case that was graded so; see `Foresight`."""
        return Foresight(self._outlines, case, grading, ahead)

    @cached_property
    def reach(self) -> Reach:
        """What each standard and limit looks at, laid out when it is first asked for."""
        return Reach(self.rulebook)

    def chain(self, case: CaseFile) -> Grading:
        """Return the grading before the checker has seen it; `outcomes` is empty."""
        if len(case.facts) > MOST_FACTS:
            raise LimitExceeded("limit.facts", f"{len(case.facts)} facts; at most {MOST_FACTS} for one producer")
        facts, appears = visible_facts(self._program, case)
        deadline = time.monotonic() + MOST_SECONDS
        with self._kernel.session(deadline=deadline, most_firings=MOST_DEDUCTIONS) as session:
            chain = Chain(self._program, case, session, facts)
            chain.horizon[0] = appears
            chain.run_to_the_grade()
            decision = _Decision(self.rulebook, self._scorer, self._questions[case.producer.kind], chain)
            chain.run_after_the_grade(decision.outcome(), decision.scored.points)
        return self._grading(case, chain, decision)

    def _grading(self, case: CaseFile, chain: Chain, decision: _Decision) -> Grading:
        _settle(self.rulebook, chain)
        deductions = self._deductions(chain, decision)
        scored = decision.scored
        findings, consequences = self._findings(chain)
        return Grading(
            rulebook_id=self.rulebook.id,
            rulebook_version=self.rulebook.version,
            rulebook_sha256=self.rulebook.sha256,
            producer=case.producer.id,
            as_of=case.as_of,
            known_at=case.known_at,
            facts=tuple([fact.id for fact in case.facts]),
            grade=decision.grade,
            score_grade=decision.score_grade,
            score=scored.score,
            standards=scored.standards,
            indicators=scored.indicators,
            measures=self._measures(chain),
            findings=findings,
            consequences=consequences,
            deductions=deductions,
            ceilings=tuple([_with_deductions(limit, deductions) for limit in decision.ceilings]),
            vetoes=tuple([_with_deductions(limit, deductions) for limit in decision.vetoes]),
            statuses=decision.statuses,
            remedies=tuple(self._offers.of(deductions, scored)),
            outcomes=(),
            next_change_on=self._next_change(chain),
        )

    def _deductions(self, chain: Chain, decision: _Decision) -> tuple[Deduction, ...]:
        counted = decision.counted
        deductions = []
        for number, firing in enumerate(sorted(chain.firings.values(), key=_place), 1):
            rule, own = firing.plan.rule, firing.concludes
            until = self._until(chain, firing)
            if own is not None:
                own.until = max(own.until, until)
            premises = [premise.id for premise in firing.premises.values()]
            premises.sort()
            deductions.append(
                Deduction(
                    f"D{number}",
                    rule.id,
                    rule.kind,
                    rule.target,
                    _key(firing),
                    tuple(premises),
                    _readings(chain, firing),
                    rule.target if own is None else own.id,
                    firing.points,
                    counted.get(id(firing), 0),
                    rule.grade,
                    rule.law,
                    None if until >= NEVER else until,
                )
            )
        return tuple(deductions)

    def _measures(self, chain: Chain) -> tuple[MeasureValue, ...]:
        found = []
        groups, measured = chain.groups, chain.measured
        for name in self.rulebook.measures:
            if name in groups:
                for group in sorted(groups[name], key=_sortable):
                    value, of, facts, _ = groups[name][group].measured
                    found.append(MeasureValue(name, value, of, _ids(facts), group))
            elif name in measured:
                value, of, facts, _ = measured[name]
                found.append(MeasureValue(name, value, of, _ids(facts) if facts else ()))
        return tuple(found)

    def _findings(self, chain: Chain) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return findings and consequences, by type and number."""
        origins = self._origins
        drafts = [(*origins[draft.type], draft.number, draft) for draft in chain.drafts.values()]
        drafts.sort(key=_in_order)
        made = [(origin, Finding(draft.id, draft.type, draft.values)) for _, origin, _, draft in drafts]
        return (
            tuple([finding for origin, finding in made if origin == "finding"]),
            tuple([finding for origin, finding in made if origin == "consequence"]),
        )

    def _until(self, chain: Chain, firing: Firing) -> int:
        """Return the first day on which one of the premises stops counting by itself, NEVER if none does."""
        until, plan = NEVER, firing.plan
        for thing in firing.key:
            if isinstance(thing, Draft) and thing.until < until:
                until = thing.until
        for place, pattern in plan.passing:
            until = min(until, self._pattern_until(pattern, firing.key[place].values, chain.case.as_of))
        for name in plan.decisive:
            if name not in chain.groups:
                until = min(until, chain.measured[name].until)
            elif firing.group in chain.groups[name]:
                until = min(until, chain.groups[name][firing.group].measured.until)
        return until

    def _pattern_until(self, pattern: Pattern, values: Mapping[str, Value], as_of: int) -> int:
        until = NEVER
        window = pattern.window
        if window is not None:
            day = values.get(window.field)
            if window.kind == "last" and day is not None:
                until = self._leaves(int(day), window.amount, window.unit)
            elif window.kind == "calendar_year":
                until = _new_year(as_of)
        lasting = self.rulebook.types[pattern.type].lasting
        if pattern.active and lasting is not None and lasting.end is not None:
            end = values.get(lasting.end)
            if end is not None:
                until = min(until, int(end) + int(lasting.end_included))
        return until

    def _next_change(self, chain: Chain) -> int | None:
        as_of = chain.case.as_of
        days = [chain.horizon[0]]
        days += [as_of + 1 for firing in chain.firings.values() if firing.plan.daily][:1]
        for (amount, unit), place in self._program.slots.windows.items():
            if chain.horizon[place] < NEVER:
                days.append(self._leaves(chain.horizon[place], amount, unit))  # type: ignore[arg-type]  # units come from windows
        for name, limits in self._program.thresholds.items():
            parts = (
                [chain.measured[name]] if name in chain.measured else [g.measured for g in chain.groups[name].values()]
            )
            for measured in parts:
                if measured.of and measured.value is not None:
                    latest = as_of - int(measured.value)
                    days += [latest + limit + extra for limit in limits for extra in (0, 1)]
                    days += [as_of + 1] if name in self._program.daily else []
        return min((day for day in days if as_of < day < NEVER), default=None)


class _Questions:
    """Which standards are asked of a kind of producer, whatever its facts, and which for want of facts are not."""

    def __init__(self, program: Program, kind: str) -> None:
        needs: dict[str, list[tuple[str, ...]]] = {}
        for plan in program.standard_plans:
            if plan.rule.applies_to is None or kind in plan.rule.applies_to:
                needs.setdefault(plan.rule.target, []).append(plan.decisive)
        self.applies: dict[str, Applies] = {
            name: "yes" if name in needs else "kind" for name in program.rulebook.standards
        }
        self.open = [(name, ways) for name, ways in needs.items() if all(ways)]
        """With the measures of each of its rules: a standard applies if one rule has all that it measures."""


class _Decision:
    """The grade as it stands when everything before the consequences has been decided."""

    def __init__(self, rulebook: Rulebook, scorer: Scorer, questions: _Questions, chain: Chain) -> None:
        _settle(rulebook, chain)
        by_kind: dict[str, list[Firing]] = {"standard": [], "ceiling": [], "veto": [], "status": []}
        for firing in chain.firings.values():
            if firing.plan.rule.kind in by_kind:
                by_kind[firing.plan.rule.kind].append(firing)
        asked = by_kind["standard"]
        asked.sort(key=_place)
        self.applies = _applies(questions, chain)
        self.scored = scorer.score(_asked(asked), self.applies)
        self.counted = dict(zip(map(id, asked), self.scored.counted, strict=True))
        self.score_grade = band_of(rulebook, self.scored)
        ceilings = _limits(rulebook, by_kind["ceiling"], "ceiling")
        ceilings += [
            Limit(name, "indicator", grade, (), False) for name, grade in missed_minimums(rulebook, self.scored)
        ]
        vetoes = _limits(rulebook, by_kind["veto"], "veto")
        self.grade, self.ceilings, self.vetoes = limited_grade(rulebook, self.score_grade, ceilings, vetoes)
        fired = {firing.plan.rule.target for firing in by_kind["status"]}
        self.statuses = tuple([name for name in rulebook.producer_statuses if name in fired])

    def outcome(self) -> dict[str, Any]:
        """Return what outcome tests look at."""
        return {
            "grade": self.grade,
            "score_grade": self.score_grade,
            "ceiling": frozenset([limit.id for limit in self.ceilings if limit.kind == "ceiling"]),
            "veto": frozenset([limit.id for limit in self.vetoes]),
            "status": frozenset(self.statuses),
            "standard": frozenset([name for name, points in self.scored.points.items() if points > 0]),
        }


def _applies(questions: _Questions, chain: Chain) -> dict[str, Applies]:
    applies = dict(questions.applies)
    for name, ways in questions.open:
        if all(any(_not_applicable(chain, measure) for measure in way) for way in ways):
            applies[name] = "nothing_to_measure"
    for standard in chain.suspended:
        if applies[standard] != "kind":
            applies[standard] = "suspended"
    return applies


def _not_applicable(chain: Chain, name: str) -> bool:
    if name in chain.groups:
        return not any(group.measured.value is not None for group in chain.groups[name].values())
    return chain.measured[name].value is None


def _asked(firings: Sequence[Firing]) -> list[Asked]:
    return [Asked(firing.plan.rule.id, firing.plan.rule.target, firing.points) for firing in firings]


def _settle(rulebook: Rulebook, chain: Chain) -> None:
    """Number the findings and give every new firing its place in the order of inference."""
    new = chain.settle()
    _number(rulebook, [draft for draft in chain.drafts.values() if not draft.id])
    for firing in new:
        ids = tuple([thing.id for thing in firing.key])
        firing.place = (firing.plan.stage, firing.rounds(), firing.plan.rank, ids, _sortable(firing.group))


def _place(firing: Firing) -> tuple[Any, ...]:
    return firing.place


def _key(firing: Firing) -> tuple[str, ...]:
    ids: tuple[str, ...] = firing.place[3]
    if firing.group is None:
        return ids
    group = firing.group
    return (*ids, ("yes" if group else "no") if isinstance(group, bool) else str(group))


def _sortable(value: Value | None) -> tuple[int, int, str]:
    return (0, value, "") if isinstance(value, int) else (1, 0, value or "")


def _number(rulebook: Rulebook, drafts: Iterable[Draft]) -> None:
    """Give findings and consequences their ids: by type, numbered in the order of their values."""
    by_type: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_type.setdefault(draft.type, []).append(draft)
    for name, group in by_type.items():
        if len(group) > 1:
            fields = tuple(rulebook.types[name].fields)
            group.sort(key=lambda draft: tuple([_present(draft.values.get(field)) for field in fields]))
        for number, draft in enumerate(group, 1):
            draft.number, draft.id = number, f"{name}#{number}"


def _present(value: Value | None) -> tuple[Any, ...]:
    return (0,) if value is None else (1, *_sortable(value))


def _in_order(drafted: tuple[int, str, int, Draft]) -> tuple[int, str, int]:
    return drafted[:3]


def _limits(rulebook: Rulebook, firings: Sequence[Firing], kind: str) -> list[Limit]:
    if not firings:
        return []
    names = rulebook.ceilings if kind == "ceiling" else rulebook.vetoes
    grades: dict[str, str] = {}
    order = {band.grade: place for place, band in enumerate(rulebook.bands)}
    for firing in firings:
        rule = firing.plan.rule
        if rule.grade is not None:
            worst = max(grades.get(rule.target, rule.grade), rule.grade, key=order.__getitem__)
            grades[rule.target] = worst
    return [Limit(name, kind, grades[name], (), False) for name in names if name in grades]  # type: ignore[arg-type]  # kind is one of its literals


def _with_deductions(limit: Limit, deductions: Sequence[Deduction]) -> Limit:
    if limit.kind == "indicator":
        return limit
    ids = tuple(d.id for d in deductions if d.kind == limit.kind and d.target == limit.id)
    return msgspec.structs.replace(limit, deductions=ids)


def _readings(chain: Chain, firing: Firing) -> tuple[Reading, ...]:
    plan = firing.plan
    found = [Reading(noted, firing.key[place].values.get(name)) for place, noted, name in plan.fields]
    found += [Reading(name, chain.measured[name].value) for name in plan.measures]
    for name in plan.grouped:
        part = chain.groups[name].get(firing.group) if firing.group is not None else None
        found.append(Reading(name, None if part is None else part.measured.value, firing.group))
    return tuple(found)


def _ids(things: Sequence[Any]) -> tuple[str, ...]:
    # Facts come in the order of their ids; findings in the order in which they were concluded.
    ids = [thing.id for thing in things]
    if ids and isinstance(things[0], Draft):
        ids.sort()
    return tuple(ids)


def _new_year(day: int) -> int:
    return date(date.fromordinal(day).year + 1, 1, 1).toordinal()
