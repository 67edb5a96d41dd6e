"""DMN tables become rulebooks that answer the same; tables of rulebooks become DMN; nothing is dropped in silence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from authoring import dmn_rules
from authoring.dmn import import_dmn
from authoring.dmn_reading import DmnRefused
from authoring.dmn_writing import export_dmn
from authoring.feel import FeelError, read_expression, read_tests
from authoring.safe_xml import XmlRefused
from knowledge.loader import check_rulebook, load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.rules import Const, SteppedPoints
from knowledge.rules import Test as Comparison
from tests.authoring.dmn_answers import Answers
from tests.authoring.random_dmn import Drawn

ROOT = Path(__file__).parents[2]
NIGHTLY = os.environ.get("SHUOLI_NIGHTLY") == "1"
SPACE = 'xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"'
N = Decimal
RARE = ("more than 256 alternatives", "can ever match")


def definitions(*parts: str, inputs: str = "") -> bytes:
    data = "".join(f'<inputData id="{part}" name="{part}"/>' for part in inputs.split())
    return f'<definitions {SPACE} name="T">{data}{"".join(parts)}</definitions>'.encode()


def table(
    name: str, policy: str, columns: list[str], rows: Sequence[tuple[str, ...]], output: str = "<output/>"
) -> str:
    inputs = "".join(f"<input><inputExpression><text>{one}</text></inputExpression></input>" for one in columns)
    width = len(columns)
    lines = "".join(
        "<rule>"
        + "".join(f"<inputEntry><text>{cell}</text></inputEntry>" for cell in row[:width])
        + "".join(f"<outputEntry><text>{cell}</text></outputEntry>" for cell in row[width:])
        + "</rule>"
        for row in rows
    )
    inside = f"<decisionTable {policy}>{inputs}{output}{lines}</decisionTable>"
    return f'<decision id="{name}" name="{name}">{inside}</decision>'


def answers(content: bytes, *cases: dict[str, Any], of: str) -> list[Any]:
    """Return for each case the one answer of a decision: a value, or None; or the list of its answers."""
    with Answers(import_dmn(content, "t.dmn")[0].rulebook) as asked:
        found = [asked.of(case)[of] for case in cases]
    return [[values[0] for _, values in one] for one in found]


def refused(content: bytes) -> list[str]:
    with pytest.raises(DmnRefused) as caught:
        import_dmn(content, "t.dmn")
    return [f"{problem.place} {problem.code}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize("seed", range(3000) if NIGHTLY else range(40))
def test_drawn_tables_answer_as_their_own_evaluator_does(seed: int) -> None:
    drawn = Drawn(seed)
    try:
        rulebook = import_dmn(drawn.xml(), "drawn.dmn")[0].rulebook
    except DmnRefused as error:
        assert all(any(why in one.message for why in RARE) for one in error.problems)  # noqa: PT017  named
        pytest.skip("a row has too many alternatives, or a table none")
    with Answers(rulebook) as asked:
        for _ in range(12):
            inputs = drawn.inputs()
            assert asked.of(inputs) == {name: as_list(value) for name, value in drawn.answers(inputs).items()}, inputs


def as_list(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [] if answer is None else [(0, answer)]


def test_a_table_of_the_standard_with_ranges_of_all_kinds() -> None:
    rows = [("&lt;18", '"child"'), ("[18..65)", '"adult"'), ("&gt;=65", '"senior"')]
    content = definitions(table("Group", 'hitPolicy="UNIQUE"', ["Age"], rows), inputs="Age")

    found = answers(content, *({"Age": N(age)} for age in ("17.999999", 18, 64, 65)), {}, of="Group")

    assert found == [["child"], ["adult"], ["adult"], ["senior"], []]


def test_two_rows_that_match_leave_a_unique_table_without_answer() -> None:
    content = definitions(table("D", "", ["a"], [("&gt; 1", "1"), ("&gt; 5", "2")]), inputs="a")

    assert answers(content, {"a": N(3)}, {"a": N(7)}, of="D") == [[N(1)], []]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ('hitPolicy="FIRST"', [N(3)]),
        ('hitPolicy="RULE ORDER"', [N(3), N(5), N(3)]),
        ('hitPolicy="COLLECT"', [N(3), N(5), N(3)]),
        ('hitPolicy="COLLECT" aggregation="SUM"', [N(11)]),
        ('hitPolicy="COLLECT" aggregation="MIN"', [N(3)]),
        ('hitPolicy="COLLECT" aggregation="MAX"', [N(5)]),
        ('hitPolicy="COLLECT" aggregation="COUNT"', [N(3)]),
        ('hitPolicy="ANY"', []),
    ],
)
def test_each_hit_policy_over_the_same_rows(policy: str, found: list[Decimal]) -> None:
    rows = [("&gt; 0", "3"), ("&gt; 1", "5"), ("&gt; 2", "3"), ("&gt; 99", "8")]
    content = definitions(table("D", policy, ["a"], rows), inputs="a")

    assert answers(content, {"a": N(7)}, of="D") == [found]


def test_nothing_that_matches_has_no_sum_and_counts_zero() -> None:
    summed = definitions(table("D", 'hitPolicy="COLLECT" aggregation="SUM"', ["a"], [("&gt; 0", "3")]), inputs="a")
    counted = definitions(table("D", 'hitPolicy="COLLECT" aggregation="COUNT"', ["a"], [("&gt; 0", "3")]), inputs="a")

    assert answers(summed, {"a": N(0)}, of="D") == [[]]
    assert answers(counted, {"a": N(0)}, of="D") == [[N(0)]]


def test_a_row_whose_alternatives_hold_together_matches_once() -> None:
    rows = [("&gt; 1, &gt; 3", "7"), ("&gt; 2", "1")]
    content = definitions(table("D", 'hitPolicy="COLLECT" aggregation="SUM"', ["a + b"], rows), inputs="a b")

    assert answers(content, {"a": 5, "b": 5}, of="D") == [[N(8)]]


def test_priority_goes_by_the_order_of_output_values() -> None:
    output = '<output><outputValues><text>"refuse", "look, again", "grant"</text></outputValues></output>'
    rows = [("&gt; 0", '"grant"'), ("&gt; 5", '"refuse"'), ("&gt; 3", '"look, again"')]
    content = definitions(table("D", 'hitPolicy="PRIORITY"', ["a"], rows, output), inputs="a")

    assert answers(content, {"a": N(1)}, {"a": N(4)}, {"a": N(9)}, of="D") == [["grant"], ["look, again"], ["refuse"]]


def test_output_order_lists_by_the_order_of_output_values() -> None:
    output = '<output><outputValues><text>"refuse", "look", "grant"</text></outputValues></output>'
    rows = [("&gt; 0", '"grant"'), ("&gt; 5", '"refuse"'), ("&gt; 3", '"look"'), ("&gt; 4", '"refuse"')]
    content = definitions(table("D", 'hitPolicy="OUTPUT ORDER"', ["a"], rows, output), inputs="a")

    assert answers(content, {"a": N(9)}, {"a": N(4)}, of="D") == [
        ["refuse", "refuse", "look", "grant"],
        ["look", "grant"],
    ]


def test_a_table_feeds_another_and_arithmetic_is_exact() -> None:
    risk = table("Risk", 'hitPolicy="FIRST"', ["debt * 3"], [("&gt; income", '"high"'), ("-", '"low"')])
    rows = [('"high"', "-(debt + 1) * 2"), ('not("high")', "income - debt")]
    content = definitions(risk, table("Fee", "", ["Risk"], rows), inputs="debt income")

    found = answers(content, {"debt": 4, "income": 11}, {"debt": 4, "income": 12}, {"debt": 4}, of="Fee")

    assert found == [[N(-10)], [N(8)], [None]]


def test_inputs_are_compared_with_each_other() -> None:
    rows = [("&lt; limit", '"under"'), ("limit", '"at"'), ("not(limit)", '"other"')]
    content = definitions(table("D", 'hitPolicy="FIRST"', ["amount"], rows)).replace(
        b"<decision ", b'<inputData name="amount"/><inputData name="limit"/><decision '
    )

    cases: list[dict[str, Any]] = [{"amount": 1, "limit": 2}, {"amount": 2, "limit": 2}, {}, {"amount": 2}]
    assert answers(content, *cases, of="D") == [["under"], ["at"], ["at"], ["other"]]


def test_texts_are_compared_with_each_other() -> None:
    data = "".join(f'<inputData name="{name}"><variable typeRef="string"/></inputData>' for name in ("one", "two"))
    content = definitions(data, table("D", 'hitPolicy="FIRST"', ["one"], [("two", "1"), ("-", "2")]))

    cases: list[dict[str, Any]] = [{"one": "a.b", "two": "a.b"}, {"one": "x", "two": "y"}, {}, {"one": "x"}]
    assert answers(content, *cases, of="D") == [[N(1)], [N(2)], [N(1)], [N(2)]]


def test_one_of_several_outputs_feeds_another_table() -> None:
    output = '<output name="rate"/><output name="word"/>'
    first = table("Terms", 'hitPolicy="FIRST"', ["a"], [("&gt; 5", "3", '"long"'), ("-", "1", '"short"')], output)
    content = definitions(first, table("D", "", ["Terms.word", "Terms.rate"], [('"long"', "[2..4]", "9")]), inputs="a")

    assert answers(content, {"a": N(6)}, {"a": N(5)}, of="D") == [[N(9)], []]


def test_the_example_of_the_documentation() -> None:
    content = (ROOT / "examples/dmn/sampling.dmn").read_bytes()
    cases: list[dict[str, Any]] = [
        {"信用等级": "E", "不合格次数": 0, "风险品种": False, "全年批次": 100},
        {"信用等级": "B", "不合格次数": 2, "风险品种": True, "全年批次": 101},
        {"信用等级": "A", "不合格次数": 2, "风险品种": False, "全年批次": 50},
        {"信用等级": "C", "不合格次数": 0, "风险品种": True},
        {},
    ]

    assert answers(content, *cases, of="监管类别") == [["重点"], ["重点"], ["一般"], ["简化"], ["一般"]]
    assert answers(content, *cases, of="抽检次数") == [[N(4)], [N(7)], [N(1)], [N(3)], [N(1)]]


def test_names_that_would_meet_are_kept_apart() -> None:
    tables = [table("Risk", "", ["a"], [("&gt; 1", "1")]), table("Risk row", "", ["Risk + Risk_answer"], [("3", "2")])]
    content = definitions(*tables, table("outcome", "", ["Risk row"], [("2", "5")]), inputs="a Risk_answer")

    assert answers(content, {"a": N(2), "Risk_answer": 2}, of="outcome") == [[N(5)]]


def test_null_negation_and_dates() -> None:
    rows = [("null", "1"), ('not(date("2026-01-01"))', "2"), ('@"2026-01-01"', "3")]
    content = definitions(table("D", 'hitPolicy="FIRST"', ["on"], rows), inputs="on")

    assert answers(content, {}, {"on": date(2026, 1, 2)}, {"on": date(2026, 1, 1)}, of="D") == [[N(1)], [N(2)], [N(3)]]


def test_a_question_mark_stands_for_the_input() -> None:
    rows = [("? &gt; 3 and ? &lt; 5 or ? = 9", "1"), ("? in (1, [6..7])", "2")]
    content = definitions(table("D", 'hitPolicy="FIRST"', ["a"], rows), inputs="a")

    found = answers(content, *({"a": N(a)} for a in (4, 9, 5, 1, "6.5")), of="D")

    assert found == [[N(1)], [N(1)], [], [N(2)], [N(2)]]


def test_an_imported_rulebook_loads_from_its_files(tmp_path: Path) -> None:
    imported, folder = import_dmn(Drawn(3).xml(), "drawn.dmn")[0], tmp_path / "drawn" / "1"
    for name, text in imported.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    rulebook, problems = check_rulebook(folder)

    assert problems == ()
    assert rulebook is not None
    assert rulebook.sha256 == imported.rulebook.sha256


def test_what_changes_no_answer_is_left_out_and_named() -> None:
    content = definitions(
        "<extensionElements/>",
        table("D", "", ["a"], [("1", "2")]).replace(
            "</input>", "<inputValues><text>[0..9]</text></inputValues></input>"
        ),
        inputs="a",
    )

    notes = import_dmn(content, "t.dmn")[1]

    assert [(note.code, note.message) for note in notes] == [
        ("dmn.left_out", "`inputValues` is left out: values that an input may have are not checked"),
        ("dmn.left_out", "`extensionElements` is left out: it says nothing of the answers"),
        ("dmn.left_out", "`a` takes numbers of at most 6 decimal places, up to 9007199254"),
    ]


def test_inputs_of_which_fewer_values_are_taken_are_named() -> None:
    content = definitions(table("D", "", ["a + 1", "b"], [("3", "&lt; 0.12345678", "2")]), inputs="a b")

    assert [(note.place, note.message) for note in import_dmn(content, "t.dmn")[1]] == [
        ("t.dmn:1:76", "`a` takes numbers of at most 8 decimal places, up to 90071992"),
        ("t.dmn:1:104", "`b` takes numbers of at most 8 decimal places, up to 90071992"),
    ]


def test_annotations_become_comments() -> None:
    content = definitions(table("D", "", ["a"], [("1", "2")]), inputs="a")
    content = content.replace(b"</rule>", "<annotationEntry><text>为何如此</text></annotationEntry></rule>".encode())

    assert "# 为何如此\n" in import_dmn(content, "t.dmn")[0].files["rules/d.yaml"]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("upper(a)", "function `upper(…)` is not carried over"),
        ("b", "`b` is no variable here, or is not carried over"),
        ("2 ** a", "only the powers 2, 3 and 4 are carried over"),
        ("a = 1", "a condition in a cell speaks of the value as `?`"),
        ("+".join("1" * 102), "an expression has at most 100 signs"),
        ("(if a = 1 then 1 else 2) * " * 7 + "1", "it comes to more than 64 cases"),
        ("max(", "a value is expected, and `the end` stands there"),
        ("decimal(a, a)", "`decimal(…)` is not carried over with these arguments"),
        ("1e99", "numbers have at most 16 digits"),
        ('@"2026-02-30"', '`@"2026-02-30"` is no date'),
        ("&lt; ", "a value is expected, and `the end` stands there"),
        ("[1..2", "`]` or `[` or `)` is expected, and `the end` stands there"),
        ('duration("P1D")', "a duration by itself is not carried over"),
        ('duration("PT1H")', "is no duration of whole years, months or days"),
        ('a + duration("P1D") - duration("P1M")', "a day is moved by one duration"),
        ("1" * 20, "numbers have at most 16 digits"),
        ("(" * 60 + "1", "it nests deeper than 32"),
        ("-" * 60 + "1", "it nests deeper than 32"),
        ("#", "`#` can't be read"),
    ],
)
def test_expressions_that_are_not_carried_over_are_named_with_their_place(cell: str, why: str) -> None:
    (found,) = refused(definitions(table("D", "", ["a"], [(cell, "1")]), inputs="a"))

    assert found.startswith("t.dmn:1:")
    assert " dmn.not_carried: " in found
    assert found.endswith(why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (definitions('<decision id="x" name="x"><context/></decision>'), "`context` is not carried over"),
        (definitions('<import name="x"/>', table("D", "", ["a"], [("1", "2")]), inputs="a"), "`import` is not carried"),
        (definitions(table("D", 'hitPolicy="SOME"', ["a"], [("1", "2")]), inputs="a"), "hit policy `SOME` is not"),
        (
            definitions(table("D", 'expressionLanguage="juel"', ["a"], [("1", "2")]), inputs="a"),
            "expressions in `juel`",
        ),
        (definitions(table("D", "", ["a / b"], [("b / a", "2")]), inputs="a b"), "two quotients are compared"),
        (definitions(table("D", "", ["a / b * 3"], [("1", "2")]), inputs="a b"), "a quotient may have digits without"),
        (definitions(table("D", "", ["a"], [("-", "a / 3")]), inputs="a"), "a division by 3 may have digits without"),
        (definitions(table("D", "", ["a"], [("-", "1 / a")]), inputs="a"), "a quotient may have digits without end"),
        (definitions(table("D", "", ["a"], [("1", "a * 0.00000000000001")]), inputs="a"), "decimal places, and values"),
        (definitions(table("D", "", ["a"], [("[2..1]", "1")]), inputs="a"), "no row of `D` can ever match"),
        (definitions(table("D", "", ["a"], [("1", "2", "3")]), inputs="a"), "another number of cells"),
        (
            definitions(table("D", "", ["a"], [("1", "2")]), inputs="a").replace(
                b" name=", b' expressionLanguage="javascript" name=', 1
            ),
            "expressions in `javascript`",
        ),
        (definitions(table("D", "", ["a"], [("1", "2"), ("2", '"x"')]), inputs="a"), "mixes number and text"),
        (definitions(table("D", "", ["a"], [("1", "2"), ('"x"', "2")]), inputs="a"), "`x` is not of the kind"),
        (definitions(), "the file decides nothing"),
    ],
)
def test_what_no_rulebook_says_is_named(content: bytes, why: str) -> None:
    assert any(why in found for found in refused(content))


def test_tables_that_wait_for_each_other_are_refused() -> None:
    one, other = table("A", "", ["B"], [("1", "2")]), table("B", "", ["A"], [("1", "2")])
    need = '<informationRequirement><requiredDecision href="#{}"/></informationRequirement><decisionTable'
    content = definitions(
        one.replace("<decisionTable", need.format("B")), other.replace("<decisionTable", need.format("A"))
    )

    assert any("decisions wait for each other: A, B" in found for found in refused(content))


@pytest.mark.parametrize(
    ("content", "code", "at"),
    [
        (b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<d>&x;</d>', "xml.doctype", "t.dmn:1:13"),
        (b'<!DOCTYPE d SYSTEM "http://evil.example/x.dtd"><d/>', "xml.doctype", "t.dmn:1:47"),
        (
            b'<?xml version="1.0"?>\n <!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><d>&b;</d>',
            "xml.doctype",
            "t.dmn:2:14",
        ),
        (b"<a>" * 1000 + b"</a>" * 1000, "xml.too_deep", "t.dmn:1:301"),
        (b"<a><b></a>", "xml.syntax", "t.dmn:1:9"),
        (b"", "xml.syntax", "t.dmn:1:1"),
        (b"\xff\xfe\x00", "xml.syntax", "t.dmn:1:2"),
    ],
)
def test_harmful_xml_is_refused_with_its_place(content: bytes, code: str, at: str) -> None:
    with pytest.raises(XmlRefused) as caught:
        import_dmn(content, "t.dmn")

    assert [(one.code, one.place) for one in caught.value.problems] == [(code, at)]


def test_what_is_no_dmn_too_large_or_too_old_is_refused() -> None:
    assert refused(b"<definitions/>")[0].startswith("t.dmn:1:1 dmn.version: ")
    assert refused(definitions().replace(b"20191111", b"20091111"))[0].startswith("t.dmn:1:1 dmn.version: ")
    with pytest.raises(DmnRefused, match="at most 10000000"):
        import_dmn(b" " * 10_000_001, "t.dmn")


def test_names_that_turn_the_direction_are_refused() -> None:
    content = f'<definitions {SPACE} name="T"><inputData name="a\u202eb"/></definitions>'.encode()

    assert any("invisible character U+202E" in found for found in refused(content))


@pytest.mark.parametrize("harm", ["\u202e", "\u200b", "\u2066"])
def test_texts_that_nobody_sees_are_refused_with_their_place(harm: str) -> None:
    shown = table("D", "", ["a"], [(f'"x{harm}y"', "1"), ('"z"', "2")])
    noted = shown.replace(harm, "").replace("</rule>", f"<description>see{harm}</description></rule>", 1)

    for content in (shown, noted):
        (found,) = refused(definitions(content, inputs="a"))
        assert found.startswith("t.dmn:1:")
        assert found.endswith(f"yaml.character: a text holds the invisible character U+{ord(harm):04X}")


@pytest.mark.parametrize(
    ("other", "how"), [("Amount", "is that of line 1"), ("\u0410mount", "looks like `Amount` in line 1")]
)
def test_names_that_are_the_same_or_look_so_are_refused(other: str, how: str) -> None:
    content = definitions(table("Amount", "", ["a"], [("1", "2")]), table(other, "", ["a"], [("1", "3")]), inputs="a")

    assert any(f"name.lookalike: the name `{other}` {how}" in found for found in refused(content))


def test_a_table_that_comes_to_very_much_is_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmn_rules, "MOST_IN_ALL", 500)
    names = [f"v{number}" for number in range(8)]
    cell = " or ".join(f"{name} > ?" for name in names[1:]).replace(">", "&gt;")
    rows = [(cell, "? &lt; 1 or ? = 0", "? = 1 or ? &gt; 9", str(number)) for number in range(60)]

    found = refused(definitions(table("D", 'hitPolicy="FIRST"', names[:3], rows), inputs=" ".join(names)))

    assert [one.split(": ", 1)[1] for one in found] == ["the table has more than 500 alternatives"]


@pytest.mark.parametrize("cell", ["NaN", "INF", "-Infinity", "&gt; NaN", "1e400", "nan"])
def test_numbers_that_are_none_are_refused(cell: str) -> None:
    (found,) = refused(definitions(table("D", "", ["a"], [(cell, "1")]), inputs="a"))

    assert "dmn.not_carried" in found


@pytest.mark.parametrize("text", ["1 +", "(1", "a.", "1 2", '"x', "..", "not(1)"])
def test_expressions_out_of_shape_are_errors(text: str) -> None:
    with pytest.raises(FeelError):
        read_expression(text, ["a"])


@pytest.mark.parametrize("text", ["not", "not(", "[1..]", "[..2]", "1,", ",", "? >", "in", "> > 1", "(1..2"])
def test_tests_out_of_shape_are_errors(text: str) -> None:
    with pytest.raises(FeelError):
        read_tests(text, ["a"])


@pytest.mark.parametrize(
    "folder", ["knowledge/rulebooks/hangzhou/2021.1", "examples/hygiene", "tests/rulebooks/api/orchard/1"]
)
def test_steps_and_grades_that_are_exported_answer_the_same_when_imported_again(folder: str) -> None:
    rulebook = load_rulebook(ROOT / folder)
    content, notes = export_dmn(rulebook)
    stepped = [rule for rule in rulebook.rules if isinstance(rule.points, SteppedPoints)]

    with Answers(import_dmn(content, "out.dmn")[0].rulebook) as asked:
        for rule in stepped:
            assert isinstance(rule.points, SteppedPoints)
            for value in edges(rule.points):
                shown = value if isinstance(value, str) else N(value).scaleb(-places(rulebook, rule.points.measure))
                found = asked.of({rule.points.measure: shown})[f"{rule.id} points"]
                assert found == [(0, (N(steps(rule.points, value)),))], (rule.id, value)
        for score in (
            0,
            *(
                end + near
                for band in rulebook.bands
                for end in (band.low, band.high)
                if end is not None
                for near in (-1, 0, 1)
            ),
        ):
            assert asked.of({"score": score})["grade by score"] == [(0, (grade(rulebook, score),))], score
    named = {note.given for note in notes}
    assert {rule.id for rule in rulebook.rules} - {rule.id for rule in stepped if not rule.when} <= named | {
        rule.id for rule in rulebook.rules if rule.kind == "standard" and not rule.when
    }


def places(rulebook: Rulebook, measure: str) -> int:
    return 4 if rulebook.measures[measure].type == "share" else rulebook.measures[measure].places


def edges(points: SteppedPoints) -> list[Any]:
    """Return the values on and beside each threshold, the choices that are named, and another one."""
    operands = [test.operand for step in points.steps for test in step.tests]
    values = [one for given in operands for one in ([given.value] if isinstance(given, Const) else given or ())]  # type: ignore[union-attr]
    if any(isinstance(value, str) for value in values):
        return [*dict.fromkeys(values), "another"]
    return sorted({int(value) + near for value in values for near in (-1, 0, 1)})


def steps(points: SteppedPoints, value: Any) -> int:
    return next((step.points for step in points.steps if all(holds(test, value) for test in step.tests)), 0)


def holds(test: Comparison, value: Any) -> bool:
    if isinstance(test.operand, tuple):
        return (value in test.operand) is (test.op == "in")
    assert isinstance(test.operand, Const)
    bound = test.operand.value
    if test.op in ("eq", "ne"):
        return (value == bound) is (test.op == "eq")
    return bool({"lt": value < bound, "le": value <= bound, "gt": value > bound, "ge": value >= bound}[test.op])


def grade(rulebook: Rulebook, score: int) -> str:
    if rulebook.scoring.better == "higher":
        return next(band.grade for band in rulebook.bands if band.low is None or score >= band.low)
    return next(band.grade for band in rulebook.bands if band.high is None or score <= band.high)
