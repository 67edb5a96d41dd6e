"""What can be known to be wrong with the values that a finding or consequence is given."""

from __future__ import annotations

from knowledge.notes import Notes
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import Const, Expr, ProducerTest, Ref, Rule
from knowledge.source import Path


def check_given(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note values that the conclusion's fields can't take: choices that they lack, and what may be missing."""
    if rule.kind not in ("finding", "consequence"):
        return
    fields = rulebook.types[rule.target].fields
    for name, expr in rule.gives.items():
        at, shape = (*path, "gives", name), fields[name]
        source = _field_read(rulebook, rule, expr)
        if shape.type == "choice" and isinstance(expr, Ref) and not _is_choice_of(source, shape):
            notes.add(
                at, "type.mismatch", f"`{name}` may be given what is none of its choices",
                given=_named(expr),
                expected=f"a choice of {', '.join(shape.choices)}", help=f"or let `{name}` be a text",
            )  # fmt: skip
        if not shape.optional and _may_miss(rule, expr, source):
            notes.add(
                at, "type.optional", f"`{name}` is required, and what it is given may be missing",
                given=_named(expr), expected="a value that is always there",
                help=f"test that it is there, or make `{name}` optional in vocabulary.yaml",
            )  # fmt: skip


def _named(expr: Expr) -> str | None:
    return f"{expr.source}.{expr.name}" if isinstance(expr, Ref) else None


def _field_read(rulebook: Rulebook, rule: Rule, expr: Expr) -> Field | None:
    """Return the field whose value is given; None for what is no field's."""
    if isinstance(expr, Const) or expr.source == "as_of":
        return None
    if expr.source == "producer":
        return rulebook.attributes.get(expr.name)
    if expr.source == "measure":
        body = rulebook.measures[expr.name].body
        read = body.field if isinstance(body, Aggregate) and body.how != "distinct" else None
        return rulebook.types[body.pattern.type].fields[read] if isinstance(body, Aggregate) and read else None
    pattern = next(pattern for pattern in rule.for_each if pattern.alias == expr.source)
    return rulebook.types[pattern.type].fields[expr.name]


def _is_choice_of(source: Field | None, shape: Field) -> bool:
    return source is not None and source.type == "choice" and source.choices.keys() <= shape.choices.keys()


def _may_miss(rule: Rule, expr: Expr, source: Field | None) -> bool:
    """Return whether a value may be missing where the rule fires; without a measure it does not fire."""
    if isinstance(expr, Const):
        return False
    if expr.shift is not None and expr.shift.unit == "working_days":
        return True
    if source is None or expr.source == "measure" or not source.optional:
        return False
    if expr.source == "producer":
        tests = [test for clause in rule.when if isinstance(clause, ProducerTest) for test in clause.tests]
    else:
        tests = [test for pattern in rule.for_each if pattern.alias == expr.source for test in pattern.tests]
    sure = [test.op for test in tests if test.name == expr.name and test.op != "missing"]
    return "present" not in sure if rule.unknown_fires else not sure
