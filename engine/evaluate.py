"""From a case to a grading: measures, chaining, scoring, and the checker's consent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from engine.case import MOST_FACTS, CaseFile
from engine.chaining import Chain, Draft, Firing, visible_facts
from engine.checker import compile_checker
from engine.grading import Deduction, Finding, Grading, Limit, MeasureValue, Reading, RemedyOffer
from engine.horizon import NEVER, day_leaves
from engine.program import compile_program
from engine.scoring import Applies, Asked, Scored, Scorer, band_of, limited_grade, missed_minimums
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
        self._leaves = day_leaves(rulebook.calendar)
        self._remedies = {rule.id: rule.remedies for rule in rulebook.rules if rule.remedies}

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
            decision = _Decision(self.rulebook, self._scorer, chain)
            chain.run_after_the_grade(decision.outcome(), decision.points())
        return self._grading(case, chain, decision)

    def _grading(self, case: CaseFile, chain: Chain, decision: _Decision) -> Grading:
        _settle(self.rulebook, chain)
        deductions = tuple(self._deductions(chain, decision))
        scored = decision.scored
        findings = _findings(chain, "finding")
        return Grading(
            rulebook_id=self.rulebook.id,
            rulebook_version=self.rulebook.version,
            rulebook_sha256=self.rulebook.sha256,
            producer=case.producer.id,
            as_of=case.as_of,
            known_at=case.known_at,
            facts=tuple(fact.id for fact in case.facts),
            grade=decision.grade,
            score_grade=decision.score_grade,
            score=scored.score,
            standards=scored.standards,
            indicators=scored.indicators,
            measures=tuple(self._measures(chain)),
            findings=findings,
            consequences=_findings(chain, "consequence"),
            deductions=deductions,
            ceilings=tuple(_with_deductions(limit, deductions) for limit in decision.ceilings),
            vetoes=tuple(_with_deductions(limit, deductions) for limit in decision.vetoes),
            statuses=decision.statuses,
            remedies=tuple(_offers(self.rulebook, self._remedies, deductions, scored)),
            outcomes=(),
            next_change_on=self._next_change(chain),
        )

    def _deductions(self, chain: Chain, decision: _Decision) -> Iterable[Deduction]:
        ordered = sorted(chain.firings.values(), key=_place)
        for number, firing in enumerate(ordered, 1):
            rule = firing.plan.rule
            until = self._until(chain, firing)
            if firing.concludes is not None:
                own = firing.concludes
                own.until = until if own.until == NEVER else max(own.until, until)
            yield Deduction(
                id=f"D{number}",
                rule=rule.id,
                kind=rule.kind,
                target=rule.target,
                key=_key(firing),
                premises=tuple(sorted([premise.id for premise in firing.premises.values()])),
                readings=tuple(_readings(chain, firing)),
                concludes=rule.target if firing.concludes is None else firing.concludes.id,
                points=firing.points,
                counted=decision.counted.get(id(firing), 0),
                grade=rule.grade,
                law=rule.law,
                until=None if until >= NEVER else until,
            )

    def _measures(self, chain: Chain) -> Iterable[MeasureValue]:
        for name in self.rulebook.measures:
            if name in chain.groups:
                for value in sorted(chain.groups[name], key=_sortable):
                    measured = chain.groups[name][value].measured
                    yield MeasureValue(name, measured.value, measured.of, _ids(measured.facts), value)
            elif name in chain.measured:
                measured = chain.measured[name]
                yield MeasureValue(name, measured.value, measured.of, _ids(measured.facts))

    def _until(self, chain: Chain, firing: Firing) -> int:
        """Return the first day on which one of the premises stops counting by itself, NEVER if none does."""
        days = [NEVER, *(thing.until for thing in firing.key if isinstance(thing, Draft))]
        for place, pattern in firing.plan.passing:
            days.append(self._pattern_until(pattern, firing.key[place].values, chain.case.as_of))
        for name in firing.plan.decisive:
            if name not in chain.groups:
                days.append(chain.measured[name].until)
            elif firing.group in chain.groups[name]:
                days.append(chain.groups[name][firing.group].measured.until)
        return min(days)

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


class _Decision:
    """The grade as it stands when everything before the consequences has been decided."""

    def __init__(self, rulebook: Rulebook, scorer: Scorer, chain: Chain) -> None:
        chain.settle_steps()
        _settle(rulebook, chain)
        firings = list(chain.firings.values())
        self.applies = _applies(rulebook, chain)
        asked = sorted((firing for firing in firings if firing.plan.rule.kind == "standard"), key=_place)
        self.scored = scorer.score(_asked(asked), self.applies)
        self.counted = dict(zip(map(id, asked), self.scored.counted, strict=True))
        self.score_grade = band_of(rulebook, self.scored)
        ceilings = _limits(rulebook, firings, "ceiling")
        ceilings += [
            Limit(name, "indicator", grade, (), False) for name, grade in missed_minimums(rulebook, self.scored)
        ]
        vetoes = _limits(rulebook, firings, "veto")
        self.grade, self.ceilings, self.vetoes = limited_grade(rulebook, self.score_grade, ceilings, vetoes)
        fired = {firing.plan.rule.target for firing in firings if firing.plan.rule.kind == "status"}
        self.statuses = tuple(name for name in rulebook.producer_statuses if name in fired)

    def points(self) -> dict[str, int]:
        """Return points lost or gained by standard and indicator."""
        standards = {score.id: score.points for score in self.scored.standards}
        return standards | {score.id: score.points for score in self.scored.indicators}

    def outcome(self) -> dict[str, Any]:
        """Return what outcome tests look at."""
        return {
            "grade": self.grade,
            "score_grade": self.score_grade,
            "ceiling": frozenset(limit.id for limit in self.ceilings if limit.kind == "ceiling"),
            "veto": frozenset(limit.id for limit in self.vetoes),
            "status": frozenset(self.statuses),
            "standard": frozenset(name for name, points in self.points().items() if points > 0),
        }


def _applies(rulebook: Rulebook, chain: Chain) -> dict[str, Applies]:
    kind = chain.case.producer.kind
    applies: dict[str, Applies] = dict.fromkeys(rulebook.standards, "kind")
    for plan in chain.program.standard_plans:
        rule = plan.rule
        if (rule.applies_to is None or kind in rule.applies_to) and applies[rule.target] != "yes":
            empty = any(_not_applicable(rulebook, chain, name) for name in plan.decisive)
            applies[rule.target] = "nothing_to_measure" if empty else "yes"
    for standard in chain.suspended:
        if applies[standard] != "kind":
            applies[standard] = "suspended"
    return applies


def _not_applicable(rulebook: Rulebook, chain: Chain, name: str) -> bool:
    if rulebook.measures[name].per is not None:
        return not any(group.measured.value is not None for group in chain.groups[name].values())
    return chain.measured[name].value is None


def _asked(firings: Sequence[Firing]) -> list[Asked]:
    return [Asked(firing.plan.rule.id, firing.plan.rule.target, firing.points) for firing in firings]


def _settle(rulebook: Rulebook, chain: Chain) -> None:
    """Number the findings and give every firing its place in the order of inference."""
    chain.settle_rounds()
    _number(rulebook, [draft for draft in chain.drafts.values() if not draft.id])
    for firing in chain.firings.values():
        if not firing.place:
            ids = [thing.id for thing in firing.key]
            firing.place = (firing.plan.stage, firing.rounds(), firing.plan.rule.index, ids, _sortable(firing.group))


def _place(firing: Firing) -> tuple[Any, ...]:
    return firing.place


def _key(firing: Firing) -> tuple[str, ...]:
    ids = tuple(thing.id for thing in firing.key)
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
        fields = tuple(rulebook.types[name].fields)
        group.sort(key=lambda draft: tuple(_present(draft.values.get(field)) for field in fields))
        for number, draft in enumerate(group, 1):
            draft.id = f"{name}#{number}"


def _present(value: Value | None) -> tuple[Any, ...]:
    return (0,) if value is None else (1, *_sortable(value))


def _findings(chain: Chain, origin: str) -> tuple[Finding, ...]:
    types = chain.program.rulebook.types
    drafts = [draft for draft in chain.drafts.values() if types[draft.type].origin == origin]
    order = {name: place for place, name in enumerate(types)}
    drafts.sort(key=lambda draft: (order[draft.type], int(draft.id.rpartition("#")[2])))
    return tuple(Finding(draft.id, draft.type, draft.values) for draft in drafts)


def _limits(rulebook: Rulebook, firings: Iterable[Firing], kind: str) -> list[Limit]:
    names = rulebook.ceilings if kind == "ceiling" else rulebook.vetoes
    grades: dict[str, str] = {}
    order = {band.grade: place for place, band in enumerate(rulebook.bands)}
    for firing in firings:
        rule = firing.plan.rule
        if rule.kind == kind and rule.grade is not None:
            worst = max(grades.get(rule.target, rule.grade), rule.grade, key=order.__getitem__)
            grades[rule.target] = worst
    return [Limit(name, kind, grades[name], (), False) for name in names if name in grades]  # type: ignore[arg-type]  # kind is one of its literals


def _with_deductions(limit: Limit, deductions: Sequence[Deduction]) -> Limit:
    if limit.kind == "indicator":
        return limit
    ids = tuple(d.id for d in deductions if d.kind == limit.kind and d.target == limit.id)
    return msgspec.structs.replace(limit, deductions=ids)


def _readings(chain: Chain, firing: Firing) -> Iterable[Reading]:
    for place, alias, name in firing.plan.fields:
        yield Reading(f"{alias}.{name}", firing.key[place].values.get(name))
    for name in firing.plan.measures:
        yield Reading(name, chain.measured[name].value)
    for name in firing.plan.grouped:
        part = chain.groups[name].get(firing.group) if firing.group is not None else None
        yield Reading(name, None if part is None else part.measured.value, firing.group)


def _ids(things: Sequence[Any]) -> tuple[str, ...]:
    # Facts come in the order of their ids; findings in the order in which they were concluded.
    ids = [thing.id for thing in things]
    if ids and isinstance(things[0], Draft):
        ids.sort()
    return tuple(ids)


def _offers(
    rulebook: Rulebook, remedies: Mapping[str, Sequence[str]], deductions: Sequence[Deduction], scored: Scored
) -> Iterable[RemedyOffer]:
    """Offer each deed whose rule fired, with what each standard would lose less without those deductions."""
    open_to: dict[str, list[Deduction]] = {}
    for deduction in deductions:
        for name in remedies.get(deduction.rule, ()):
            open_to.setdefault(name, []).append(deduction)
    if not open_to:
        return
    scores = {score.id: score for score in scored.standards}
    for name in sorted(open_to, key=list(rulebook.remedies).index):
        mine = open_to[name]
        standards = {}
        for standard, share in rulebook.remedies[name].restores.items():
            score = scores[standard]
            ours = sum([d.points for d in mine if d.target == standard and d.kind == "standard"])
            room = score.points - min(score.maximum, max(0, score.asked - ours))
            restored = room if share == "all" else room // 2 if share == "half" else min(room, share)
            if restored > 0:
                standards[standard] = restored
        yield RemedyOffer(name, standards, sum(standards.values()), tuple([d.id for d in mine]))


def _new_year(day: int) -> int:
    return date(date.fromordinal(day).year + 1, 1, 1).toordinal()
