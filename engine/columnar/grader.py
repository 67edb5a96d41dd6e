"""Grades whole populations: stage by stage, measures before rules, as strata say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.columnar.columns import Column, Flags, Ints, first_of_each, segments, where
from engine.columnar.conditions import Knowledge
from engine.columnar.measures import compute, in_order
from engine.columnar.patterns import Patterns
from engine.columnar.population import Population, Table, decoder, stacked
from engine.columnar.rules import Fired, RuleMatcher
from engine.columnar.scores import Scorer, Scores
from engine.evaluate import MOST_DEDUCTIONS
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule
from knowledge.strata import patterns_of, stratify

BATCH = 20_000
"""Producers that are graded at a time, so that memory doesn't grow with the population."""
_NEVER = 1 << 30
_UNCAPPED = 1 << 62


@dataclass(frozen=True, slots=True)
class Graded:
    """What a population came to. In all frames `row` is the producer's row in the population."""

    grades: pl.DataFrame
    """row, id, grade, score_grade, score; without grade where `refused` says why."""
    points: pl.DataFrame
    """row, and for each standard the points lost (gained) after caps of rule and standard."""
    fired: pl.DataFrame
    """row, rule, count, points: what its deductions ask for together, each at most the standard's points."""
    limits: pl.DataFrame
    """row, id, kind (ceiling, veto, indicator), grade."""
    statuses: pl.DataFrame
    """row, status."""
    concluded: Mapping[str, pl.DataFrame]
    """By type of finding or consequence: row and its values, each once for a producer."""


class Columnar:
    """One rulebook, laid out for columns. Holds nothing of a population; may be shared between threads."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        strata = stratify(rulebook.rules, rulebook.measures, rulebook.standards, rulebook.types)
        self._graded, self._last = strata.graded, strata.last
        self._stages = strata.rules
        self._scorer = Scorer(rulebook)
        self._patterns = Patterns()
        with_rounds = self._scorer.needs_order
        self._units = {
            stage: [
                [RuleMatcher(rulebook, rule, with_rounds=with_rounds) for rule in unit]
                for unit in _in_order([rule for rule in rulebook.rules if strata.rules[rule.id] == stage])
            ]
            for stage in range(strata.last + 1)
        }
        self.recursive = frozenset(
            matcher.rule.id for units in self._units.values() for unit in units if _recurs(unit) for matcher in unit
        )
        """The rules that feed themselves or each other."""
        self._measures = in_order(rulebook.measures)
        self._measure_stages = strata.measures
        self._suspensions = [
            (name, one.suspended_by, strata.types[one.suspended_by.type] + 1)
            for name, one in rulebook.standards.items()
            if one.suspended_by is not None
        ]

    def grade(self, population: Population, day: int, *, concluded: bool = True) -> Graded:
        """Return what everyone's grading comes to as of a day; findings and consequences only if asked for.

        Raises:
            LimitExceeded: a rule looks at more pairs of facts than memory allows.
        """
        parts, first = [], 0
        for part in population.parts(BATCH):
            parts.append(self._grade(part, day, first, concluded=concluded))
            first += len(part)
        if len(parts) == 1:
            return parts[0]
        return Graded(
            pl.concat([part.grades for part in parts]),
            pl.concat([part.points for part in parts]),
            pl.concat([part.fired for part in parts]),
            pl.concat([part.limits for part in parts]),
            pl.concat([part.statuses for part in parts]),
            {name: pl.concat([part.concluded[name] for part in parts]) for name in parts[0].concluded},
        )

    def know(self, population: Population, day: int) -> Knowledge:
        """Return all that is known of everybody once they are graded."""
        return self._decided(population, day)[0]

    def _grade(self, population: Population, day: int, first: int, *, concluded: bool) -> Graded:
        return _frames(self.rulebook, *self._decided(population, day), first, concluded=concluded)

    def _decided(self, population: Population, day: int) -> tuple[Knowledge, list[Fired], Scores]:
        known = Knowledge(self.rulebook, population, day, self._patterns)
        fired: list[Fired] = []
        for stage in range(self._graded):
            self._stage(known, stage, fired)
        scores = self._scorer.score(known, fired, self._stages)
        _remember(self.rulebook, known, scores)
        for stage in range(self._graded, self._last + 1):
            self._stage(known, stage, fired)
        return known, fired, scores

    def _stage(self, known: Knowledge, stage: int, fired: list[Fired]) -> None:
        for standard, pattern, since in self._suspensions:
            if since == stage:
                table = known.tables[pattern.type]
                suspended = np.zeros(known.size, np.bool_)
                suspended[table.p[known.fitting_rows(pattern, sure=True)]] = True
                known.suspended[standard] = suspended
        for measure in self._measures:
            if self._measure_stages[measure.name] == stage:
                compute(known, measure)
        for unit in self._units[stage]:
            fired += self._settle(known, unit)

    def _settle(self, known: Knowledge, unit: Sequence[RuleMatcher]) -> list[Fired]:
        """Match rules that feed each other until nothing new is concluded."""
        targets = {matcher.rule.target for matcher in unit if matcher.rule.kind in ("finding", "consequence")}
        recursive = any(matcher.rule.id in self.recursive for matcher in unit)
        while True:
            found = [matcher.match(known) for matcher in unit]
            _refuse_endless(known, found)
            grown = [self._conclude(known, name, found, settled=not recursive) for name in targets]
            if not (recursive and any(grown)):
                break
        if recursive and self._scorer.needs_order:
            while True:
                found = [matcher.match(known) for matcher in unit]
                again = [self._conclude(known, name, found, settled=True) for name in targets]
                if not any(again):
                    break
        return found

    def _conclude(self, known: Knowledge, target: str, found: Sequence[Fired], *, settled: bool) -> bool:
        """Add what rules conclude of one type to what is known; return whether that changes anything."""
        mine = [one for one in found if one.rule.target == target and len(one.p)]
        if not mine:
            return False
        kind, old = self.rulebook.types[target], known.tables[target]
        keys = [np.concatenate([old.p, *(one.p for one in mine)])]
        columns = {}
        for name in kind.fields:
            column = _after(old.columns[name], [one.gives.get(name) or _nothing(len(one.p)) for one in mine])
            if column.given is not None:
                keys.append(column.given)
            keys.append(column.values)
            columns[name] = column
        first, which = first_of_each(keys)
        rounds = None
        if self._scorer.needs_order:
            assert old.rounds is not None
            longest = np.concatenate([_longest(one) for one in mine])
            new = longest + 1 if settled else np.full(len(longest), _NEVER)
            rounds = np.full(len(first), _NEVER)
            np.minimum.at(rounds, which, np.concatenate([old.rounds, new]))
        changed = len(first) > len(old)
        if not changed and rounds is not None:
            changed = bool((rounds[which[: len(old)]] < old.rounds).any())
        if changed:
            taken = {name: column.take(first) for name, column in columns.items()}
            known.tables[kind.name] = Table(keys[0][first], taken, rounds)
        return changed


def _after(before: Column, more: Sequence[Column]) -> Column:
    """Return values and others after them; what is missing is 0, so that it equals what is missing."""
    column = stacked([before, *more]) if len(before.values) or len(more) > 1 else more[0]
    return column if column.given is None else Column(np.where(column.given, column.values, 0), column.given)


def _nothing(size: int) -> Column:
    return Column(np.zeros(size, np.int64), np.zeros(size, np.bool_))


def _longest(one: Fired) -> Ints:
    assert one.rounds is not None
    return one.rounds


def _in_order(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Return the rules of one stage in units, each after those whose conclusions it reads; a cycle is one unit."""
    concluding: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.kind in ("finding", "consequence"):
            concluding.setdefault(rule.target, []).append(rule)
    reads = {
        name: {pattern.type for rule in own for pattern, _ in patterns_of(rule)} & concluding.keys()
        for name, own in concluding.items()
    }
    reach = {name: _reached(reads, name) for name in concluding}
    units: list[list[Rule]] = []
    done: set[str] = set()
    for name in sorted(concluding, key=lambda one: (len(reach[one]), one)):
        if name not in done:
            same = [other for other in concluding if other == name or (other in reach[name] and name in reach[other])]
            units.append([rule for other in same for rule in concluding[other]])
            done.update(same)
    return [*units, [rule for rule in rules if rule.kind not in ("finding", "consequence")]]


def _recurs(unit: Sequence[RuleMatcher]) -> bool:
    """Say whether a rule of a unit reads what a rule of it concludes."""
    targets = {matcher.rule.target for matcher in unit if matcher.rule.kind in ("finding", "consequence")}
    return any(pattern.type in targets for matcher in unit for pattern, _ in patterns_of(matcher.rule))


def _reached(reads: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for name in reads[todo.pop()] - seen:
            seen.add(name)
            todo.append(name)
    return seen


def _refuse_endless(known: Knowledge, found: Iterable[Fired]) -> None:
    """Refuse those for whom more rules fire than one grading may hold."""
    firings = [one.p for one in found if len(one.p)]
    if sum(map(len, firings)) > MOST_DEDUCTIONS:
        known.refused |= np.bincount(np.concatenate(firings), minlength=known.size) > MOST_DEDUCTIONS


def _remember(rulebook: Rulebook, known: Knowledge, scores: Scores) -> None:
    """Let consequence rules see the outcome."""
    known.points = scores.points
    for place, band in enumerate(rulebook.bands):
        known.outcome["grade", band.grade] = scores.grade == place
        known.outcome["score_grade", band.grade] = scores.score_grade == place
    here: list[tuple[str, str, Ints]] = [(kind, name, rows) for name, kind, rows, _ in scores.limits]
    here += [("status", name, rows) for name, rows in scores.statuses]
    for what, name, rows in here:
        flags = np.zeros(known.size, np.bool_)
        flags[rows] = True
        known.outcome[what, name] = flags
    for name, points in scores.points.items():
        known.outcome["standard", name] = points > 0


def _frames(
    rulebook: Rulebook, known: Knowledge, fired: Sequence[Fired], scores: Scores, first: int, *, concluded: bool
) -> Graded:
    _refuse_endless(known, fired)
    refused = known.refused
    kept = where(~refused)
    grades = [band.grade for band in rulebook.bands]
    why = np.where(known.population.refused, "limit.facts", "limit.deductions")
    graded = pl.DataFrame(
        {
            "row": pl.Series((known.everyone + first).astype(np.uint32)),
            "id": pl.Series(known.population.ids, dtype=pl.String),
            "grade": _named(grades, scores.grade),
            "score_grade": _named(grades, scores.score_grade),
            "score": scores.score,
            "refused": pl.Series([None] * known.size, dtype=pl.String),
        }
    )
    if refused.any():
        lost = pl.Series(refused)
        graded = graded.with_columns(
            *(pl.when(~lost).then(pl.col(name)).alias(name) for name in ("grade", "score_grade", "score")),
            refused=pl.when(lost).then(pl.Series(why)),
        )
    points = pl.DataFrame(
        {"row": pl.Series((kept + first).astype(np.uint32))}
        | {name: pl.Series(scores.points[name].astype(np.int32)[kept]) for name in rulebook.standards}
    )
    return Graded(
        graded,
        points,
        _fired(known, fired, first),
        _limits(rulebook, scores, refused, first),
        _long(
            [rows[~refused[rows]] for _, rows in scores.statuses],
            first,
            {"status": [name for name, _ in scores.statuses]},
        ),
        {
            name: _told(rulebook, known, name, first)
            for name, kind in rulebook.types.items()
            if concluded and kind.origin != "fact"
        },
    )


def _named(names: Sequence[str], places: Ints) -> pl.Series:
    return pl.Series(places.astype(np.uint32)).cat.to(pl.Enum(names))


def _long(rows: Sequence[Ints], first: int, names: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Return (row, name…) for each row of each list, whose names are at the same place."""
    lengths = [len(one) for one in rows]
    every = np.concatenate([np.empty(0, np.int64), *rows]) + first
    place = np.repeat(np.arange(len(rows), dtype=np.uint32), lengths)
    columns = {
        name: pl.Series(list(own), dtype=pl.String)[pl.Series(place)] if own else pl.Series([], dtype=pl.String)
        for name, own in names.items()
    }
    return pl.DataFrame({"row": pl.Series(every.astype(np.uint32)), **columns})


def _fired(known: Knowledge, fired: Sequence[Fired], first: int) -> pl.DataFrame:
    size = max(known.size, 1)
    found = [one for one in fired if len(one.p)]
    none = np.empty(0, np.int64)
    # One number for each rule and producer, so that all are counted at once.
    codes = np.concatenate([none, *(one.p + place * size for place, one in enumerate(found))])
    asked = np.concatenate([none, *(one.p * 0 if one.points is None else one.points for one in found)])
    if bool((codes[1:] < codes[:-1]).any()):
        order = np.argsort(codes, kind="stable")
        codes, asked = codes[order], asked[order]
    starts = segments(codes) if len(codes) else none
    place, row = np.divmod(codes[starts], size)
    count = np.diff(starts, append=len(codes))
    caps = np.array([_UNCAPPED if one.rule.at_most is None else one.rule.at_most for one in found], np.int64)
    amounts = np.minimum(np.add.reduceat(asked, starts), caps[place]) if len(codes) else none
    names = pl.Series([one.rule.id for one in found], dtype=pl.String)
    frame = pl.DataFrame(
        {
            "row": pl.Series((row + first).astype(np.uint32)),
            "rule": names[pl.Series(place.astype(np.uint32))],
            "count": pl.Series(count.astype(np.uint32)),
            "points": pl.Series(amounts),
        }
    )
    return frame.filter(~known.refused[row]) if known.refused.any() else frame


def _limits(rulebook: Rulebook, scores: Scores, refused: Flags, first: int) -> pl.DataFrame:
    kept = [~refused[rows] for _, _, rows, _ in scores.limits]
    frame = _long(
        [rows[own] for (_, _, rows, _), own in zip(scores.limits, kept, strict=True)],
        first,
        {"id": [name for name, *_ in scores.limits], "kind": [kind for _, kind, *_ in scores.limits]},
    )
    ranks = [grades[own] for (*_, grades), own in zip(scores.limits, kept, strict=True)]
    grades = _named([band.grade for band in rulebook.bands], np.concatenate([np.empty(0, np.int64), *ranks]))
    return frame.with_columns(grades.alias("grade"))


def _told(rulebook: Rulebook, known: Knowledge, name: str, first: int) -> pl.DataFrame:
    """Return the findings or consequences of a type with their values as the rulebook encodes them."""
    table = known.tables[name]
    table = table.take(where(~known.refused[table.p]))
    columns = {"row": pl.Series((table.p + first).astype(np.uint32))}
    for field in rulebook.types[name].fields.values():
        column = table.columns[field.name]
        decode = decoder(field, known.texts)
        given = column.known(len(table)).tolist()
        values = [decode(value) if here else None for value, here in zip(column.values.tolist(), given, strict=True)]
        kind = pl.String if field.type in ("text", "choice") else pl.Boolean if field.type == "yes_no" else pl.Int64
        columns[field.name] = pl.Series(values, dtype=kind)
    return pl.DataFrame(columns)
