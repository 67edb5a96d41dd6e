"""The policy document tells every rule in words, and a redline tells every difference in meaning."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from authoring.policy import Policy, Section, policy
from authoring.policy_diff import Redline, redline, words_of
from authoring.policy_html import policy_page, redline_page
from explain.phrases import Lang
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.rules import FixedPoints, Rule, Step, SteppedPoints, Text
from knowledge.scenarios import load_scenarios
from tests.engine.random_rulebooks import random_rulebook

ROOT = Path(__file__).parents[2]
HANGZHOU = ROOT / "knowledge/rulebooks/hangzhou/2021.1"
FOLDERS = [HANGZHOU, ROOT / "examples/hygiene", ROOT / "tests/rulebooks/api/orchard/1", ROOT / "tests/knowledge/base"]
LANGS: tuple[Lang, ...] = ("zh", "en")


def entries(sections: tuple[Section, ...]) -> list[Any]:
    return [one for part in sections for one in (*part.entries, *entries(part.parts))]


@functools.cache
def told(folder: Path, lang: Lang) -> tuple[Rulebook, Policy]:
    rulebook = load_rulebook(folder)
    return rulebook, policy(rulebook, load_scenarios(folder, rulebook), lang)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_rule_stands_in_the_document_once_with_its_law_and_what_it_does(folder: Path, lang: Lang) -> None:
    rulebook, document = told(folder, lang)
    found = [one for one in entries(document.sections) if one.stands_on.startswith("rule:")]

    assert sorted(one.id for one in found) == sorted(rule.id for rule in rulebook.rules)
    for one in found:
        rule = next(rule for rule in rulebook.rules if rule.id == one.id)
        lines = {line.name: line.texts for line in one.lines}
        assert all(lines["when"])
        assert all(lines["then"])
        assert len(lines.get("law", ())) == len(rule.law)
        assert all(text for texts in lines.values() for text in texts)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_standard_measure_remedy_law_and_grade_stands_in_the_document(folder: Path) -> None:
    rulebook, document = told(folder, "zh")
    found = {one.stands_on for one in entries(document.sections)}

    wanted = {f"standard:{name}" for name in rulebook.standards} | {f"measure:{name}" for name in rulebook.measures}
    wanted |= {f"remedy:{name}" for name in rulebook.remedies} | {f"law:{name}" for name in rulebook.laws}
    wanted |= {f"indicator:{name}" for name in rulebook.indicators} | {f"grade:{band.grade}" for band in rulebook.bands}
    assert wanted <= found


def test_a_rule_reads_as_it_would_be_said() -> None:
    lines = {}
    for lang in LANGS:
        _, document = told(HANGZHOU, lang)
        found = next(one for one in entries(document.sections) if one.stands_on == "rule:S21")
        lines[lang] = {line.name: line.texts for line in found.lines}

    assert lines["zh"]["when"] == ("每有一条近 24 个月内的生效的不合格", "没有修复中主体")
    assert lines["zh"]["then"] == ("扣 20 分", "合计最多 40 分")
    assert lines["en"]["when"][0] == "For each: effective failure, within the last 24 months"
    assert lines["en"]["then"] == ("20 points lost", "40 points at most in all")
    assert "{" not in "".join(lines["zh"]["because"])
    assert any(re.search(r"\d+ 种情形", name) for name in lines["zh"]["scenarios"])


@pytest.mark.parametrize("seed", range(12))
def test_drawn_rulebooks_of_every_construct_can_be_told(seed: int) -> None:
    rulebook = random_rulebook(seed)

    for lang in LANGS:
        found = [one for one in entries(policy(rulebook, (), lang).sections) if one.stands_on.startswith("rule:")]
        assert len(found) == len(rulebook.rules)


def test_the_page_shows_the_notice_first_and_loads_nothing() -> None:
    rulebook, document = told(HANGZHOU, "zh")
    page = policy_page(document)

    assert rulebook.notice is not None
    assert page.index("不是官方评价表") < page.index("hangzhou@2021.1")
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert "@media print" in page
    assert rulebook.sha256 in page


def test_texts_of_a_rulebook_never_become_markup() -> None:
    was = load_rulebook(FOLDERS[2])
    rulebook = msgspec.structs.replace(was, title=Text("<script>alert(1)</script>"))

    for page in (
        policy_page(policy(rulebook, (), "zh")),
        redline_page(redline(was, rulebook, "zh"), rulebook),
    ):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def changed(rulebook: Rulebook, name: str, **values: Any) -> Rulebook:
    rules = tuple(msgspec.structs.replace(rule, **values) if rule.id == name else rule for rule in rulebook.rules)
    return msgspec.structs.replace(rulebook, rules=rules)


def turned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same entries in the opposite order, which is another meaning."""
    return dict(reversed(list(values.items())))


def of(found: Redline) -> list[tuple[str, str]]:
    return [(one.how, one.stands_on) for one in found.changes]


@pytest.fixture(scope="module")
def city() -> Rulebook:
    return load_rulebook(HANGZHOU)


def test_a_rulebook_does_not_differ_from_itself(city: Rulebook) -> None:
    for lang in LANGS:
        assert redline(city, city, lang).changes == ()


def test_a_threshold_and_points_are_told_old_and_new(city: Rulebook) -> None:
    points = next(rule.points for rule in city.rules if rule.id == "S19")
    assert isinstance(points, SteppedPoints)
    steps = (Step(points.steps[0].tests, 12), *points.steps[1:])

    (one,) = redline(city, changed(city, "S19", points=SteppedPoints(points.measure, steps)), "zh").changes

    assert (one.how, one.stands_on, [edit.name for edit in one.edits]) == ("changed", "rule:S19", ["then"])
    assert one.edits[0].old[0] == "自检完成计划比例低于 50%:扣 15 分"
    assert one.edits[0].new[0] == "自检完成计划比例低于 50%:扣 12 分"


def test_rules_that_come_and_go_are_told_with_their_words(city: Rulebook) -> None:
    fewer = msgspec.structs.replace(city, rules=city.rules[1:])
    name = city.rules[0].id

    gone, come = redline(city, fewer, "zh"), redline(fewer, city, "zh")

    assert of(gone) == [("removed", f"rule:{name}")]
    assert of(come) == [("added", f"rule:{name}")]
    assert all(edit.old and not edit.new for edit in gone.changes[0].edits)
    assert all(edit.new and not edit.old for edit in come.changes[0].edits)


def test_nothing_changes_unseen(city: Rulebook) -> None:
    """Whatever of the meaning is changed, something is told, also where no sentence shows it."""
    rule = next(rule for rule in city.rules if rule.for_each)
    alias = msgspec.structs.replace(rule.for_each[0], alias="other")
    replace = msgspec.structs.replace
    first_type = next(iter(city.types.values()))
    others = [
        changed(city, rule.id, for_each=(alias, *rule.for_each[1:])),
        changed(city, rule.id, law=()),
        changed(city, rule.id, unknown_fires=not rule.unknown_fires),
        changed(city, "S21", points=FixedPoints(21)),
        changed(city, "S21", at_most=None),
        replace(city, scoring=replace(city.scoring, floor=1)),
        replace(city, calendar=None),
        replace(city, effective_until=800_000),
        replace(city, notice=None),
        replace(city, rights=city.rights[1:]),
        replace(city, natural_persons=()),
        replace(city, types={**city.types, first_type.name: replace(first_type, tells="for")}),
        replace(city, types={**city.types, first_type.name: replace(first_type, fields=turned(first_type.fields))}),
        replace(city, attributes=turned(city.attributes)),
        replace(city, kinds=turned(city.kinds)),
        replace(city, bands=(replace(city.bands[0], low=901), *city.bands[1:])),
        replace(city, standards=turned(city.standards)),
        replace(city, laws={name: law for name, law in city.laws.items() if name != "AQSL-11"}),
        replace(city, rules=(*city.rules[1:2], *city.rules[:1], *city.rules[2:])),
    ]

    for other in others:
        for lang in LANGS:
            found = redline(city, other, lang)
            assert len(found.changes) >= 1
            assert all(one.edits for one in found.changes)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_rulebooks_that_differ_never_seem_the_same(seed: int) -> None:
    one, other = random_rulebook(seed), random_rulebook(seed + 1)

    assert redline(one, one, "en").changes == ()
    assert len(redline(one, other, "en").changes) > 1


def test_the_page_of_a_redline_marks_only_what_differs(city: Rulebook) -> None:
    rule: Rule = next(rule for rule in city.rules if rule.id == "V2")
    assert rule.for_each[0].window is not None
    window = msgspec.structs.replace(rule.for_each[0].window, amount=18)
    new = changed(city, "V2", for_each=(msgspec.structs.replace(rule.for_each[0], window=window),))

    page = redline_page(redline(city, new, "zh"), new)

    assert "近 <del>12</del><ins>18</ins> 个月内的" in page


def test_changes_are_told_as_lines_of_text(city: Rulebook) -> None:
    lines = list(words_of(redline(city, changed(city, "S21", points=FixedPoints(25)), "en").changes))

    assert lines[0].startswith("~ rule:S21 ")
    assert "      - 20 points lost" in lines
    assert "      + 25 points lost" in lines
