"""Small cases on which the two engines, or they and the explanation, once differed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.case import CaseFile, Fact, Producer, Source
from engine.evaluate import Evaluator
from engine.grading import Grading, Verdict
from engine.verdicts import verdicts
from knowledge.loader import bind
from knowledge.problems import RulebookRefused
from knowledge.rules import Value

DAY = 739_500
LABEL = "甲"
FIELDS: dict[str, dict[str, Any]] = {
    "no": {"type": "text", "optional": "yes"},
    "size": {"type": "whole", "optional": "yes"},
    "level": {"type": "choice", "of": ["low", "high"], "optional": "yes"},
    "day": {"type": "date", "optional": "yes"},
    "until": {"type": "date", "optional": "yes"},
}
SIZES = {"measure": "sizes", "label": LABEL, "sum": {"of": "sample", "field": "size"}, "when_nothing": "not_applicable"}
BY_NO = {"measure": "by_no", "label": LABEL, "count": "sample", "per": "no"}
LATEST = {"measure": "last", "label": LABEL, "max": {"of": "sample", "field": "day"}, "when_nothing": "not_applicable"}


def rulebook(*rules: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the files of a rulebook with one standard of 10 points, facts `sample` and `other`, and these rules."""
    named = [{**rule, "rule": f"r{number}"} for number, rule in enumerate(rules)]
    others = [] if any("standard" in rule for rule in rules) else [{"standard": "S", "lose": 0, "rule": "rest"}]
    points = {"label": LABEL, "points": 10}
    kind = {"label": LABEL, "fields": FIELDS, "dated": "day"}
    files: dict[str, Any] = {
        "rulebook.yaml": {
            "id": "small", "version": "1", "title": LABEL, "status": "draft", "notice": LABEL,
            "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
            "scoring": {"start": 10, "points": "lost", "better": "higher"},
        },
        "vocabulary.yaml": {
            "kinds": {"farm": LABEL},
            "attributes": {"limit": {"type": "whole"}, "born": {"type": "date"}},
            "facts": {"sample": kind, "other": kind},
        },
        "indicators.yaml": {
            "level1": [{"id": "L", **points}], "level2": [{"id": "K", "of": "L", **points}],
            "standards": [{"id": "S", "of": "K", **points}],
        },
        "measures.yaml": [], "rules/all.yaml": [*named, *others],
        "bands.yaml": [{"grade": "A", "word": LABEL, "from": 5}, {"grade": "B", "word": LABEL}],
    }  # fmt: skip
    finding = changes.pop("finding", None)
    if finding is not None:
        files["vocabulary.yaml"]["findings"] = {"found": {"label": LABEL, "fields": finding}}
    return files | {f"{name}.yaml": data for name, data in changes.items()}


def fact(number: int, kind: str = "sample", **values: Value) -> Fact:
    return Fact(f"F-{number:016x}", kind, values, "effective", (Source("test"),), None)


def judged(files: Mapping[str, Any], *facts: Fact, **attributes: Value) -> tuple[Grading, dict[str, Verdict]]:
    """Return a grading that the checker agrees to, and what became of each rule."""
    bound = bind(files)
    evaluator = Evaluator(bound)
    case = CaseFile(Producer("P", "farm", "330110", attributes), facts, DAY)
    grading = evaluator.grade(case)
    evaluator.close()
    return grading, {verdict.rule: verdict for verdict in verdicts(bound, case, grading)}


def statuses(files: Mapping[str, Any], *facts: Fact, **attributes: Value) -> list[str]:
    return [outcome.status for outcome in judged(files, *facts, **attributes)[0].outcomes]


def refused(files: Mapping[str, Any]) -> list[str]:
    with pytest.raises(RulebookRefused) as caught:
        bind(files)
    return [problem.code for problem in caught.value.problems]


def test_a_measure_may_be_compared_with_what_the_producer_has() -> None:
    rule = {"standard": "S", "lose": 1, "when": [{"measure": "sizes", "above": "producer.limit"}]}
    files = rulebook(rule, measures=[SIZES])

    assert statuses(files, fact(1, size=5), limit=4) == ["fired"]
    assert statuses(files, fact(1, size=4), limit=4) == ["not_fired"]
    assert statuses(files, fact(1, size=4)) == ["unknown"]


def test_a_measure_may_be_compared_with_the_day_and_the_day_it_flips_is_announced() -> None:
    rule = {"standard": "S", "lose": 1, "when": [{"measure": "last", "after": "as_of - 30 days"}]}

    grading, _ = judged(rulebook(rule, measures=[LATEST]), fact(1, day=DAY - 10))

    assert [outcome.status for outcome in grading.outcomes] == ["fired"]
    assert grading.next_change_on == DAY + 20


def test_a_fact_may_be_compared_with_who_the_producer_is() -> None:
    rule = {"standard": "S", "lose": 1, "when": [{"mine": {"is": "sample", "where": {"no": "producer.id"}}}]}

    assert statuses(rulebook(rule), fact(1, no="P")) == ["fired"]


def test_days_can_be_counted_from_a_windows_date_where_the_type_has_none() -> None:
    files = rulebook(
        {"standard": "S", "lose": 1, "when": [{"measure": "since", "is": 7}]},
        measures=[
            {"measure": "since", "label": LABEL, "days_since": "sample", "within": "1 year", "on": "until"}
            | {"when_nothing": 0}
        ],
    )
    del files["vocabulary.yaml"]["facts"]["sample"]["dated"]

    assert statuses(files, fact(1, until=DAY - 7)) == ["fired"]


def test_who_misses_a_demand_falls_to_the_next_band_and_no_further() -> None:
    bands = [
        {"grade": "A", "word": LABEL, "from": 8, "demands": [{"indicator": "L", "at_most": 5}]},
        {"grade": "B", "word": LABEL, "from": 5, "to": 7},
        {"grade": "C", "word": LABEL},
    ]

    grading, _ = judged(rulebook({"standard": "S", "lose": 1, "unknown": "fires"}, bands=bands))

    assert (grading.score.value, grading.grade) == (9, "B")


def test_the_order_of_rules_does_not_decide_whose_points_a_cap_lets_through() -> None:
    rules = [{"standard": "S", "lose": 8, "rule": "light"}, {"standard": "S2", "lose": 8, "rule": "heavy"}]
    files = rulebook({"standard": "S", "lose": 0})
    standard, second = files["indicators.yaml"]["standards"][0], files["indicators.yaml"]["level2"][0]
    files["indicators.yaml"] = {
        "level1": [{"id": "L", "label": LABEL, "points": 20, "at_most": 10}],
        "level2": [second, {**second, "id": "K2", "weight": 3}],
        "standards": [standard, {**standard, "id": "S2", "of": "K2"}],
    }

    scores = [judged(files | {"rules/all.yaml": some})[0].score for some in (rules, rules[::-1])]

    assert scores[0] == scores[1]


@pytest.mark.parametrize("unknown", ["fires", "does_not_fire"])
def test_no_step_counts_where_there_is_nothing_to_measure(unknown: str) -> None:
    rule = {"standard": "S", "measure": "sizes", "lose": [{"below": 3, "points": 5}, {"points": 1}], "unknown": unknown}
    files = rulebook(rule, measures=[SIZES])

    assert statuses(files) == ["not_applicable"]
    assert statuses(files, fact(1, size=9)) == ["fired"]


def test_no_step_counts_for_a_group_that_has_nothing_to_measure() -> None:
    others = {"measure": "others", "label": LABEL, "count": "other", "per": "no"}
    rule = {"standard": "S", "measure": "others", "lose": [{"points": 1}], "when": [{"measure": "by_no", "above": 0}]}

    _, told = judged(rulebook(rule, measures=[BY_NO, others]), fact(1, no="a"), fact(2, "other", no="b"))

    assert told["r0"].status == "not_fired"
    assert False in [condition.holds for condition in told["r0"].conditions]


@pytest.mark.parametrize("unknown", ["fires", "does_not_fire"])
def test_a_step_that_is_unknown_does_not_hold(unknown: str) -> None:
    steps = [{"below": "producer.limit", "points": 5}, {"points": 1}]
    files = rulebook({"standard": "S", "measure": "sizes", "lose": steps, "unknown": unknown}, measures=[SIZES])

    assert judged(files, fact(1, size=2))[0].score.points == 1
    assert judged(files, fact(1, size=2), limit=3)[0].score.points == 5


def test_points_by_group_are_taken_beside_a_condition_on_the_producer() -> None:
    rule = {"standard": "S", "lose": {"formula": "2 * by_no"}, "when": [{"producer": {"limit": 1}}]}

    grading, _ = judged(rulebook(rule, measures=[BY_NO]), fact(1, no="a"), fact(2, no="a"), fact(3, no="b"), limit=1)

    assert [(deduction.key, deduction.points) for deduction in grading.deductions] == [(("a",), 4), (("b",), 2)]


@pytest.mark.parametrize("text", ["K0", "K7", "T", "x0 is None", "a' or K1 or 'b", '"'])
def test_a_text_is_never_taken_for_the_code_that_compares_it(text: str) -> None:
    rule = {"standard": "S", "lose": 1, "when": [{"one": {"is": "sample", "where": {"no": text}, "within": "1 year"}}]}

    assert statuses(rulebook(rule), fact(1, no=text, day=DAY)) == ["fired"]
    assert statuses(rulebook(rule), fact(1, no="b", day=DAY)) == ["not_fired"]


def test_a_measures_text_may_be_written_as_text_and_the_rule_stays() -> None:
    latest = {"measure": "no", "label": LABEL, "latest": {"of": "sample", "field": "no"}, "when_nothing": "none"}
    rule = {"standard": "S", "lose": 1, "when": [{"measure": "no", "is": {"text": "a.b"}}]}

    assert statuses(rulebook(rule, measures=[latest]), fact(1, no="a.b", day=DAY)) == ["fired"]


def test_only_facts_are_compared_with_themselves() -> None:
    rule = {"standard": "S", "lose": 1, "when": [{"producer": {"limit": {"above": "this.limit"}}}]}

    assert refused(rulebook(rule)) == ["name.unknown"]


def test_an_absence_may_not_read_a_fact_that_it_shares_its_name_with() -> None:
    absent = {"is": "sample", "where": {"no": {"present": "yes", "is": "one.no"}}}
    rule = {"standard": "S", "lose": 1, "for_each": {"one": {"is": "sample"}}}

    assert refused(rulebook({**rule, "when": [{"no one": absent}]})) == ["rule.alias"]
    assert statuses(rulebook({**rule, "when": [{"no two": absent}]}), fact(1, no="a"), fact(2, no="b")) == ["fired"]


def test_measures_of_one_rule_must_have_groups_of_one_type() -> None:
    by_day = {"measure": "by_day", "label": LABEL, "count": "sample", "per": "day"}
    rule = {"standard": "S", "lose": 1, "when": [{"measure": "by_no", "above": 1}, {"measure": "by_day", "above": 1}]}

    assert refused(rulebook(rule, measures=[BY_NO, by_day])) == ["type.mismatch"]


def test_a_rule_fires_for_the_groups_that_all_its_measures_have() -> None:
    others = {"measure": "others", "label": LABEL, "count": "other", "per": "no"}
    rule = {"finding": "found", "when": [{"measure": "by_no", "above": 0}], "gives": {"number": "others"}}
    files = rulebook(rule, measures=[BY_NO, others], finding={"number": {"type": "whole", "optional": "yes"}})

    grading, _ = judged(files, fact(1, no="a"), fact(2, no="b"), fact(3, "other", no="b"))

    assert [deduction.key for deduction in grading.deductions if deduction.kind == "finding"] == [("b",)]


def test_a_rule_whose_measures_share_no_group_says_which_is_lacking() -> None:
    others = {"measure": "others", "label": LABEL, "count": "other", "per": "no"}
    rule = {"standard": "S", "lose": 1, "when": [{"measure": "by_no", "above": 0}, {"measure": "others", "above": 0}]}

    _, told = judged(rulebook(rule, measures=[BY_NO, others]), fact(1, no="a"), fact(2, "other", no="b"))

    assert told["r0"].status == "not_fired"
    assert [condition.holds for condition in told["r0"].conditions] == [True, False]


@pytest.mark.parametrize(
    ("field", "given"),
    [("level", "one.no"), ("level", "producer.region"), ("no", "one.no"), ("day", "one.day + 2 days")],
)
def test_a_field_is_given_only_what_it_can_take(field: str, given: str) -> None:
    shape = {**FIELDS[field], "optional": "no"}
    rule = {"finding": "found", "for_each": {"one": {"is": "sample"}}, "gives": {field: given}}

    assert set(refused(rulebook(rule, finding={field: shape}))) <= {"type.mismatch", "type.optional"}


def test_a_required_field_may_be_given_what_has_been_tested() -> None:
    one = {"is": "sample", "where": {"no": {"present": "yes"}}}
    rule = {"finding": "found", "for_each": {"one": one}, "gives": {"no": "one.no"}}

    assert statuses(rulebook(rule, finding={"no": {"type": "text"}}), fact(1, no="a"))[0] == "fired"


def test_a_rule_that_gives_a_measure_to_a_required_field_needs_it() -> None:
    files = rulebook({"finding": "found", "gives": {"size": "sizes"}}, measures=[SIZES], finding={"size": "whole"})

    assert statuses(files)[0] == "not_applicable"
    assert judged(files, fact(1, size=3))[0].findings[0].values == {"size": 3}


def test_an_absence_inside_any_leaves_out_what_another_any_binds() -> None:
    absent = {"all": [{"no more": {"is": "sample"}}]}
    rule = {"standard": "S", "lose": 1, "when": [{"any": [absent]}, {"any": [{"one": {"is": "sample"}}]}]}

    _, told = judged(rulebook(rule), fact(1, no="a"))

    assert told["r0"].status == "fired"
    assert [condition.holds for condition in told["r0"].conditions] == [True, True]


def test_a_window_ends_with_the_day_also_where_its_beginning_is_unknown() -> None:
    late = {"is": "sample", "within": {"since": "producer.born"}, "on": "until"}
    files = rulebook({"standard": "S", "lose": 1, "when": [{"no late": late}]})

    assert statuses(files, fact(1, until=DAY + 1)) == ["fired"]
    assert statuses(files, fact(1, until=DAY)) == ["unknown"]


def test_the_day_is_announced_on_which_a_beginning_that_moves_passes_a_fact() -> None:
    one = {"is": "sample", "within": {"since": "as_of - 30 days"}}

    grading, _ = judged(rulebook({"standard": "S", "lose": 1, "when": [{"one": one}]}), fact(1, day=DAY - 10))

    assert grading.next_change_on == DAY + 21


def test_the_day_is_announced_on_which_what_is_unknown_leaves_its_window() -> None:
    one = {"is": "sample", "where": {"size": 3}, "within": "30 days"}
    files = rulebook({"standard": "S", "lose": 1, "when": [{"one": one}], "unknown": "fires"})

    grading, _ = judged(files, fact(1, day=DAY - 10))

    assert [outcome.status for outcome in grading.outcomes] == ["fired"]
    assert grading.next_change_on == DAY + 20


def test_a_finding_that_holds_the_day_is_another_one_tomorrow() -> None:
    files = rulebook({"finding": "found", "gives": {"day": "as_of"}}, finding={"day": "date"})

    assert judged(files)[0].next_change_on == DAY + 1


def test_the_day_is_announced_on_which_a_suspension_ends() -> None:
    found = {"finding": "found", "for_each": {"one": {"is": "sample"}}, "gives": {"day": "one.day"}}
    files = rulebook(found, {"standard": "S", "lose": 1}, finding={"day": {"type": "date", "optional": "yes"}})
    suspended = {"suspended_by": {"is": "found", "within": "30 days", "on": "day"}}
    files["indicators.yaml"]["standards"][0] |= suspended

    grading, _ = judged(files, fact(1, day=DAY - 10))

    assert grading.standards[0].applies == "suspended"
    assert grading.next_change_on == DAY + 20


def test_the_day_is_announced_on_which_a_share_changes_by_time() -> None:
    old = {"of": "sample", "where": {"day": {"before": "as_of - 7 days"}}}
    share = {"measure": "old", "label": LABEL, "share": old, "when_nothing": "not_applicable"}
    files = rulebook({"standard": "S", "lose": 1, "when": [{"measure": "old", "above": "50%"}]}, measures=[share])

    assert judged(files, fact(1, day=DAY - 5))[0].next_change_on == DAY + 3
