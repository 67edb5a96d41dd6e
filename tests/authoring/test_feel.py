"""Numbers of FEEL are carried over exactly, with its functions and conditions; what has no end is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

import pytest

from authoring.dmn import import_dmn
from authoring.dmn_reading import DmnRefused
from tests.authoring.dmn_answers import DAY, Answers

SPACE = 'xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"'
N = Decimal


def deciding(expression: str, **inputs: Any) -> Any:
    """Return what a decision of one expression answers; None: null."""
    kinds = {bool: "boolean", str: "string", date: "date", type(None): "Any"}
    data = "".join(
        f'<inputData name="{name}"><variable typeRef="{kinds.get(type(value), "number")}"/></inputData>'
        for name, value in inputs.items()
    )
    logic = f"<literalExpression><text>{escape(expression)}</text></literalExpression>"
    content = f'<definitions {SPACE} name="T">{data}<decision id="d" name="D">{logic}</decision></definitions>'
    given = {name: value for name, value in inputs.items() if value is not None}
    with Answers(import_dmn(content.encode(), "t.dmn")[0].rulebook) as asked:
        found = asked.of(given)["D"]
    return found[0][1][0] if found else None


@pytest.mark.parametrize(
    ("expression", "inputs", "answer"),
    [
        ("a * 0.15 + 2.5", {"a": N("1234.567891")}, N("187.68518365")),
        ("(a + b) / 2", {"a": N("0.1"), "b": N("0.2")}, N("0.15")),
        ("a * b", {"a": N("1.000001"), "b": N("-2.5")}, N("-2.5000025")),
        ("a - b * 1.5e2", {"a": N(1), "b": N("0.01")}, N("-0.5")),
        ("mean(a, b, 4, 5)", {"a": N(1), "b": N(3)}, N("3.25")),
        ("sum([a, b, 1]) * product(a, 2)", {"a": N("0.5"), "b": N(1)}, N("2.5")),
        ("min(a, b) + max([a, b, 10]) + count([a, b])", {"a": N(1), "b": N(3)}, N(13)),
        ("abs(a) ** 3", {"a": N(-2)}, N(8)),
        ("floor(a / b)", {"a": N(-7), "b": N(2)}, N(-4)),
        ("ceiling(a / b)", {"a": N(-7), "b": N(2)}, N(-3)),
        ("round up(a, 1)", {"a": N("-5.51")}, N("-5.6")),
        ("round down(a, 1)", {"a": N("-5.59")}, N("-5.5")),
        ("round half up(a, 0)", {"a": N("-2.5")}, N(-3)),
        ("round half down(a, 0)", {"a": N("-2.5")}, N(-2)),
        ("decimal(a, 0)", {"a": N("2.5")}, N(2)),
        ("decimal(a, 0)", {"a": N("-3.5")}, N(-4)),
        ("decimal(a / b * 100, 2)", {"a": N(1), "b": N(3)}, N("33.33")),
        ("decimal(a / 7, 3)", {"a": N(-1)}, N("-0.143")),
        ("decimal(a / b, 2)", {"a": N(1), "b": N(0)}, None),
        ("modulo(a, 5)", {"a": N(-12)}, N(3)),
        ("a + b", {"a": N(1), "b": None}, None),
        ("if a > 3 then 1.25 else a / 4", {"a": N(1)}, N("0.25")),
        ("if a > 3 then 1 else 2", {"a": None}, N(2)),
        ('if a >= 90 then "A" else if a >= 60 then "B" else "C"', {"a": N(60)}, "B"),
        ("2 * (if b then 1 else 3) + a", {"a": N(1), "b": False}, N(7)),
        ("a between 1 and 3 and not(b)", {"a": N(2), "b": False}, True),
        ("a in [1..3) or b", {"a": N(3), "b": False}, False),
        ("not(b)", {"b": None}, None),
        ("a > 1 or b", {"a": None, "b": True}, True),
        ("a > 1 and b", {"a": None, "b": True}, None),
        ('list contains(["x", "y"], c)', {"c": "y"}, True),
        ('c in ("x", "y") and c != "y"', {"c": "y"}, False),
        ("odd(a)", {"a": N(-3)}, True),
        ("a / 3 > 5", {"a": N("15.000001")}, True),
        ("a / 3 = 5", {"a": N(15)}, True),
        ("a / b >= 0.3", {"a": N("0.3"), "b": N(-1)}, False),
        ("a / b >= 0.3", {"a": N("-0.3"), "b": N(-1)}, True),
        ("0.3 <= a / b * 2", {"a": N("3"), "b": N(20)}, True),
        ("a / b != 2", {"a": N(1), "b": N(0)}, True),
        ("a / b > 2", {"a": N(1), "b": N(0)}, None),
        ("d < today()", {"d": date(2026, 5, 31)}, True),
        ('d >= today() - duration("P1M")', {"d": date(2026, 5, 1)}, True),
        ('today() > d + duration("P30D")', {"d": date(2026, 5, 2)}, False),
        ('d + @"P1Y" <= today()', {"d": date(2025, 6, 1)}, True),
        ('d = date(2026, 1, 31) + duration("P1M")', {"d": date(2026, 2, 28)}, True),
    ],
)
def test_an_expression_gives_what_feel_says(expression: str, inputs: dict[str, Any], answer: object) -> None:
    assert date(2026, 6, 1) == DAY
    assert deciding(expression, **inputs) == answer


def knowing(functions: dict[str, tuple[str, str]], expression: str, **inputs: Decimal) -> Any:
    """Return what an expression answers that calls functions, each given by its parameters and its own expression."""
    models = "".join(
        f'<businessKnowledgeModel name="{name}"><encapsulatedLogic>'
        + "".join(f'<formalParameter name="{one}"/>' for one in parameters.split())
        + f"<literalExpression><text>{escape(body)}</text></literalExpression></encapsulatedLogic>"
        "</businessKnowledgeModel>"
        for name, (parameters, body) in functions.items()
    )
    data = "".join(f'<inputData name="{name}"><variable typeRef="number"/></inputData>' for name in inputs)
    logic = f"<literalExpression><text>{escape(expression)}</text></literalExpression>"
    content = f'<definitions {SPACE} name="T">{models}{data}<decision id="d" name="D">{logic}</decision></definitions>'
    with Answers(import_dmn(content.encode(), "t.dmn")[0].rulebook) as asked:
        found = asked.of(inputs)["D"]
    return found[0][1][0] if found else None


def test_functions_that_a_file_defines_are_called() -> None:
    functions = {"tax of": ("amount rate", "decimal(amount * rate, 2)"), "net": ("a b", "a - tax of(a, b)")}

    # parameters are named as inputs are, the other way round
    assert knowing(functions, "net(b, a)", a=N("0.075"), b=N("99.99")) == N("92.49")
    assert knowing(functions, "if net(b, a) > 92.49 then 1 else 0", a=N("0.075"), b=N("99.99")) == 0


@pytest.mark.parametrize(
    ("functions", "expression", "why"),
    [
        ({"f": ("x", "x + 1")}, "f(a, a)", "takes 1 single values"),
        ({"f": ("x", "x + 1")}, "f + 1", "is not called here"),
        ({"f": ("x", "sqrt(x)")}, "f(a)", "function `f(…)` is not carried over"),
        ({"f": ("x", 'x + duration("P1D")')}, "f(today()) > today()", "moves a day that is no input"),
        ({f"f{n}": ("x", f"f{n - 1}(x) + f{n - 1}(x)" if n else "x + x") for n in range(9)}, "f8(a)", "`f8(…)` is not"),
        ({"f": ("x", "f(x)")}, "f(a)", "function `f(…)` is not carried over"),
    ],
)
def test_functions_that_can_not_be_called_are_refused(
    functions: dict[str, tuple[str, str]], expression: str, why: str
) -> None:
    with pytest.raises(DmnRefused) as caught:
        knowing(functions, expression, a=N(1))

    assert any(why in one.message for one in caught.value.problems)


def test_a_number_that_is_handed_on_keeps_its_places() -> None:
    assert deciding("a", a=N("1.25")) == N("1.25")
    assert deciding("d", d=date(2026, 1, 2)) == date(2026, 1, 2).toordinal()


def test_inputs_have_fewer_places_where_results_would_have_too_many() -> None:
    assert deciding("a * b * c * 0.25", a=N("1.11"), b=N("2.22"), c=N("3.33")) == N("2.0514465")
