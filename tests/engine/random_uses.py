"""Which constructs of the guide a rule as written uses, and which a grading came to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.grading import Grading
from knowledge.rulebook import Rulebook
from tests.engine.random_conditions import Written, as_operators

TYPES = ("text", "choice", "whole", "decimal", "yes_no", "date")
ORDER_WORDS = ("below", "at_most", "at_least", "above")
DATE_WORDS = ("before", "up_to", "from", "after")
OUTCOMES = ("grade", "score_grade", "veto", "ceiling", "status", "points")
HOWS = ("count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct", "formula", "points_lost")
CONCLUSIONS = ("finding", "standard", "ceiling", "veto", "status", "consequence")
SECTIONS = ("facts", "findings", "consequences")
SIGNS = ("+", "-", "*", "/", "min", "max")
_REFERENCE = re.compile(r"(?:([a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*|as_of)(?: ([+-]) [0-9]+ ([a-z ]+))?")
_AROUND = (
    "for_each", "when", "gives", "lose", "gain", "at_most", "at_best", "grade", "until", "because", "law", "remedy",
    "applies_to", "shares_event",
)  # fmt: skip

RULES = {
    *(f"rule of a {kind}" for kind in CONCLUSIONS),
    *(f"rule with {key}" for key in _AROUND),
    *(f"points: {how}" for how in ("fixed", "steps", "table", "formula")),
    *(f"step of {count} tests" for count in range(3)),
    *(f"given: {what}" for what in ("literal", "measure", "as_of", "alias", "producer")),
    "rule with unknown: fires", "two keys", "key of its own kind", "finding in when alone",
    *(f"pattern of {section}" for section in SECTIONS),
    *(f"absence of {section}" for section in SECTIONS),
    "absence that joins", "pattern inside any", "absence inside any", "any inside any", "fact about everyone",
    *(f"clause: {word}" for word in ("any", "all", "not", "measure", "producer", *DATE_WORDS, *OUTCOMES)),
    *(f"clause: no {word}" for word in OUTCOMES if word != "points"),
    *(f"clause: {word} {some}" for word in ("veto", "ceiling", "status") for some in ("any", "none")),
    *(f"within {unit}" for unit in ("days", "weeks", "months", "years", "working days", "calendar year")),
    *(f"within since {what}" for what in ("literal", "producer", "as_of")),
    "within on", "within of a measure", "active yes", "active no", "lasts until", "lasts through", "lasts",
    *(f"{word} {kind}" for word in ("is", "not") for kind in (*TYPES, "share")),
    *(f"{word} {kind}" for word in ("in", "not_in") for kind in (*TYPES, "share") if kind != "yes_no"),
    *(f"{word} {kind}" for word in ORDER_WORDS for kind in ("whole", "decimal", "share", "choice")),
    *(f"{word} date" for word in DATE_WORDS),
    *(f"present {yes} {kind}" for yes in ("yes", "no") for kind in (*TYPES, "share")),
    "optional field", "personal field", "text in braces",
    *(f"reference to {source}" for source in ("alias", "this", "producer", "as_of")),
    *(f"shift {sign} {unit}" for sign in "+-" for unit in ("days", "weeks", "months", "years", "working days")),
    *(f"measure: {how}" for how in HOWS),
    *(f"measure with {key}" for key in ("where", "among", "active", "within", "per", "when_nothing")),
    *(f"formula with {sign}" for sign in SIGNS),
    *(f"rounding {how}" for how in ("down", "up", "half_up")),
}  # fmt: skip
"""What rules may use; each must come up, and in rules that fired."""

GRADINGS = {
    *(f"rule is {status}" for status in ("fired", "not_fired", "unknown", "not_applicable")),
    *(f"standard {applies}" for applies in ("yes", "kind", "nothing_to_measure", "suspended")),
    "standard suspended by a finding", "finding five deep", "finding that rests on its own kind",
    "cap of a rule", "cap of a standard", "cap of level 1", "cap of level 2", "weight",
    *(f"points {way}, {better} is better" for way in ("lost", "gained") for better in ("higher", "lower")),
    *(f"fraction rounded {how}" for how in ("down", "up", "half_up")),
    "points kept", "floor", "ceiling of the score", *(f"unit of {unit}" for unit in ("whole", "tenths", "hundredths")),
    "demand missed", "worst_single missed", "minimum missed",
    *(f"decisive {kind}" for kind in ("ceiling", "veto", "indicator")),
    "status", "consequence", "measure by group", "remedy that restores",
}  # fmt: skip
"""What gradings must come to."""


class Uses:
    """Reads a written rulebook for the constructs that its rules use."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        self._words: Written = files["vocabulary.yaml"]
        self._measures = {made["measure"]: made for made in files["measures.yaml"]}
        self._rules = [rule for name in files if name.startswith("rules/") for rule in files[name]]

    def by_rule(self) -> dict[str, set[str]]:
        """Return the constructs of each rule by its id."""
        return {rule.get("rule") or _conclusion(rule)[1]: set(self._rule(rule)) for rule in self._rules}

    def _rule(self, rule: Written) -> Iterator[str]:
        kind, target = _conclusion(rule)
        yield f"rule of a {kind}"
        yield from (f"rule with {key}" for key in _AROUND if key in rule and (key != "grade" or kind == "veto"))
        yield from ["rule with unknown: fires"] if rule["unknown"] == "fires" else []
        yield from self._points(rule)
        yield from self._gives(rule)
        keys = rule.get("for_each", {})
        yield from ["two keys"] if len(keys) > 1 else []
        yield from ["key of its own kind"] if target in [pattern["is"] for pattern in keys.values()] else []
        yield from ["finding in when alone"] if "gives" in rule and not keys and "when" in rule else []
        yield from ["text in braces"] if "{" in rule.get("because", "") else []
        for pattern in keys.values():
            yield from self._pattern(pattern, "pattern")
        for clause in rule.get("when", ()):
            yield from self._clause(clause, inside=False)

    def _points(self, rule: Written) -> Iterator[str]:
        points = rule.get("lose", rule.get("gain"))
        if isinstance(points, list):
            yield "points: steps"
            yield from self._measure(rule["measure"])
            for step in points:
                tests = {word: operand for word, operand in step.items() if word != "points"}
                yield f"step of {len(tests)} tests"
                yield from self._tests(self._measured(rule["measure"]), tests) if tests else []
        elif isinstance(points, dict):
            yield "points: table" if "by" in points else "points: formula"
            yield from self._formula(points) if "formula" in points else []
        elif points is not None:
            yield "points: fixed"

    def _gives(self, rule: Written) -> Iterator[str]:
        for given in rule.get("gives", {}).values():
            if isinstance(given, str) and given in self._measures:
                yield "given: measure"
                yield from self._measure(given)
                continue
            source = _source(given)
            yield f"given: {source}" if source in ("as_of", "producer", "literal") else "given: alias"
            yield from _reference(given)

    def _clause(self, clause: Written, *, inside: bool) -> Iterator[str]:
        if "measure" in clause:
            yield "clause: measure"
            yield from self._measure(clause["measure"])
            tests = {word: operand for word, operand in clause.items() if word != "measure"}
            yield from self._tests(self._measured(clause["measure"]), tests)
            return
        for key, value in clause.items():
            outcome = key.removeprefix("no ") in OUTCOMES
            if key in ("any", "all", "not", "producer", *DATE_WORDS) or outcome:
                yield f"clause: {key}"
            if key in ("any", "all", "not"):
                yield from ["any inside any"] if key == "any" and inside else []
                for part in value if isinstance(value, list) else [value]:
                    yield from self._clause(part, inside=inside or key == "any")
            elif key == "producer":
                for name, test in value.items():
                    yield from self._tests(self._words["attributes"].get(name, {"type": "text"}), test)
            elif key in DATE_WORDS:
                yield from _reference(value)
            elif outcome:
                yield from [f"clause: {key} {value}"] if value in ("any", "none") and not key.startswith("no ") else []
            else:
                what = "absence" if key.startswith("no ") else "pattern"
                yield from [f"{what} inside any"] if inside else []
                yield from self._pattern(value, what)

    def _pattern(self, pattern: Written, what: str) -> Iterator[str]:
        section = next(name for name in SECTIONS if pattern["is"] in self._words[name])
        kind = self._words[section][pattern["is"]]
        yield f"{what} of {section}"
        yield from ["fact about everyone"] if "about" in kind else []
        used = set(self._looked_at(pattern, kind))
        yield from ["absence that joins"] if what == "absence" and "reference to alias" in used else []
        yield from used

    def _looked_at(self, looked: Written, kind: Written) -> Iterator[str]:
        """Yield what a pattern or aggregate asks of facts of a type."""
        for name, test in {**looked.get("where", {}), **looked.get("among", {})}.items():
            yield from self._tests(_full(kind["fields"][name]), test)
        if "active" in looked:
            yield f"active {'no' if looked['active'] == 'no' else 'yes'}"
            yield " ".join(["lasts", *(key for key in kind["lasts"] if key != "from")])
        if "within" in looked:
            yield from _window(looked)

    def _measured(self, name: str) -> Written:
        """Return what a measure's value looks like, as a field."""
        made = self._measures[name]
        how = next(how for how in HOWS if how in made)
        of = made[how]
        if isinstance(of, dict) and "field" in of and how != "distinct":
            section = next(name for name in SECTIONS if of["of"] in self._words[name])
            return _full(self._words[section][of["of"]]["fields"][of["field"]])
        return {"type": "share" if how == "share" else "whole"}

    def _measure(self, name: str) -> Iterator[str]:
        made = self._measures[name]
        how = next(how for how in HOWS if how in made)
        yield f"measure: {how}"
        yield from (f"measure with {key}" for key in ("within", "per", "when_nothing") if key in made)
        if how == "formula":
            yield from self._formula(made)
        elif how != "points_lost":
            of = made[how] if isinstance(made[how], dict) else {"of": made[how]}
            yield from (f"measure with {key}" for key in ("where", "among", "active") if key in of)
            section = next(name for name in SECTIONS if of["of"] in self._words[name])
            yield from self._looked_at(of, self._words[section][of["of"]])
            yield from ["within of a measure", *_window(made)] if "within" in made else []

    def _formula(self, written: Written) -> Iterator[str]:
        yield from (f"formula with {sign}" for sign in SIGNS if sign in written["formula"])
        yield from [f"rounding {written['rounding']}"] if "rounding" in written else []
        for name in re.findall(r"[a-z][a-z0-9_.]*", written["formula"]):
            yield from self._measure(name) if name in self._measures else []

    @staticmethod
    def _tests(shape: Written, written: Any) -> Iterator[str]:
        kind = shape["type"]
        yield from ["optional field"] if shape.get("optional") in ("yes", True) else []
        yield from ["personal field"] if shape.get("personal") == "yes" else []
        for word, operand in as_operators(written).items():
            if word == "present":
                yield f"present {'yes' if operand in ('yes', True) else 'no'} {kind}"
            else:
                yield f"{word} {kind}"
                yield from _reference(operand)


def came_to(rulebook: Rulebook, grading: Grading) -> Iterator[str]:
    """Yield what a grading came to."""
    yield from (f"rule is {outcome.status}" for outcome in grading.outcomes)
    yield from (f"standard {standard.applies}" for standard in grading.standards)
    yield from ["measure by group"] if any(measured.group is not None for measured in grading.measures) else []
    yield from (f"decisive {limit.kind}" for limit in (*grading.ceilings, *grading.vetoes) if limit.decisive)
    yield from ["minimum missed"] if any(limit.kind == "indicator" for limit in grading.ceilings) else []
    yield from ["status"] if grading.statuses else []
    yield from ["consequence"] if grading.consequences else []
    yield from ["remedy that restores"] if any(offer.points for offer in grading.remedies) else []
    kinds = {finding.id: finding.type for finding in grading.findings}
    for deduction in grading.deductions:
        yield from ["finding five deep"] if deduction.target == "finding5" else []
        own = deduction.kind == "finding" and deduction.target in [kinds.get(premise) for premise in deduction.premises]
        yield from ["finding that rests on its own kind"] if own else []
    yield from _caps(rulebook, grading)
    yield from _score(rulebook, grading)


def _caps(rulebook: Rulebook, grading: Grading) -> Iterator[str]:
    asked: dict[str, int] = {}
    for deduction in grading.deductions:
        asked[deduction.rule] = asked.get(deduction.rule, 0) + deduction.points
    for rule in rulebook.rules:
        yield from ["cap of a rule"] if rule.at_most is not None and asked.get(rule.id, 0) > rule.at_most else []
    for standard in grading.standards:
        yield from ["cap of a standard"] if standard.asked > standard.points else []
        yield from ["standard suspended by a finding"] if standard.applies == "suspended" else []
    points = {standard.id: standard.points for standard in grading.standards}
    points |= {indicator.id: indicator.points for indicator in grading.indicators}
    parents: dict[str, str | None] = {name: standard.indicator for name, standard in rulebook.standards.items()}
    parents |= {name: indicator.parent for name, indicator in rulebook.indicators.items()}
    for indicator in rulebook.indicators.values():
        below = sum(points[name] for name, parent in parents.items() if parent == indicator.id)
        yield from [f"cap of level {indicator.level}"] if points[indicator.id] < below else []
        yield from ["weight"] if points[indicator.id] and indicator.weight > 1 else []


def _score(rulebook: Rulebook, grading: Grading) -> Iterator[str]:
    scoring, score = rulebook.scoring, grading.score
    if score.points:
        yield f"points {scoring.direction}, {scoring.better} is better"
        yield f"unit of {scoring.unit}"
    if score.applicable < score.total and score.points:
        yield f"fraction rounded {scoring.rounding}"
    applies = all(standard.applies == "yes" for standard in grading.standards)
    if not applies and scoring.not_applicable == "keeps_its_points":
        yield "points kept"
    change = -score.points if scoring.direction == "lost" else score.points
    if score.applicable == score.total and score.value != scoring.start + change:
        yield "floor" if score.value == scoring.floor else "ceiling of the score"
    for band in rulebook.bands:
        if band.grade == grading.score_grade:
            break
        bound = band.low if scoring.better == "higher" else band.high
        if bound is not None and (score.value >= bound if scoring.better == "higher" else score.value <= bound):
            yield from ["demand missed"] if band.demands and band.worst_single is None else []
            yield from ["worst_single missed"] if band.worst_single is not None and not band.demands else []


def _conclusion(rule: Written) -> tuple[str, str]:
    return next((kind, rule[kind]) for kind in CONCLUSIONS if kind in rule)


def _full(shape: Any) -> Written:
    return {"type": shape} if isinstance(shape, str) else shape


def _source(operand: Any) -> str:
    """Return whence an operand is read: an alias, `this`, `producer`, `as_of`, or `literal`."""
    found = _REFERENCE.fullmatch(operand) if isinstance(operand, str) else None
    return "literal" if found is None else found[1] or "as_of"


def _reference(operand: Any) -> Iterator[str]:
    source = _source(operand)
    if source != "literal":
        yield f"reference to {source if source in ('this', 'producer', 'as_of') else 'alias'}"
        found = _REFERENCE.fullmatch(operand)
        yield from [f"shift {found[2]} {_unit(found[3])}"] if found is not None and found[2] else []


def _window(looked: Written) -> Iterator[str]:
    within = looked["within"]
    if isinstance(within, dict):
        source = _source(within["since"])
        yield f"within since {source}"
    else:
        yield "within calendar year" if within == "calendar year" else f"within {_unit(within.partition(' ')[2])}"
    yield from ["within on"] if "on" in looked else []


def _unit(words: str) -> str:
    return words if words.endswith("s") else f"{words}s"
