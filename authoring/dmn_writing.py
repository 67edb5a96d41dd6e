"""Steps, points by choice and grades of a rulebook as DMN decision tables; what no table says is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from typing import Final

from knowledge.problems import Problem
from knowledge.rulebook import Measure, Rulebook
from knowledge.rules import Const, FixedPoints, Op, Rule, Scalar, SteppedPoints, TablePoints, Test, Value

SPACE: Final = "https://www.omg.org/spec/DMN/20191111/MODEL/"
_SIGNS: Final[dict[Op, str]] = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TYPES: Final[dict[Scalar, str]] = {
    "text": "string", "choice": "string", "whole": "number", "decimal": "number", "share": "number",
    "yes_no": "boolean", "date": "date",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    about: str
    input: str
    input_type: str
    output: str
    output_type: str
    rows: tuple[tuple[str, str, str], ...]
    """Test, result, annotation."""
    policy: str = "FIRST"


def export_dmn(rulebook: Rulebook) -> tuple[bytes, tuple[Problem, ...]]:
    """Return the tables of a rulebook as DMN 1.3, and what of its rules and grades they don't say.

    Steps become tables of the hit policy first over their measure, points by choice tables of the hit policy unique,
    grades a table over the score. Shares are fractions: 70 % is 0.7.
    """
    notes: list[Problem] = []
    tables = [table for rule in rulebook.rules if (table := _of_rule(rulebook, rule, notes)) is not None]
    tables.append(_grades(rulebook, notes))
    inputs = {table.input: table.input_type for table in tables}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    identity = f'id="{_id(rulebook.id)}" name="{_text(rulebook.title.zh)}" namespace="urn:sha256:{rulebook.sha256}"'
    lines.append(f'<definitions xmlns="{SPACE}" {identity}>')
    lines.append(f"  <description>{_text(_about(rulebook))}</description>")
    numbers = {name: f"input_{number}" for number, name in enumerate(inputs, 1)}
    for name, type_ in inputs.items():
        variable = f'<variable name="{_text(name)}" typeRef="{type_}"/>'
        lines.append(f'  <inputData id="{numbers[name]}" name="{_text(name)}">{variable}</inputData>')
    for number, table in enumerate(tables, 1):
        lines += _decision(table, f"decision_{number}", numbers[table.input])
    return "\n".join([*lines, "</definitions>", ""]).encode(), tuple(notes)


def _about(rulebook: Rulebook) -> str:
    notice = "" if rulebook.notice is None else rulebook.notice.zh
    return f"{rulebook.id}@{rulebook.version} {notice}".strip()


def _decision(table: _Table, identity: str, needed: str) -> Iterator[str]:
    yield f'  <decision id="{identity}" name="{_text(table.name)}">'
    yield f"    <description>{_text(table.about)}</description>"
    yield f'    <variable name="{_text(table.name)}" typeRef="{table.output_type}"/>'
    yield f'    <informationRequirement id="{identity}_r"><requiredInput href="#{needed}"/></informationRequirement>'
    yield f'    <decisionTable id="{identity}_t" hitPolicy="{table.policy}">'
    expression = f'<inputExpression typeRef="{table.input_type}"><text>{_text(table.input)}</text></inputExpression>'
    yield f'      <input id="{identity}_i">{expression}</input>'
    yield f'      <output id="{identity}_o" name="{_text(table.output)}" typeRef="{table.output_type}"/>'
    yield '      <annotation name="note"/>'
    for number, (test, result, note) in enumerate(table.rows, 1):
        yield f'      <rule id="{identity}_{number}">'
        yield f'        <inputEntry id="{identity}_{number}_i"><text>{_text(test)}</text></inputEntry>'
        yield f'        <outputEntry id="{identity}_{number}_o"><text>{_text(result)}</text></outputEntry>'
        yield f"        <annotationEntry><text>{_text(note)}</text></annotationEntry>"
        yield "      </rule>"
    yield "    </decisionTable>"
    yield "  </decision>"


def _of_rule(rulebook: Rulebook, rule: Rule, notes: list[Problem]) -> _Table | None:
    def left_out(message: str) -> None:
        notes.append(Problem(rule.source, "dmn.left_out", f"rule `{rule.id}`: {message}", rule.id))

    points = rule.points
    label = rulebook.standards[rule.target].label.zh if rule.target in rulebook.standards else rule.target
    match points:
        case SteppedPoints(measure=name, steps=steps):
            measure = rulebook.measures[name]
            rows = [(_tests(step.tests, measure), str(step.points), "") for step in steps]
            table = _Table(
                f"{rule.id} points", f"{label}:{measure.label.zh}", name, _TYPES[measure.type], "points", "number",
                (*rows, ("-", "0", "")),
            )  # fmt: skip
        case TablePoints(by=by, points=amounts):
            rows = [(_literal(choice, "choice", 0), str(amount), "") for choice, amount in amounts.items()]
            others = f"not({', '.join(test for test, _, _ in rows)})"
            table = _Table(
                f"{rule.id} points", label, f"{rule.id} {by.name}", "string", "points", "number",
                (*rows, (others, "0", "")), "UNIQUE",
            )  # fmt: skip
        case _:
            what = "its points are fixed" if isinstance(points, FixedPoints) else "it holds no table"
            left_out(f"{what}; its conditions are no decision table")
            return None
    if rule.for_each or rule.when or rule.applies_to is not None:
        left_out("only its points are a table; when and for whom it holds is not in it")
    if rule.at_most is not None:
        left_out(f"the most that it takes in all, {rule.at_most}, is not in its table")
    return table


def _tests(tests: Sequence[Test], measure: Measure) -> str:
    """Return the tests of a step as one unary test."""
    if not tests:
        return "-"
    parts = [_test(test, measure) for test in tests]
    if len(parts) == 1:
        return parts[0]
    ends = {test.op: part.split(" ", 1)[1] for test, part in zip(tests, parts, strict=True) if test.op in _SIGNS}
    if len(ends) == len(tests) == 2:
        low = next((op for op in ("ge", "gt") if op in ends), None)
        high = next((op for op in ("le", "lt") if op in ends), None)
        if low and high:
            return f"{'[' if low == 'ge' else '('}{ends[low]}..{ends[high]}{']' if high == 'le' else ')'}"
    return " and ".join(
        f"? {part}" if test.op in _SIGNS else f"? in ({part})" for test, part in zip(tests, parts, strict=True)
    )


def _test(test: Test, measure: Measure) -> str:
    operand = test.operand
    values = operand if isinstance(operand, tuple) else (operand.value,) if isinstance(operand, Const) else ()
    shown = ", ".join(_literal(value, measure.type, measure.places) for value in values)
    match test.op:
        case "eq" | "in":
            return shown
        case "ne" | "not_in":
            return f"not({shown})"
        case "missing":
            return "null"
        case "present":
            return "not(null)"
        case op:
            return f"{_SIGNS[op]} {shown}"


def _literal(value: Value, type_: Scalar, places: int) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case _ if type_ == "date":
            return f'date("{date.fromordinal(value).isoformat()}")'
        case _:
            exact = Decimal(value).scaleb(-(4 if type_ == "share" else places)).normalize()
            return f"{exact:f}"


def _grades(rulebook: Rulebook, notes: list[Problem]) -> _Table:
    rows = []
    for band in rulebook.bands:
        test = "-" if band.low is None and band.high is None else ""
        if rulebook.scoring.better == "higher":
            test = test or (f">= {band.low}" if band.low is not None else "-")
        else:
            test = test or (f"<= {band.high}" if band.high is not None else "-")
        rows.append((test, _literal(band.grade, "text", 0), band.word.zh))
        if band.demands or band.worst_single is not None:
            message = f"grade `{band.grade}` asks for more than a total, which is not in the table"
            notes.append(Problem("bands.yaml:1:1", "dmn.left_out", message, band.grade))
    if rulebook.ceilings or rulebook.vetoes:
        message = "ceilings and vetoes, which lower the grade by score, are not in the table"
        notes.append(Problem("bands.yaml:1:1", "dmn.left_out", message))
    return _Table("grade by score", "得分等级", "score", "number", "grade", "string", tuple(rows))


def _text(text: str) -> str:
    return escape(" ".join(text.split()))


def _id(text: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in f"r_{text}")
