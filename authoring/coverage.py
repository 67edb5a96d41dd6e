"""What a rulebook's scenarios touch: which rules fire, which conditions held and failed, which limits were met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from authoring.scenarios import prepare
from engine.evaluate import Evaluator
from engine.grading import Atom, Condition, Verdict
from engine.verdicts import verdicts
from knowledge.problems import ShuoliError
from knowledge.scenarios import Scenario

_ORDERED = ("lt", "le", "gt", "ge")


class ConditionCoverage(msgspec.Struct, frozen=True):
    """In how many scenarios one condition held, failed, or was unknown."""

    label: str
    held: int
    failed: int
    unknown: int


class Boundary(msgspec.Struct, frozen=True):
    """A limit, and how near to it values of scenarios came: on it, and by how much above and below; None: never.

    `threshold` is None for dates, whose limits move with the day of the grade; distances are then days.
    """

    name: str
    op: str
    threshold: int | None
    on_it: bool
    above: int | None
    below: int | None


class RuleCoverage(msgspec.Struct, frozen=True):
    """In how many scenarios a rule fired and was judged not to, and how its conditions came out."""

    rule: str
    place: str
    fired: int
    not_fired: int
    conditions: list[ConditionCoverage]
    boundaries: list[Boundary]

    @property
    def gaps(self) -> list[str]:
        """What no scenario shows of it, in the words of the program: `fires`, `label holds`, `label fails`, limits."""
        gaps = [] if self.fired else ["fires"]
        gaps += [] if self.not_fired else ["does not fire"]
        for one in self.conditions:
            gaps += [] if one.held else [f"`{one.label}` holds"]
            gaps += [] if one.failed else [f"`{one.label}` fails"]
        gaps += [f"`{one.name}` {one.op} on its limit" for one in self.boundaries if not one.on_it]
        return gaps


class _Seen:
    """What was seen of one rule."""

    def __init__(self) -> None:
        self.fired = self.not_fired = 0
        self.conditions: dict[str, dict[bool | None, int]] = {}
        self.margins: dict[tuple[str, str, int | None], set[int]] = {}

    def add(self, verdict: Verdict) -> None:
        """Add what became of the rule in one scenario."""
        self.fired += verdict.status == "fired"
        self.not_fired += verdict.status == "not_fired"
        for condition in verdict.conditions:
            counts = self.conditions.setdefault(condition.label, {True: 0, False: 0, None: 0})
            counts[condition.holds] += 1
        for atom in _atoms(verdict.conditions):
            if atom.op in _ORDERED and isinstance(atom.threshold, int) and atom.margin is not None:
                fixed = None if atom.unit == "days" else atom.threshold
                self.margins.setdefault((atom.name, atom.op, fixed), set()).add(atom.margin)


def coverage(evaluator: Evaluator, scenarios: Sequence[Scenario]) -> list[RuleCoverage]:
    """Return what scenarios show of each rule, in the rulebook's order."""
    rulebook = evaluator.rulebook
    seen = {rule.id: _Seen() for rule in rulebook.rules}
    for one in prepare(rulebook, scenarios):
        if one.case is None:
            continue
        try:
            grading = evaluator.grade(one.case)
        except ShuoliError:
            continue
        for verdict in verdicts(rulebook, one.case, grading):
            seen[verdict.rule].add(verdict)
    return [_told(rule.id, rule.source, seen[rule.id]) for rule in rulebook.rules]


def _told(rule: str, place: str, seen: _Seen) -> RuleCoverage:
    conditions = [
        ConditionCoverage(label, counts[True], counts[False], counts[None]) for label, counts in seen.conditions.items()
    ]
    boundaries = [
        Boundary(
            name,
            op,
            threshold,
            0 in margins,
            min((one for one in margins if one > 0), default=None),
            min((-one for one in margins if one < 0), default=None),
        )
        for (name, op, threshold), margins in seen.margins.items()
    ]
    return RuleCoverage(rule, place, seen.fired, seen.not_fired, conditions, boundaries)


def _atoms(conditions: Iterable[Condition]) -> Iterator[Atom]:
    for condition in conditions:
        yield from condition.atoms
        for way in condition.alternatives:
            yield from _atoms(way)
