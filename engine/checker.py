"""The second opinion: every rule matched directly against the facts, every sum added again.

It shares nothing with the chaining side but the rulebook's meaning and the calendar. A grading that differs
in anything from what is found here is refused, with both sides spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from engine.case import CaseFile
from engine.checker_code import Lexicon
from engine.checker_measures import Row, compile_fitting, compile_measures
from engine.checker_rules import CheckedRule, Hits, compile_rules
from engine.checker_sums import Adder, Sums
from engine.grading import Deduction, Finding, Grading, MeasureValue, Outcome, Status
from knowledge.problems import EngineDisagreement
from knowledge.rulebook import PointsMeasure, Rulebook
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
        self._measures = compile_measures(self._lexicon)
        self._rules = compile_rules(self._lexicon)
        self._adder = Adder(rulebook)
        self._suspensions = [
            (standard.id, compile_fitting(self._lexicon, standard.suspended_by, f"suspends_{place}"))
            for place, standard in enumerate(rulebook.standards.values())
            if standard.suspended_by is not None
        ]
        self._standard_rules: dict[str, list[CheckedRule]] = {name: [] for name in rulebook.standards}
        for rule in self._rules:
            if rule.rule.kind == "standard":
                self._standard_rules[rule.rule.target].append(rule)
        self._place = {name: (place, kind.dated) for place, (name, kind) in enumerate(rulebook.types.items())}
        self._counting = frozenset(status.name for status in rulebook.fact_statuses.values() if status.counts)
        self._outcomes = [{s: Outcome(rule.id, s) for s in STATUSES} for rule in rulebook.rules]
        self._asked = {kind: tuple(self._asked_of(kind)) for kind in rulebook.kinds}

    def _asked_of(self, kind: str) -> Iterable[tuple[int, CheckedRule]]:
        """Yield the rules that a kind of producer is asked for, with their places."""
        for place, checked in enumerate(self._rules):
            if checked.rule.applies_to is None or kind in checked.rule.applies_to:
                yield place, checked

    def check(self, case: CaseFile, grading: Grading) -> tuple[Outcome, ...]:
        """Return what became of every rule, in the rulebook's order.

        Raises:
            EngineDisagreement: the grading differs in a firing, premise, value, measure, sum or grade,
                or a finding rests on nothing that came before it.
        """
        return _Check(self, case, grading).outcomes()


class _Check:
    """One case under one rulebook: the facts laid out, the measures and sums derived, all compared."""

    def __init__(self, checker: Checker, case: CaseFile, grading: Grading) -> None:
        self.checker, self.case, self.grading = checker, case, grading
        self.book = checker.rulebook
        self.day = case.as_of
        self.w = checker._lexicon.days_of(case.as_of)  # noqa: SLF001  # the two are one
        who = case.producer
        self.p = {**who.attributes, "kind": who.kind, "region": who.region, "id": who.id}
        self.m: list[Any] = [None] * len(self.book.measures)
        self.concluded: dict[str, Finding] = {}
        self.by_rule: dict[str, list[Deduction]] = {}

    def outcomes(self) -> tuple[Outcome, ...]:
        """Compare everything; return what became of every rule."""
        grading = self.grading
        self._identity()
        self._lay_out()
        self._conclusions()
        measured = self._measure(late=False, points={})
        applies = self._applies()
        sums = self.checker._adder.add(grading.deductions, applies)  # noqa: SLF001
        measured |= self._measure(late=True, points=sums.points)
        self._same_measures(measured)
        self._sums(sums)
        outcomes = self._rules(applies, self._outcome(sums))
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
        place, counting, day = self.checker._place, self.checker._counting, self.day  # noqa: SLF001
        rows: list[list[Row]] = [[] for _ in place]
        for fact in self.case.facts:
            if fact.status in counting:
                at, dated = place[fact.type]
                if dated is None or fact.values.get(dated, 0) <= day:  # type: ignore[operator]  # dates are ordinals
                    rows[at].append((fact.id, fact.values))
        for finding in (*self.grading.findings, *self.grading.consequences):
            rows[place[finding.type][0]].append((finding.id, finding.values))
            self.concluded[finding.id] = finding
        for name, (at, _) in place.items():
            if len(rows[at]) > 1 and self.book.types[name].origin != "fact":
                rows[at].sort(key=_by_id)
        self.t = rows

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

    def _measure(self, *, late: bool, points: Mapping[str, int]) -> dict[str, tuple[MeasureValue, ...]]:
        found: dict[str, tuple[MeasureValue, ...]] = {}
        t, m, p, w, day = self.t, self.m, self.p, self.w, self.day
        for checked in self.checker._measures:  # noqa: SLF001
            if checked.late is not late:
                continue
            name = checked.measure.name
            if checked.per is not None:
                groups = checked.compute_groups(t, p, w, day)
                m[checked.place] = {group: value for group, (value, _, _) in groups}
                found[name] = tuple([MeasureValue(name, v, of, ids, group) for group, (v, of, ids) in groups])
            else:
                if isinstance(checked.measure.body, PointsMeasure):
                    value, of, ids = checked.points(points)
                else:
                    value, of, ids = checked.compute(t, m, p, w, day)
                m[checked.place] = value
                found[name] = (MeasureValue(name, value, of, ids),)
        return found

    def _same_measures(self, measured: Mapping[str, tuple[MeasureValue, ...]]) -> None:
        ours = tuple([value for name in self.book.measures for value in measured[name]])
        if ours != self.grading.measures:
            theirs = [value for value in self.grading.measures if value not in ours]
            self._disagree("measures differ", theirs, [value for value in ours if value not in self.grading.measures])

    def _empty(self, rule: CheckedRule) -> bool:
        m = self.m
        for place in rule.needs:
            if m[place] is None:
                return True
        return any(all(value is None for value in m[place].values()) for place in rule.needs_groups)

    def _applies(self) -> dict[str, str]:
        kind = self.case.producer.kind
        applies: dict[str, str] = {}
        for name, rules in self.checker._standard_rules.items():  # noqa: SLF001
            allowed = self.book.standards[name].applies_to
            if allowed is not None and kind not in allowed:
                applies[name] = "kind"
                continue
            found = "kind" if rules else "yes"
            for rule in rules:
                if rule.rule.applies_to is None or kind in rule.rule.applies_to:
                    found = "nothing_to_measure"
                    if not self._empty(rule):
                        found = "yes"
                        break
            applies[name] = found
        for name, fitting in self.checker._suspensions:  # noqa: SLF001
            if applies[name] != "kind" and fitting(self.t, self.p, self.w, self.day):
                applies[name] = "suspended"
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

    def _rules(self, applies: Mapping[str, str], o: Mapping[str, Any]) -> tuple[Outcome, ...]:
        checker, t, m, p, w, day = self.checker, self.t, self.m, self.p, self.w, self.day
        by_rule = self.by_rule
        present = sum([1 << place for place, rows in enumerate(t) if rows])
        out_of_question = {name for name, why in applies.items() if why in ("kind", "suspended")}
        statuses = [outcomes["not_applicable"] for outcomes in checker._outcomes]  # noqa: SLF001
        matched = 0
        for place, checked in checker._asked[self.case.producer.kind]:  # noqa: SLF001
            rule = checked.rule
            fired: Hits = {}
            status: Status = "not_fired"
            suspended = rule.kind == "standard" and rule.target in out_of_question
            if suspended or ((checked.needs or checked.needs_groups) and self._empty(checked)):
                status = "not_applicable"
            else:
                for needed, way in checked.ways:
                    if needed & present == needed and way(t, m, p, w, day, o, fired):
                        status = "unknown"
            if fired or rule.id in by_rule:
                self._same_firings(rule, fired, by_rule.get(rule.id, ()))
                matched += 1
                status = "fired"
            statuses[place] = checker._outcomes[place][status]  # noqa: SLF001
        if matched != len(by_rule):
            self._disagree("deductions of rules that aren't asked", sorted(by_rule), "rules that apply")
        return tuple(statuses)

    def _same_firings(self, rule: Rule, fired: Hits, mine: Sequence[Deduction]) -> None:
        concludes = rule.kind in ("finding", "consequence")
        same = len(fired) == len(mine)
        for deduction in mine:
            hit = fired.get(deduction.key)
            if hit is None or not same:
                same = False
                break
            premises, points, values = hit
            same = deduction.points == points and deduction.premises == tuple(sorted(premises))
            if concludes:
                finding = self.concluded.get(deduction.concludes)
                same = same and finding is not None and finding.type == rule.target
                same = same and finding is not None and finding.values == _given(values)
            elif deduction.concludes != rule.target:
                same = False
        if not same or len({deduction.key for deduction in mine}) != len(mine):
            theirs = [_firing(d.key, d.premises, d.points, self._values(d)) for d in mine]
            ours = [_firing(key, sorted(ids), points, _given(gives)) for key, (ids, points, gives) in fired.items()]
            self._disagree(
                f"rule `{rule.id}` fired differently",
                sorted(set(theirs) - set(ours)) or theirs,
                sorted(set(ours) - set(theirs)) or ours,
            )
        for deduction in mine:
            told = (deduction.kind, deduction.target, deduction.law, deduction.grade)
            if told != (rule.kind, rule.target, rule.law, rule.grade):
                written = (rule.kind, rule.target, rule.law, rule.grade)
                self._disagree(f"{deduction.id} misquotes rule `{rule.id}`", told, written)

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
