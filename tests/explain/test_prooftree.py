"""Proof trees: nothing that counted is missing, sums add up, and every form of it holds all of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from engine.case import CaseFile, Fact, Producer
from engine.evaluate import Evaluator
from engine.grading import Deduction, Grading, MeasureValue
from engine.reading import CaseReader
from explain.phrases import Lang
from explain.proof import Node, Proof
from explain.proofpicture import as_svg
from explain.proofshapes import as_dot, as_text, wrapped
from explain.prooftree import prove
from knowledge.loader import bind, load_rulebook
from knowledge.rulebook import Aggregate, PointsMeasure, Rulebook
from knowledge.rules import Absent, Arithmetic, Value
from knowledge.strata import formula_measures
from tests.explain.conftest import NIGHTLY, Producers, random_producers
from tests.explain.test_explanation import BOOKS

RANDOM = range(400 if NIGHTLY else 40)
SHOWN = {"svg", "title", "g", "rect", "path", "text", "a"}
"""Elements of a drawing. None of them can hold a script or a style sheet, or load anything."""


def wrong_in(rulebook: Rulebook, case: CaseFile, grading: Grading, proof: Proof) -> Iterator[str]:
    """Yield whatever is missing from a proof, doesn't add up or stands on nothing."""
    nodes = {node.id: node for node in proof.nodes}
    if len(nodes) != len(proof.nodes):
        yield "an id is given twice"
    if reached(proof) != list(nodes):
        yield "the nodes don't stand in the order in which they are reached"
    yield from missing_from(rulebook, case, grading, nodes)
    yield from not_adding_up(rulebook, grading, nodes)
    yield from sentences_on_nothing(rulebook, grading, proof)
    if has_cycle(nodes):
        yield "it has a cycle"


def reached(proof: Proof) -> list[str]:
    met: dict[str, None] = {}
    for node, _, _ in proof.walk():
        met.setdefault(node.id)
    return list(met)


def missing_from(rulebook: Rulebook, case: CaseFile, grading: Grading, nodes: dict[str, Node]) -> Iterator[str]:
    """Yield what the grading rests on or came to that no node tells, and what a node doesn't rest on."""
    for one in grading.deductions:
        below = nodes[one.id].children if one.id in nodes else ()
        if not {*one.premises, *absences_of(rulebook, one), *measures_of(rulebook, grading, one)} <= set(below):
            yield f"something below {one.id}"
        if one.kind == "standard" and one.id not in nodes[f"standard:{one.target}"].children:
            yield f"{one.id} below its standard"
    for measured in grading.measures:
        name = measure_id(measured.name, measured.group)
        if name in nodes and set(nodes[name].children) != made_from(rulebook, grading, measured):
            yield f"something below {name}"
    yield from (f"finding {one.id}" for one in (*grading.findings, *grading.consequences) if one.id not in nodes)
    yield from ({*limits_of(grading)} - {*nodes["grade"].children})
    for score in grading.standards:
        if (score.points or score.applies not in ("yes", "kind")) and f"standard:{score.id}" not in nodes:
            yield f"standard {score.id}"
    yield from ({node.id for node in nodes.values() if node.kind == "fact"} - {fact.id for fact in case.facts})


def limits_of(grading: Grading) -> Iterator[str]:
    yield from (f"veto:{one.id}" for one in grading.vetoes)
    for one in grading.ceilings:
        yield f"minimum:{one.id}" if one.kind == "indicator" else f"ceiling:{one.id}"
    yield from (f"status:{name}" for name in grading.statuses)


def absences_of(rulebook: Rulebook, deduction: Deduction) -> set[str]:
    rule = next(rule for rule in rulebook.rules if rule.id == deduction.rule)
    places = [place for place, clause in enumerate(rule.when) if isinstance(clause, Absent)]
    return {f"absence:{rule.id}:{place}" for place in places}


def measures_of(rulebook: Rulebook, grading: Grading, deduction: Deduction) -> set[str]:
    """Return what a deduction read; points of the score, where they are known by then."""
    known = {measure_id(one.name, one.group) for one in grading.measures}
    read = {one for one in deduction.readings if one.name in rulebook.measures}
    if deduction.kind != "consequence":
        read = {one for one in read if not of_points(rulebook, one.name)}
    return {measure_id(one.name, one.group) for one in read} & known


def of_points(rulebook: Rulebook, name: str) -> bool:
    body = rulebook.measures[name].body
    if isinstance(body, Arithmetic):
        return any(of_points(rulebook, part) for part in formula_measures(body))
    return isinstance(body, PointsMeasure)


def made_from(rulebook: Rulebook, grading: Grading, measured: MeasureValue) -> set[str]:
    body = rulebook.measures[measured.name].body
    if isinstance(body, Aggregate):
        return set(measured.facts)
    if isinstance(body, PointsMeasure):
        standards = {f"standard:{one.id}" for one in grading.standards if one.points and one.id in body.of}
        return standards | {f"indicator:{one.id}" for one in grading.indicators if one.points and one.id in body.of}
    known = {measure_id(one.name, one.group) for one in grading.measures}
    parts = {measure_id(part, group) for part in formula_measures(body) for group in (None, measured.group)}
    return parts & known


def measure_id(name: str, group: Value | None) -> str:
    return f"measure:{name}" if group is None else f"measure:{name}:{group}"


def everything_below(nodes: dict[str, Node], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for child in nodes[waiting.pop()].children:
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def has_cycle(nodes: dict[str, Node]) -> bool:
    above = dict.fromkeys(nodes, 0)
    for node in nodes.values():
        for child in node.children:
            above[child] += 1
    free = [name for name, count in above.items() if not count]
    removed = 0
    while free:
        removed += 1
        for child in nodes[free.pop()].children:
            above[child] -= 1
            if not above[child]:
                free.append(child)
    return removed < len(nodes)


def number(rulebook: Rulebook, shown: int | str) -> int:
    places = {"whole": 0, "tenths": 1, "hundredths": 2}[rulebook.scoring.unit]
    whole, _, rest = str(shown).partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * int(abs(int(whole)) * 10**places + int(rest or "0"))


def not_adding_up(rulebook: Rulebook, grading: Grading, nodes: dict[str, Node]) -> Iterator[str]:
    """Yield parents whose children's points, less what the caps named there took, are not their own."""

    def of(node: Node, name: str) -> int:
        return number(rulebook, node.numbers[name])

    def cut(node: Node, *by: str) -> int:
        return sum(number(rulebook, one.points) for one in node.cuts if one.by in by)

    for node in nodes.values():
        below = [nodes[child] for child in node.children]
        summed = [one for one in below if one.kind in ("indicator", "standard", "deduction") and one.numbers]
        if node.kind == "deduction" and node.numbers:
            right = of(node, "asked") - cut(node, "rule", "standard", "indicator") == of(node, "points")
        elif node.kind == "standard":
            right = sum(of(one, "asked") - cut(one, "rule") for one in summed) == of(node, "asked")
            right = right and of(node, "asked") - cut(node, "standard") == of(node, "points")
        elif node.kind == "indicator":
            right = sum(of(one, "points") for one in summed) - cut(node, "indicator") == of(node, "points")
        else:
            right = True
        if node.kind in ("standard", "indicator", "score"):
            counts = sum(of(one, "in_score") for one in summed)
            right = right and counts == of(node, "points" if node.kind == "score" else "in_score")
        if not right:
            yield f"{node.id} doesn't add up"
    if of(nodes["score"], "points") != grading.score.points:
        yield "the score's points"


def sentences_on_nothing(rulebook: Rulebook, grading: Grading, proof: Proof) -> Iterator[str]:
    known = {f"rule:{rule.id}" for rule in rulebook.rules} | {one.id for one in grading.deductions}
    laws = {law.id for law in proof.laws}
    for node in proof.nodes:
        text = node.sentence.text
        if not node.sentence.stands_on or not set(node.sentence.stands_on) <= known:
            yield f"{node.id} stands on {node.sentence.stands_on}"
        if not text.strip() or "None" in text or re.search(r"[{}]", text) or not text.endswith(("。", ".", ")", ")")):
            yield f"{node.id}: {text!r}"
        if not set(node.law) <= laws:
            yield f"{node.id}: law"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_any_producer_is_missing(city: Producers, lang: Lang) -> None:
    wrong = [
        f"{grading.producer}: {what}"
        for case, grading in city.cases
        for what in wrong_in(city.rulebook, case, grading, prove(city.rulebook, case, grading, lang))
    ]

    assert wrong == []


def test_nothing_is_missing_under_any_rulebook() -> None:
    wrong = [
        f"{some.rulebook.version}: {what}"
        for some in random_producers(RANDOM)
        for case, grading in some.cases
        for what in wrong_in(some.rulebook, case, grading, prove(some.rulebook, case, grading, "zh"))
    ]

    assert wrong == []


def test_a_tree_from_which_something_is_taken_is_found_wrong(city: Producers) -> None:
    case, grading = city.cases[1]
    proof = prove(city.rulebook, case, grading, "zh")
    for place, node in enumerate(proof.nodes):
        if not node.children:
            continue
        cut = (*proof.nodes[:place], replace(node, children=node.children[1:]), *proof.nodes[place + 1 :])
        assert list(wrong_in(city.rulebook, case, grading, replace(proof, nodes=cut))), node


def test_every_form_tells_of_every_node(city: Producers) -> None:
    for case, grading in city.cases[:40]:
        proof = prove(city.rulebook, case, grading, "zh")
        text, dot, svg = as_text(proof), as_dot(proof), as_svg(proof)
        drawn = ET.fromstring(svg)
        words = "".join("".join(drawn.itertext()).split())

        assert len(drawn.findall(".//{*}g")) == len(proof.nodes)
        assert dot.count(" [label=") == len(proof.nodes)
        assert dot.count(" -> ") == sum(len(node.children) for node in proof.nodes)
        for node in proof.nodes:
            assert f"[{node.id}]" in text
            assert node.id in words
            assert "".join(node.sentence.text.split()) in "".join(text.split())
            assert "".join(node.sentence.text.split()) in words


def test_a_drawing_holds_nothing_but_shapes_and_words(hostile: Proof) -> None:
    svg, dot = as_svg(hostile), as_dot(hostile)
    for part in ET.fromstring(svg).iter():
        assert part.tag.removeprefix("{http://www.w3.org/2000/svg}") in SHOWN
        assert not [name for name in part.attrib if name.startswith("on") or name == "style"]
        assert part.attrib.get("href", "#").startswith("#")
    labels = re.findall(r'\[label="((?:[^"\\]|\\.)*)", fillcolor="#[0-9a-f]{6}"(?:, fontcolor="white")?\];', dot)

    assert "<script>" in "".join(ET.fromstring(svg).itertext())
    assert len(labels) == len(hostile.nodes)


@pytest.fixture
def hostile(orchard_case: tuple[Rulebook, CaseFile, Grading]) -> Proof:
    """Return the tree of a case whose facts hold markup and characters that no document may hold."""
    return prove(*orchard_case, "zh")


@pytest.fixture
def orchard_case() -> tuple[Rulebook, CaseFile, Grading]:
    rulebook = load_rulebook(BOOKS["orchard"])
    hostile = '</text><script>1</script>"\\\x0b\ufffe]];'
    document = {
        "producer": {"id": "P1", "kind": "farm", "region": "330110"},
        "facts": [
            {"type": "test", "fields": {"number": "T1", "result": "fail", "taken_on": "2025-06-01"},
             "source": {"system": "laboratory", "ref": "L-1"}}
        ],
    }  # fmt: skip
    case = CaseReader(rulebook).case(msgspec.json.encode(document), as_of=date(2025, 9, 1).toordinal())
    facts = tuple(replace(fact, values={**fact.values, "number": hostile}) for fact in case.facts)
    case = replace(case, facts=facts)
    evaluator = Evaluator(rulebook)
    grading = evaluator.grade(case)
    evaluator.close()
    return rulebook, case, grading


def test_personal_values_are_withheld_unless_asked_for(orchard_case: tuple[Rulebook, CaseFile, Grading]) -> None:
    rulebook, case, grading = orchard_case
    hidden = {
        name: replace(kind, fields={one: replace(field, personal=True) for one, field in kind.fields.items()})
        for name, kind in rulebook.types.items()
    }
    secret = replace(rulebook, types=hidden)

    assert "script" not in as_text(prove(secret, case, grading, "zh"))
    assert "script" in as_text(prove(secret, case, grading, "zh", personal=True))


@pytest.mark.parametrize("most", [4, 10, 30])
def test_lines_are_no_wider_than_asked_and_lose_nothing(most: int) -> None:
    text = (
        "近12个月 5 个有效批次的生产记录覆盖率为 20%, less than the Provisions ask 《规定》 abcdefghijklmnopqrstuvwxyz"
    )
    lines = wrapped(text, most)

    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(sum(1 if ord(char) > 127 else 0.5 for char in line) <= most for line in lines)


def test_a_finding_that_follows_from_itself_once_more_makes_no_circle() -> None:
    text = {"zh": "甲", "en": "a"}
    link = {"is": "link", "where": {"from": "near.to"}}
    rulebook = bind(
        {
            "rulebook.yaml": {
                "id": "links", "version": "1", "title": text, "status": "draft", "notice": text,
                "effective_from": "2020-01-01",
                "scoring": {"start": 10, "points": "lost", "better": "higher", "unit": "whole",
                            "not_applicable": "keeps_its_points", "rounding": "down"},
                "require": {"law": "no", "scenario": False},
            },
            "vocabulary.yaml": {
                "kinds": {"farm": text},
                "facts": {"link": {"label": text, "fields": {"from": "text", "to": "text"}}},
                "findings": {"reach": {"label": text, "fields": {"from": "text", "to": "text"}}},
            },
            "indicators.yaml": {
                "level1": [{"id": "L", "label": text, "points": 10}],
                "level2": [{"id": "K", "of": "L", "label": text, "points": 10}],
                "standards": [{"id": "S", "of": "K", "label": text, "points": 10}],
            },
            "measures.yaml": [],
            "bands.yaml": [{"grade": "A", "word": text, "from": 5}, {"grade": "B", "word": text}],
            "remedies.yaml": [],
            "rules/a.yaml": [
                {"finding": "reach", "rule": "near", "when": [{"near": {"is": "link"}}],
                 "gives": {"from": "near.from", "to": "near.to"}},
                {"finding": "reach", "rule": "far", "when": [{"near": {"is": "reach"}}, {"link": link}],
                 "gives": {"from": "near.from", "to": "link.to"}},
                {"standard": "S", "for_each": {"found": {"is": "reach"}}, "lose": 1},
            ],
        }
    )  # fmt: skip
    facts = tuple(
        Fact(f"F-{place}", "link", {"from": start, "to": end}, "effective", (), None)
        for place, (start, end) in enumerate((("a", "b"), ("b", "c"), ("c", "a")))
    )
    case = CaseFile(Producer("P1", "farm", "330110", {}), facts, date(2026, 1, 1).toordinal())
    evaluator = Evaluator(rulebook)
    grading = evaluator.grade(case)
    evaluator.close()

    assert len(grading.findings) == 9
    assert list(wrong_in(rulebook, case, grading, prove(rulebook, case, grading, "zh"))) == []
