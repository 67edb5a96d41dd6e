"""Rules that can never fire, and parts of rules that never count, because no value meets their tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from knowledge.measurebinding import measure_field
from knowledge.notes import Notes
from knowledge.possible import contradiction, meets, values
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import AnyOf, Clause, DateTest, MeasureTest, OutcomeTest, ProducerTest, Rule, SteppedPoints, Test
from knowledge.rules import Text as Label
from knowledge.source import Path, path_to
from knowledge.strata import patterns_of

MOST_STEPS = 500
"""Steps of one rule: each is compared with the values that all of them tell apart."""
_HELP = "one of its tests is wrong"
_AS_OF = Field("as_of", "date", Label("评价基准日", "as of"))


def check_dead(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note whatever of a rule, whose place is `path`, can never be met."""
    if rule.applies_to == ():
        notes.add(
            (*path, "applies_to"), "rule.dead",
            f"the rule applies to no kind that standard `{rule.target}` applies to",
            expected=", ".join(rulebook.standards[rule.target].applies_to or ()) or None,
        )  # fmt: skip
    for pattern, absent in patterns_of(rule):
        kind = rulebook.types[pattern.type]
        found = contradiction(kind.fields, pattern.tests)
        if found is not None:
            at = path_to(notes.documents, path, f"no {pattern.alias}" if absent else pattern.alias)
            message = f"no `{kind.name}` fits `{pattern.alias}`: {found[0]}"
            notes.add(at, "rule.dead", message, given=pattern.alias, expected=found[1], help=_HELP)
    finder = _Finder(rulebook, rule, path, notes)
    finder.look(rule.when, ())
    if isinstance(rule.points, SteppedPoints):
        finder.steps(rule.points)


class _Finder:
    """Looks for clauses that contradict each other, and steps that never count."""

    def __init__(self, rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
        self._rulebook, self._rule, self._path, self._notes = rulebook, rule, path, notes
        kinds = {name: text for name, text in rulebook.kinds.items() if name in (rule.applies_to or rulebook.kinds)}
        self._producer: Mapping[str, Field] = {
            "kind": Field("kind", "choice", Label("类型", "kind"), choices=kinds),
            "region": Field("region", "text", Label("地区", "region")),
            **rulebook.attributes,
        }
        grades = {band.grade: band.word for band in rulebook.bands}
        self._grade = Field("grade", "choice", Label("等级", "grade"), choices=grades)

    def look(self, clauses: Sequence[Clause], outer: Sequence[Clause]) -> bool:
        """Note contradictions among clauses that must hold together; return whether there are any."""
        together = [*outer, *(clause for clause in clauses if not isinstance(clause, AnyOf))]
        for key, value, fields, tests in self._subjects(together):
            found = contradiction(fields, tests)
            if found is not None:
                at = path_to(self._notes.documents, self._path, key, value)
                message = f"this can never hold: {found[0]}"
                self._notes.add(at, "rule.dead", message, given=value or key, expected=found[1], help=_HELP)
                return True
        closed = False
        for clause in clauses:
            if isinstance(clause, AnyOf) and clause.label != "not":  # of what is negated, some ways may be closed
                ways = [self.look(way, together) for way in clause.alternatives]
                closed = closed or all(ways)
        return closed

    def _subjects(self, clauses: Sequence[Clause]) -> Iterator[tuple[str, str | None, Mapping[str, Field], list[Test]]]:
        """Yield what clauses test, with the key and value by which it is found, its fields and all tests on it."""
        tests: dict[tuple[str, str | None], list[Test]] = {}
        for clause in clauses:
            match clause:
                case MeasureTest(measure=name, tests=own):
                    tests.setdefault(("measure", name), []).extend(own)
                case ProducerTest(tests=own):
                    tests.setdefault(("producer", None), []).extend(own)
                case DateTest(test=test, label=label):
                    tests.setdefault((label, None), []).append(test)
                case OutcomeTest(what="grade" | "score_grade" as what, names=names, negated=negated):
                    tests.setdefault((what, None), []).append(Test("grade", "not_in" if negated else "in", names))
        dates = [test for (key, _), own in tests.items() for test in own if test.name == "as_of" and key != "producer"]
        for (key, value), tested in tests.items():
            if key == "measure" and value is not None:
                yield key, value, {value: self._measure(value)}, tested
            elif key == "producer":
                yield key, None, self._producer, tested
            elif key in ("grade", "score_grade"):
                yield key, None, {"grade": self._grade}, tested
            else:
                yield key, None, {"as_of": _AS_OF}, dates

    def _measure(self, name: str) -> Field:
        measure = self._rulebook.measures[name]
        counts = isinstance(measure.body, Aggregate) and measure.body.how in ("count", "distinct")
        return replace(measure_field(measure, self._rulebook.types), minimum=0 if counts else None)

    def steps(self, points: SteppedPoints) -> None:
        """Note steps that no value reaches, or that an earlier one always takes the place of."""
        key = "lose" if self._rulebook.scoring.direction == "lost" else "gain"
        if (count := len(points.steps)) > MOST_STEPS:
            line = "write a formula, or split the rule"
            message, most = f"the rule has {count} steps", f"at most {MOST_STEPS}"
            self._notes.add((*self._path, key), "rule.too_complex", message, given=count, expected=most, help=line)
            return
        field = self._measure(points.measure)
        given = [
            test
            for clause in self._rule.when
            if isinstance(clause, MeasureTest) and clause.measure == points.measure
            for test in clause.tests
        ]
        tests = [*given, *(test for step in points.steps for test in step.tests)]
        left = [value for value in values(field, tests) if meets(given, value)]
        for place, step in enumerate(points.steps):
            taken = [value for value in left if meets(step.tests, value)]
            if not taken:
                hidden = any(meets([*given, *step.tests], value) for value in values(field, tests))
                why = "an earlier step always comes before it" if hidden else f"no value of `{field.name}` meets it"
                message = f"this step never counts: {why}"
                line = "put the step that asks for more first" if hidden else _HELP
                self._notes.add((*self._path, key, place), "rule.dead", message, given=f"step {place + 1}", help=line)
            left = [value for value in left if value not in taken]
