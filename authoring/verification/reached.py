"""Which points, and so which scores, rules can bring about; bounds that hold whatever the case."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from authoring.verification.report import Study
from engine.measuring import divide
from knowledge.rulebook import Band, Rulebook, Standard
from knowledge.rules import Arithmetic, FixedPoints, Formula, FormulaPoints, Num, Rule, SteppedPoints, TablePoints
from knowledge.strata import measures_read

UNBOUNDED = 2**53


class Reached:
    """The most points that rules can ask for, and the scores that come of them."""

    def __init__(self, study: Study) -> None:
        self._study, self._book = study, study.rulebook
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
        total = sum(most_asked(self._book, rule) for rule in self.live(standard.id, kind))
        return min(total, standard.points)

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
        low, high = self._band(band)
        least, most = self.ends
        if high < least or low > most:
            return False
        return self.sums is None or any(low <= score <= high for score in self.sums)

    def _band(self, band: Band) -> tuple[int, int]:
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
        """Every score that points can add up to, None where they are scaled, capped or not of a few sizes."""
        book, scoring = self._book, self._book.scoring
        if scoring.not_applicable == "leaves_the_fraction" and self._may_leave():
            return None
        if any(one.at_most is not None for one in book.indicators.values()):
            return None
        found: set[int] = {0}
        for one in book.standards.values():
            amounts: set[int] = {0}
            for rule in self._book.rules:
                if rule.kind == "standard" and rule.target == one.id and rule.id not in self._dead:
                    sizes = _sizes(rule)
                    if sizes is None:
                        return None
                    amounts = _added(amounts, sizes, one.points, repeats=bool(rule.for_each) or grouped(book, rule))
            weight = _weight(book, one)
            found = {sum_ + amount * weight for sum_ in found for amount in amounts}
        sign = -1 if scoring.direction == "lost" else 1
        scores = {scoring.start + sign * points for points in found}
        low, high = self.ends
        return frozenset(min(max(score, low), high) for score in scores)

    def _may_leave(self) -> bool:
        for one in self._book.standards.values():
            always = any(
                _always(rule) and rule.applies_to is None for rule in self._book.rules if rule.target == one.id
            )
            if one.applies_to is not None or one.suspended_by is not None or not always:
                return True
        return False


def _plain(band: Band) -> bool:
    return band.worst_single is None and not band.demands


def _weight(book: Rulebook, standard: Standard) -> int:
    level2 = book.indicators[standard.indicator]
    return level2.weight * book.indicators[level2.parent or ""].weight


def _always(rule: Rule) -> bool:
    """Say whether a rule's standard applies whatever facts there are."""
    return not isinstance(rule.points, SteppedPoints) and not rule.when


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


def _sizes(rule: Rule) -> frozenset[int] | None:
    match rule.points:
        case FixedPoints(points=points):
            sizes = {points}
        case SteppedPoints(steps=steps):
            sizes = {step.points for step in steps}
        case TablePoints(points=table):
            sizes = set(table.values())
        case _:
            return None
    return None if rule.at_most is not None else frozenset(sizes)


def _added(amounts: set[int], sizes: frozenset[int], most: int, *, repeats: bool) -> set[int]:
    found = set(amounts)
    while True:
        more = found | {min(amount + size, most) for amount in found for size in sizes}
        if more == found or not repeats:
            return more
        found = more


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
