"""The second opinion: every rule matched directly against the facts, every sum added again.

It shares nothing with the chaining side but the rulebook's meaning and the calendar. A grading that differs
in anything from what is found here is refused, with both sides spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import not_
from typing import Any, NoReturn

from engine.case import CaseFile
from engine.checker_code import Lexicon
from engine.checker_measures import CheckedMeasure, Row, compile_fitting, compile_measures
from engine.checker_rules import Hits, compile_rules
from engine.checker_sums import Adder, Applies, Sums
from engine.grading import Deduction, Finding, Grading, MeasureValue, Outcome, Status
from knowledge.problems import EngineDisagreement
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule, Value

STATUSES: tuple[Status, ...] = ("fired", "not_fired", "not_applicable", "unknown")


def compile_checker(rulebook: Rulebook) -> Checker:
    """Compile a rulebook for direct matching; once for each version."""
    return Checker(rulebook)


class Checker:
    """Re-derives gradings under one rulebook. Holds nothing of a case; may be shared between threads."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._lexicon = Lexicon(rulebook)
        measures = compile_measures(self._lexicon)
        self._measures = ([one for one in measures if not one.late], [one for one in measures if one.late])
        self._rules = compile_rules(self._lexicon)
        self._adder = Adder(rulebook)
        bits = self._lexicon.bits
        self._suspensions = [
            (
                standard.id,
                bits["type", standard.suspended_by.type],
                bits["standard", standard.id],
                compile_fitting(self._lexicon, standard.suspended_by, f"suspends_{place}"),
            )
            for place, standard in enumerate(rulebook.standards.values())
            if standard.suspended_by is not None
        ]
        self._type_bits = [bits["type", name] for name in rulebook.types]
        self._types = [(kind.dated, kind.origin != "fact") for kind in rulebook.types.values()]
        self._counting = frozenset(status.name for status in rulebook.fact_statuses.values() if status.counts)
        self._outcomes = [{s: Outcome(rule.id, s) for s in STATUSES} for rule in rulebook.rules]
        self._questions = {kind: _Questions(self, kind) for kind in rulebook.kinds}

    def check(self, case: CaseFile, grading: Grading) -> tuple[Outcome, ...]:
        """Return what became of every rule, in the rulebook's order.

        Raises:
            EngineDisagreement: the grading differs in a firing, premise, value, measure, sum or grade,
                or a finding rests on nothing that came before it.
        """
        return _Check(self, case, grading).outcomes()


class _Questions:
    """What a kind of producer is asked, whatever its facts."""

    def __init__(self, checker: Checker, kind: str) -> None:
        book = checker.rulebook
        asked = [
            (place, checked)
            for place, checked in enumerate(checker._rules)  # noqa: SLF001  # a part of it
            if checked.rule.applies_to is None or kind in checked.rule.applies_to
        ]
        self.outcomes = [outcomes["not_applicable"] for outcomes in checker._outcomes]  # noqa: SLF001
        """Of all rules, before the facts are looked at."""
        for place, _ in asked:
            self.outcomes[place] = checker._outcomes[place]["not_fired"]  # noqa: SLF001
        self.needs = [(place, checked.needs) for place, checked in asked if checked.needs]
        self.ways = [(types | checked.needs, place, way) for place, checked in asked for types, way in checked.ways]
        """What each needs, as bits, the place of its rule, and what looks for it."""
        self.applies: dict[str, Applies] = {}
        """By standard: whether it applies where everything can be measured."""
        self.missing = 0
        """Bits of the standards that don't."""
        self.measured: list[tuple[str, list[int]]] = []
        """Standards that may have nothing to measure, with the measures that each of their rules needs."""
        for standard in book.standards.values():
            own = checker._lexicon.bits["standard", standard.id]  # noqa: SLF001
            mine = [checked.needs & ~own for _, checked in asked if checked.needs & own]
            written = any(rule.kind == "standard" and rule.target == standard.id for rule in book.rules)
            outside = standard.applies_to is not None and kind not in standard.applies_to
            self.applies[standard.id] = "yes"
            if outside or (written and not mine):
                self.applies[standard.id] = "kind"
                self.missing |= own
            elif mine and all(mine):
                self.measured.append((standard.id, mine))


class _Check:
    """One case under one rulebook: the facts laid out, the measures and sums derived, all compared."""

    def __init__(self, checker: Checker, case: CaseFile, grading: Grading) -> None:
        self.checker, self.case, self.grading = checker, case, grading
        self.book = checker.rulebook
        self.day = case.as_of
        self.w = checker._lexicon.days_of(case.as_of)  # noqa: SLF001  # the two are one
        who = case.producer
        self.p = {**who.attributes, "kind": who.kind, "region": who.region, "id": who.id}
        self.questions = checker._questions[who.kind]  # noqa: SLF001
        self.missing = self.questions.missing
        """As bits of the lexicon: types without facts, measures without values, standards that aren't asked."""
        self.m: list[Any] = [None] * len(self.book.measures)
        self.fitting: dict[Any, list[Row]] = {}
        """What fits the patterns of measures, by the function that lists it."""
        self.found: list[tuple[MeasureValue, ...]] = [()] * len(self.book.measures)
        self.concluded: dict[str, Finding] = {}
        self.by_rule: dict[str, list[Deduction]] = {}
        self.t: list[list[Row]] = []

    def outcomes(self) -> tuple[Outcome, ...]:
        """Compare everything; return what became of every rule."""
        grading = self.grading
        self._identity()
        self._lay_out()
        self._conclusions()
        early, late = self.checker._measures  # noqa: SLF001
        self._measure(early, {})
        applies = self._applies()
        sums = self.checker._adder.add(grading.deductions, applies)  # noqa: SLF001
        self._measure(late, sums.points)
        self._same_measures()
        self._sums(sums)
        outcomes = self._rules(self._outcome(sums))
        if grading.outcomes and grading.outcomes != outcomes:
            differ = [(a, b) for a, b in zip(grading.outcomes, outcomes, strict=False) if a != b]
            self._disagree("what became of the rules differs", [a for a, _ in differ], [b for _, b in differ])
        return outcomes

    def _identity(self) -> None:
        grading, book, case = self.grading, self.book, self.case
        theirs = (
            grading.rulebook_id, grading.rulebook_version, grading.rulebook_sha256,
            grading.producer, grading.as_of, grading.known_at,
        )  # fmt: skip
        ours = (book.id, book.version, book.sha256, case.producer.id, case.as_of, case.known_at)
        if theirs != ours:
            self._disagree("the grading is of another case or rulebook", theirs, ours)
        if grading.facts != (ids := tuple([fact.id for fact in case.facts])):
            self._disagree("the grading was made from other facts", grading.facts, ids)

    def _lay_out(self) -> None:
        """Lay out what rules may see, by type and sorted by id: (id, values)."""
        types, places = self.checker._types, self.checker._lexicon.types  # noqa: SLF001
        counting, day = self.checker._counting, self.day  # noqa: SLF001
        rows: list[list[Row]] = [[] for _ in types]
        self.t = rows
        kind = dated = None
        own: list[Row] = []
        for fact in self.case.facts:
            if fact.status in counting:
                if fact.type != kind:
                    kind = fact.type
                    own, (dated, _) = rows[places[kind]], types[places[kind]]
                values = fact.values
                if dated is None or values.get(dated, 0) <= day:  # type: ignore[operator]  # dates are ordinals
                    own.append((fact.id, values))
        for finding in (*self.grading.findings, *self.grading.consequences):
            rows[places[finding.type]].append((finding.id, finding.values))
            self.concluded[finding.id] = finding
        for own, (_, concluded) in zip(rows, types, strict=True):
            if concluded and len(own) > 1:
                own.sort(key=_by_id)
        self.missing |= sum(compress(self.checker._type_bits, map(not_, rows)))  # noqa: SLF001

    def _conclusions(self) -> None:
        """See that findings differ from each other and rest on what came before them."""
        grading = self.grading
        seen: set[tuple[str, frozenset[tuple[str, Value]]]] = set()
        for finding in self.concluded.values():
            values = (finding.type, frozenset(finding.values.items()))
            if values in seen:
                self._disagree("two conclusions of one type have equal values", finding, "one of each")
            seen.add(values)
        if len(self.concluded) != len(grading.findings) + len(grading.consequences):
            self._disagree("two conclusions have one id", sorted(self.concluded), "different ids")
        founded: set[str] = set()
        concluded, by_rule = self.concluded, self.by_rule
        for number, deduction in enumerate(grading.deductions, 1):
            if deduction.id != f"D{number}":
                self._disagree("deductions are not numbered in order", deduction.id, f"D{number}")
            for premise in deduction.premises:
                if premise in concluded and premise not in founded:
                    self._disagree(
                        f"{deduction.id} of rule `{deduction.rule}` rests on `{premise}`, not concluded before it",
                        deduction, f"`{premise}` concluded earlier",
                    )  # fmt: skip
            founded.add(deduction.concludes)
            by_rule.setdefault(deduction.rule, []).append(deduction)
        if groundless := concluded.keys() - founded:
            self._disagree("findings without a deduction", sorted(groundless), "a deduction for each")

    def _measure(self, measures: Sequence[CheckedMeasure], points: Mapping[str, int]) -> None:
        t, m, p, w, day, fitting = self.t, self.m, self.p, self.w, self.day, self.fitting
        for checked in measures:
            place, fits = checked.place, checked.fitting
            if fits is None:
                m[place], self.found[place] = checked.of_others(m, p, points)
            else:
                if fits not in fitting:
                    fitting[fits] = fits(t, p, w, day) if t[checked.source] else []
                rows = fitting[fits]
                m[place], self.found[place] = checked.of_rows(rows, p, w, day) if rows else checked.nothing
            value = m[place]
            if value is None or (checked.per is not None and all(part is None for part in value.values())):
                self.missing |= checked.bit

    def _same_measures(self) -> None:
        ours = tuple([value for values in self.found for value in values])
        if ours != self.grading.measures:
            theirs = [value for value in self.grading.measures if value not in ours]
            self._disagree("measures differ", theirs, [value for value in ours if value not in self.grading.measures])

    def _applies(self) -> dict[str, Applies]:
        """Return whether each standard applies, and note down which are not asked."""
        applies, missing = dict(self.questions.applies), self.missing
        for name, rules in self.questions.measured:
            if all([needs & missing for needs in rules]):  # noqa: C419  # a list is faster, and this is asked often
                applies[name] = "nothing_to_measure"
        for name, kind, bit, fitting in self.checker._suspensions:  # noqa: SLF001
            if not kind & missing and applies[name] != "kind" and fitting(self.t, self.p, self.w, self.day):
                applies[name] = "suspended"
                self.missing |= bit
        return applies

    def _outcome(self, sums: Sums) -> dict[str, Any]:
        grading = self.grading
        return {
            "grade": grading.grade,
            "score_grade": grading.score_grade,
            "ceiling": {limit.id for limit in grading.ceilings if limit.kind == "ceiling"},
            "veto": {limit.id for limit in grading.vetoes},
            "status": set(grading.statuses),
            "standard": {name for name, points in sums.points.items() if points > 0},
        }

    def _rules(self, o: Mapping[str, Any]) -> tuple[Outcome, ...]:
        """Match every rule that isn't out of question, and compare what fires."""
        t, m, p, w, day = self.t, self.m, self.p, self.w, self.day
        questions, outcomes = self.questions, self.checker._outcomes  # noqa: SLF001
        missing = self.missing
        became = list(questions.outcomes)
        for place, needs in questions.needs:
            if needs & missing:
                became[place] = outcomes[place]["not_applicable"]
        found: dict[int, Hits] = {}
        for needs, place, way in questions.ways:
            if not needs & missing and way(t, m, p, w, day, o, found):
                became[place] = outcomes[place]["unknown"]
        rules, by_rule = self.book.rules, self.by_rule
        for place, fired in found.items():
            self._same_firings(rules[place], fired, by_rule.get(rules[place].id, ()))
            became[place] = outcomes[place]["fired"]
        if idle := by_rule.keys() - {rules[place].id for place in found}:
            self._disagree("deductions of rules that don't fire", sorted(idle), "none")
        return tuple(became)

    def _same_firings(self, rule: Rule, fired: Hits, mine: Sequence[Deduction]) -> None:
        written = (rule.kind, rule.target, rule.law, rule.grade)
        same = len(fired) == len(mine) and (len(mine) == 1 or len({deduction.key for deduction in mine}) == len(mine))
        for deduction in mine:
            told = (deduction.kind, deduction.target, deduction.law, deduction.grade)
            if told != written:
                self._disagree(f"{deduction.id} misquotes rule `{rule.id}`", told, written)
            same = same and self._same_firing(rule, fired.get(deduction.key), deduction)
        if not same:
            theirs = [_firing(d.key, d.premises, d.points, self._values(d)) for d in mine]
            ours = [_firing(key, sorted(ids), points, _given(gives)) for key, (ids, points, gives) in fired.items()]
            self._disagree(
                f"rule `{rule.id}` fired differently",
                sorted(set(theirs) - set(ours)) or theirs,
                sorted(set(ours) - set(theirs)) or ours,
            )

    def _same_firing(self, rule: Rule, hit: tuple[set[str], int, dict[str, Value]] | None, mine: Deduction) -> bool:
        if hit is None:
            return False
        premises, points, values = hit
        if mine.points != points or mine.premises != tuple(sorted(premises)):
            return False
        if rule.kind not in ("finding", "consequence"):
            return mine.concludes == rule.target
        finding = self.concluded.get(mine.concludes)
        return finding is not None and finding.type == rule.target and finding.values == _given(values)

    def _values(self, deduction: Deduction) -> dict[str, Value]:
        finding = self.concluded.get(deduction.concludes)
        return {} if finding is None else finding.values

    def _sums(self, sums: Sums) -> None:
        grading = self.grading
        counted = [deduction.counted for deduction in grading.deductions]
        if counted != sums.counted:
            self._disagree("points counted after caps differ", counted, sums.counted)
        _compare = (
            ("standards", grading.standards, sums.standards),
            ("indicators", grading.indicators, sums.indicators),
        )
        for what, theirs, ours in _compare:
            if theirs != ours:
                self._disagree(f"points of {what} differ", _without(theirs, ours), _without(ours, theirs))
        if grading.score != sums.score:
            self._disagree("the score differs", grading.score, sums.score)
        final, ceilings, vetoes = self.checker._adder.limits(grading.deductions, sums)  # noqa: SLF001
        if (grading.ceilings, grading.vetoes) != (ceilings, vetoes):
            self._disagree("ceilings or vetoes differ", (grading.ceilings, grading.vetoes), (ceilings, vetoes))
        if (grading.score_grade, grading.grade) != (sums.score_grade, final):
            self._disagree("the grade differs", (grading.score_grade, grading.grade), (sums.score_grade, final))
        fired = {deduction.target for deduction in grading.deductions if deduction.kind == "status"}
        statuses = tuple([name for name in self.book.producer_statuses if name in fired])
        if grading.statuses != statuses:
            self._disagree("statuses differ", grading.statuses, statuses)

    def _disagree(self, what: str, chainer: Any, checker: Any) -> NoReturn:
        who = f"producer `{self.case.producer.id}`, rulebook {self.book.id} {self.book.version}"
        raise EngineDisagreement(f"{what} ({who})", chainer=_text(chainer), checker=_text(checker))


def _by_id(row: Row) -> str:
    return row[0]


def _given(values: Mapping[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}


def _without(these: Iterable[Any], those: Sequence[Any]) -> list[Any]:
    return [this for this in these if this not in those]


def _firing(key: Sequence[str], premises: Sequence[str], points: int, values: Mapping[str, Value]) -> str:
    return f"key {tuple(key)} premises {tuple(premises)} points {points} values {dict(sorted(values.items()))}"


def _text(side: Any) -> str:
    return "\n".join(map(str, side)) if isinstance(side, list | tuple) else str(side)
