"""Which points, and so which scores, rules can bring about; bounds that hold whatever the case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import combinations

from authoring.verification.report import Study
from engine.measuring import divide
from knowledge.rulebook import Band, Rulebook, Standard
from knowledge.rules import Arithmetic, FixedPoints, Formula, FormulaPoints, Num, Rule, SteppedPoints, TablePoints
from knowledge.strata import measures_read

UNBOUNDED = 2**53
_MOST_RULES = 8
"""Rules of one standard of which it is asked which fire together."""
_MOST_SUMS = 100_000
"""Different sums of points that are looked at."""


class Reached:
    """The most points that rules can ask for, and the scores that come of them."""

    def __init__(self, study: Study) -> None:
        self._study, self._book = study, study.rulebook
        self._exclusive: dict[tuple[str, str], bool] = {}
        self._dead = {f.concerns[0].id for f in study.findings if f.code == "rule.unreachable"}

    def live(self, standard: str, kind: str) -> list[Rule]:
        """Return the rules of a standard that can fire for a kind of producer."""
        return [
            rule
            for rule in self._book.rules
            if rule.kind == "standard" and rule.target == standard and rule.id not in self._dead
            and (rule.applies_to is None or kind in rule.applies_to)
        ]  # fmt: skip

    def most(self, standard: Standard, kind: str) -> int:
        """Return the most points that a standard can lose (gain) for a kind, caps counted."""
        live = [(rule, most_asked(self._book, rule)) for rule in self.live(standard.id, kind)]
        total = sum(points for _, points in live)
        taking = [one for one in live if one[1]]
        if total >= standard.points > max((points for _, points in live), default=0) and len(taking) <= _MOST_RULES:
            total = self._together(taking, standard.points)
        return min(total, standard.points)

    def _together(self, rules: Sequence[tuple[Rule, int]], enough: int) -> int:
        """Return the most points of rules that may fire for one producer, or some number that is enough."""
        most = 0
        for size in range(len(rules), 0, -1):
            for some in combinations(rules, size):
                points = sum(points for _, points in some)
                if points > most and not any(
                    self._apart(left, right) for (left, _), (right, _) in combinations(some, 2)
                ):
                    most = points
                if most >= enough:
                    return most
        return most

    def _apart(self, left: Rule, right: Rule) -> bool:
        """Say whether it is proved that two rules never fire together."""
        key = (left.id, right.id)
        if key not in self._exclusive:
            found = self._study.witnesses.search([left, right], lambda _case, _grading: True)
            self._exclusive[key] = found is False
        return self._exclusive[key]

    @cached_property
    def ends(self) -> tuple[int, int]:
        """The lowest and the highest score."""
        lows, highs = zip(*(self._ends(kind) for kind in self._book.kinds), strict=True)
        return min(lows), max(highs)

    def _ends(self, kind: str) -> tuple[int, int]:
        book, scoring = self._book, self._book.scoring
        parts = []
        for one in book.standards.values():
            if one.applies_to is not None and kind not in one.applies_to:
                continue
            level2 = book.indicators[one.indicator]
            weight = level2.weight * book.indicators[level2.parent or ""].weight
            sure = one.suspended_by is None and any(_always(rule) for rule in self.live(one.id, kind))
            parts.append((self.most(one, kind) * weight, one.points * weight, sure))
        lost = sum(points for points, _, _ in parts)
        total = sum(s.points * _weight(book, s) for s in book.standards.values())
        if scoring.direction == "gained":
            low, high = scoring.start, scoring.start + lost
            if scoring.not_applicable == "leaves_the_fraction":
                high = scoring.start + _worst(parts, total)
        else:
            low, high = scoring.start - lost, scoring.start
            if scoring.not_applicable == "leaves_the_fraction":
                low = scoring.start - _worst(parts, scoring.start)
        if scoring.floor is not None:
            low, high = max(low, scoring.floor), max(high, scoring.floor)
        if scoring.ceiling is not None:
            low, high = min(low, scoring.ceiling), min(high, scoring.ceiling)
        return low, high

    def can(self, band: Band) -> bool:
        """Say whether a grade may be given, for all that is known."""
        book = self._book
        limits = {rule.grade for rule in book.rules if rule.kind in ("ceiling", "veto") and rule.id not in self._dead}
        limits |= {one.otherwise for one in book.indicators.values() if one.minimum is not None}
        if band.grade in limits:
            return True
        low, high = self.scores_of(band)
        least, most = self.ends
        if high < least or low > most:
            return False
        return self.sums is None or any(low <= score <= high for score in self.sums)

    def scores_of(self, band: Band) -> tuple[int, int]:
        """Return the scores that come to a band: what no band before it takes."""
        bands = self._book.bands
        before = bands[: bands.index(band)]
        if self._book.scoring.better == "higher":
            low = -UNBOUNDED if band.low is None or band == bands[-1] else band.low
            tops = [one.low for one in before if one.low is not None and _plain(one)]
            return low, min(tops, default=UNBOUNDED + 1) - 1
        high = UNBOUNDED if band.high is None or band == bands[-1] else band.high
        return max([one.high for one in before if one.high is not None and _plain(one)], default=-UNBOUNDED) + 1, high

    @cached_property
    def sums(self) -> frozenset[int] | None:
        """Every score that points can come to (and maybe others), None where indicators have caps or sums are many."""
        book = self._book
        if any(one.at_most is not None for one in book.indicators.values()):
            return None
        scores: set[int] = set()
        for kind in book.kinds:
            found: set[tuple[int, int]] = {(0, 0)}  # points, and points of standards that don't apply
            for one in book.standards.values():
                weight = _weight(book, one)
                parts = self._parts(one, kind)
                found = {(sum_ + more * weight, out + gone * weight) for sum_, out in found for more, gone in parts}
                if len(found) > _MOST_SUMS:
                    return None
            scores |= {self._score(points, outside) for points, outside in found}
        low, high = self.ends
        return frozenset(min(max(score, low), high) for score in scores)

    def _parts(self, standard: Standard, kind: str) -> set[tuple[int, int]]:
        """Return the points that a standard may come to, and its own points with them where it may not apply."""
        if standard.applies_to is not None and kind not in standard.applies_to:
            return {(0, standard.points)}
        live = self.live(standard.id, kind)
        amounts: set[int] = {0}
        for rule in live:
            own = _amounts(self._book, rule, standard.points)
            if standard.suspended_by is None and _always_fires(rule):
                own = own - {0}
            amounts = {min(amount + more, standard.points) for amount in amounts for more in own}
        sure = standard.suspended_by is None and any(_always(rule) for rule in live)
        return {(amount, 0) for amount in amounts} | (set() if sure else {(0, standard.points)})

    def _score(self, points: int, outside: int) -> int:
        """Return the score of points, where standards of so many points don't apply."""
        book, scoring = self._book, self._book.scoring
        total = sum(one.points * _weight(book, one) for one in book.standards.values())
        applicable = total - outside if scoring.not_applicable == "leaves_the_fraction" else total
        sign = -1 if scoring.direction == "lost" else 1
        if applicable == total or not applicable:
            return scoring.start + sign * points
        if scoring.direction == "lost":
            return divide(scoring.start * (applicable - points), applicable, scoring.rounding)
        return scoring.start + divide(points * total, applicable, scoring.rounding)


def _plain(band: Band) -> bool:
    return band.worst_single is None and not band.demands


def _weight(book: Rulebook, standard: Standard) -> int:
    level2 = book.indicators[standard.indicator]
    return level2.weight * book.indicators[level2.parent or ""].weight


def _always(rule: Rule) -> bool:
    """Say whether a rule's standard applies whatever facts there are."""
    return not isinstance(rule.points, SteppedPoints) and not rule.when


def _always_fires(rule: Rule) -> bool:
    return _always(rule) and not rule.for_each and isinstance(rule.points, FixedPoints) and rule.points.points > 0


def _worst(parts: Iterable[tuple[int, int, bool]], scale: int) -> int:
    """Return the most points, scaled to the whole, where standards that needn't apply leave the fraction."""
    sure = [part for part in parts if part[2]]
    points, applicable = sum(part[0] for part in sure), sum(part[1] for part in sure)
    best = -(-points * scale // applicable) if applicable else 0
    rest = [part for part in parts if not part[2] and part[1]]
    for more, size, _ in sorted(rest, key=lambda part: -(part[0] * 1_000_000 // part[1])):
        points, applicable = points + more, applicable + size
        best = max(best, -(-points * scale // applicable))
    return best


def _amounts(book: Rulebook, rule: Rule, most: int) -> set[int]:
    """Return the points, up to `most`, that all deductions of a rule may come to together; 0 where it doesn't fire."""
    cap = most if rule.at_most is None else min(rule.at_most, most)
    match rule.points:
        case FixedPoints(points=points):
            sizes = {points}
        case SteppedPoints(steps=steps):
            sizes = {step.points for step in steps}
        case TablePoints(points=table):
            sizes = set(table.values())
        case _:
            return set(range(cap + 1))
    found = {0, *(min(size, cap) for size in sizes)}
    while rule.for_each or grouped(book, rule):
        more = found | {min(amount + size, cap) for amount in found for size in sizes}
        if more == found:
            break
        found = more
    return found


def grouped(book: Rulebook, rule: Rule) -> bool:
    """Say whether a rule fires once for each group of a measure."""
    return any(name in book.measures and book.measures[name].per is not None for name in measures_read(rule))


def single(book: Rulebook, rule: Rule) -> int:
    """Return the most points that one deduction of a rule can ask for, UNBOUNDED where that has no bound."""
    match rule.points:
        case FixedPoints(points=points):
            return points
        case SteppedPoints(steps=steps):
            return max(step.points for step in steps)
        case TablePoints(points=table):
            return max(table.values())
        case FormulaPoints(formula=formula):
            return max(_span(book, rule, formula)[1], 0)
        case _:
            return 0


def once(book: Rulebook, rule: Rule) -> bool:
    """Say whether a rule fires at most once: nothing to fire for, or a finding that is always the same."""
    if grouped(book, rule):
        return False
    for pattern in rule.for_each:
        makers = [one for one in book.rules if one.target == pattern.type and one.kind == "finding"]
        if len(makers) != 1 or any(getattr(value, "source", "as_of") != "as_of" for value in makers[0].gives.values()):
            return False
    return True


def most_asked(book: Rulebook, rule: Rule) -> int:
    """Return the most points that all deductions of a rule can ask for."""
    most = single(book, rule)
    if not once(book, rule) and most:
        most = UNBOUNDED
    return most if rule.at_most is None else min(most, rule.at_most)


def _span(book: Rulebook, rule: Rule, formula: Formula) -> tuple[int, int]:
    """Return the lowest and highest value of a formula."""
    if isinstance(formula, Num):
        return formula.value, formula.value
    if not isinstance(formula, Arithmetic):
        return _read(book, rule, formula.source, formula.name)
    parts = [_span(book, rule, part) for part in formula.args]
    low, high = parts[0]
    for least, most in parts[1:]:
        match formula.op:
            case "add":
                low, high = low + least, high + most
            case "subtract":
                low, high = low - most, high - least
            case "multiply":
                ends = [low * least, low * most, high * least, high * most]
                low, high = min(ends), max(ends)
            case "min":
                low, high = min(low, least), min(high, most)
            case "max":
                low, high = max(low, least), max(high, most)
            case _:
                if least <= 0:
                    return -UNBOUNDED, UNBOUNDED
                ends = [divide(end, under, formula.rounding) for end in (low, high) for under in (least, most)]
                low, high = min(ends), max(ends)
    return max(low, -UNBOUNDED), min(high, UNBOUNDED)


def _read(book: Rulebook, rule: Rule, source: str, name: str) -> tuple[int, int]:
    """Return the bounds of what a formula reads: a fact's field, or a measure."""
    if source == "measure":
        body = book.measures[name].body
        if isinstance(body, Arithmetic):
            return _span(book, rule, body)
        how = getattr(body, "how", "count")
        if how == "share":
            return 0, 10_000
        field = getattr(body, "field", None)
        if how in ("min", "max", "latest", "first") and field is not None:
            shape = book.types[body.pattern.type].fields[field]  # type: ignore[union-attr]  # an aggregate
            low, high = shape.minimum, shape.maximum
            nothing = book.measures[name].when_nothing
            more = [nothing] if type(nothing) is int else []
            return (
                min([-UNBOUNDED if low is None else low, *more]),
                max([UNBOUNDED if high is None else high, *more]),
            )
        return (-UNBOUNDED if how == "sum" else 0), UNBOUNDED
    pattern = next((one for one in rule.for_each if one.alias == source), None)
    if pattern is None:
        return -UNBOUNDED, UNBOUNDED
    shape = book.types[pattern.type].fields[name]
    low, high = shape.minimum, shape.maximum
    return (-UNBOUNDED if low is None else low), (UNBOUNDED if high is None else high)
