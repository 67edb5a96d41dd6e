"""Whole populations in columns come to what each producer's own grading comes to.

Seeds are fixed, so that a failure comes back; `SHUOLI_NIGHTLY=1` tries many more.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest

from batch.population import everyone, generate
from engine.case import MOST_FACTS, CaseFile, Fact, Producer
from engine.columnar import Columnar, Gathering, Population, grader, population_of
from engine.columnar.columns import Column, computed, divided, keyed_pairs, shifted, summed
from engine.columnar.documents import Documents, Unusual
from engine.columnar.scores import Scorer
from engine.evaluate import Evaluator
from engine.measuring import divide, evaluate_formula
from engine.reading import CaseReader, fact_document, merge, producer_document
from knowledge.catalog import Catalog
from knowledge.loader import bind
from knowledge.population import load_population
from knowledge.problems import CaseRefused, LimitExceeded, RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.rules import Arithmetic, Num, Ref, Shift
from knowledge.workdays import add
from tests.engine.columnar_comparison import differences, told_by_row
from tests.engine.random_rulebooks import written_rulebook
from tests.engine.test_agreement import BY_NO, DAY, SIZES, fact, rulebook
from tests.random_cases import LAST, random_case

NIGHTLY = bool(os.environ.get("SHUOLI_NIGHTLY"))
RULEBOOKS, CASES = (3_000, 40) if NIGHTLY else (60, 12)
CITY = 3196 if NIGHTLY else 150


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    catalog = Catalog()
    return catalog.load(next(iter(catalog.versions())).folder)


@pytest.fixture(scope="module")
def city(shipped: Rulebook) -> list[CaseFile]:
    day = date(2026, 11, 1)
    population, reader = load_population(shipped), CaseReader(shipped)
    shared = everyone(shipped, population, seed=2021, as_of=day)
    made = generate(shipped, population, producers=CITY, seed=2021, as_of=day)
    return [
        reader.case(msgspec.json.encode({**case, "facts": case["facts"] + shared}), as_of=day.toordinal())
        for case in made
    ]


def drawn(seeds: Sequence[int], cases: int) -> Iterator[tuple[Rulebook, list[CaseFile]]]:
    for seed in seeds:
        try:
            book = bind(written_rulebook(seed))
        except RulebookRefused:
            continue
        day = LAST - random.Random(seed).randrange(400)
        yield book, [random_case(book, seed * 1_000 + n, facts=30, as_of=day) for n in range(cases)]


def test_random_rulebooks_come_to_the_same_in_columns() -> None:
    differ: dict[str, list[str]] = {}
    compared = 0
    for book, cases in drawn(range(20_000, 20_000 + RULEBOOKS), CASES):
        try:
            found = list(differences(book, cases))
        except RulebookRefused:  # the kernel can't hold it
            continue
        compared += len(cases)
        if found:
            differ[book.version] = found

    assert differ == {}
    assert compared > RULEBOOKS * CASES * 0.95


def test_the_sample_city_comes_to_the_same_in_columns(shipped: Rulebook, city: list[CaseFile]) -> None:
    evaluator = Evaluator(shipped)
    found = list(differences(shipped, city, evaluator))
    evaluator.close()

    assert found == []


def test_batches_don_t_change_what_a_population_comes_to(
    shipped: Rulebook, city: list[CaseFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    population = population_of(shipped, city)
    whole = told_by_row(Columnar(shipped).grade(population, city[0].as_of))
    monkeypatch.setattr(grader, "BATCH", 37)

    assert told_by_row(Columnar(shipped).grade(population, city[0].as_of)) == whole
    assert len({one["grade"] for one in whole}) > 5


def test_a_population_may_be_graded_from_several_threads(shipped: Rulebook, city: list[CaseFile]) -> None:
    columnar, population, day = Columnar(shipped), population_of(shipped, city), city[0].as_of
    with ThreadPoolExecutor(4) as threads:
        graded = list(threads.map(lambda _: columnar.grade(population, day), range(4)))

    assert all(told_by_row(one) == told_by_row(graded[0]) for one in graded)
    assert len(set(population.texts.by_code)) == len(population.texts.by_code)


def reported_again(draw: random.Random, book: Rulebook, case: CaseFile) -> list[Fact]:
    """Return a case's facts, some of them reported several times and otherwise, in any order."""
    reports = list(case.facts)
    days = (None, *(f"2026-0{n}-01T00:00:00.000000Z" for n in (1, 2, 3)))
    for one in case.facts:
        kind = book.types[one.type]
        for _ in range(draw.choice((0, 0, 1, 2))):
            other = draw.choice([fact for fact in case.facts if fact.type == one.type])
            values = {name: value for name, value in other.values.items() if name not in kind.same_when}
            values |= {name: one.values[name] for name in kind.same_when if name in one.values}
            values = values if kind.same_when else dict(one.values)
            status = draw.choice(list(book.fact_statuses))
            reports.append(msgspec.structs.replace(one, values=values, status=status, recorded_at=draw.choice(days)))
    draw.shuffle(reports)
    return [one for one in reports if "" not in one.values.values()]


def test_stored_documents_read_into_columns_are_what_the_case_reader_merges() -> None:
    draw = random.Random(1)
    several = 0
    for book, cases in drawn(range(30_000, 30_000 + RULEBOOKS), 6):
        reader = CaseReader(book)
        own: list[list[bytes]] = []
        shared: list[bytes] = []
        for case in cases:
            reports = [fact_document(book, one) for one in reported_again(draw, book, case)]
            about = [one for one in reports if book.types[msgspec.json.decode(one)["type"]].about_everyone]
            shared = shared or about
            own.append([one for one in reports if one not in about])
        documents = Documents(book, shared)
        merged = []
        for case, told in zip(cases, own, strict=True):
            known = {name: value for name, value in case.producer.attributes.items() if value != ""}
            producer = msgspec.structs.replace(case.producer, attributes=known)
            documents.add(producer_document(book, producer), b"[" + b",".join(told) + b"]")
            facts = merge(reader.stored([*told, *shared]))
            several += len(told) + len(shared) - len(facts)
            merged.append(msgspec.structs.replace(case, producer=producer, facts=facts))
        columnar, day = Columnar(book), cases[0].as_of

        ours = told_by_row(columnar.grade(documents.population(), day))
        assert ours == told_by_row(columnar.grade(population_of(book, merged), day))
    assert several > RULEBOOKS * 6


@pytest.mark.parametrize(
    "document",
    [
        {"type": "other", "fields": {}, "status": "gone"},
        {"type": "none", "fields": {}},
        {"type": "sample", "fields": {"size": True}},
        {"type": "sample", "fields": {"level": "middle"}},
        {"type": "sample", "fields": {"level": ["low"]}},
        {"type": "sample", "fields": {"size": 2**70}},
        {"type": "sample", "fields": {"sise": 1}},
    ],
)
def test_a_document_that_is_unusual_is_left_to_the_case_reader(document: dict[str, Any]) -> None:
    documents = Documents(bind(rulebook({"standard": "S", "lose": 1})), [])
    producer = msgspec.json.encode({"id": "P", "kind": "farm", "attributes": {"limit": 1, "born": "2000-01-01"}})

    def read() -> None:
        documents.add(producer, msgspec.json.encode([document]))
        documents.population()

    with pytest.raises(Unusual):
        read()


@pytest.mark.parametrize(
    ("first", "then", "fits"),
    [
        ("a" * 200, "b" * 200, True),
        ("a", "a", True),
        ("全角 文字", "全角 文字", True),  # a character that isn't printable, and no control character
        ("a" * 200, "b" * 201, False),
        ("", "a", False),
        ("a", "", False),
        ("a\x07", "a\x07", False),
        ("a", 5, False),
        ("a", ["a"], False),
        (None, "a", False),
    ],
)
def test_texts_read_together_are_those_that_are_read_one_by_one(first: object, then: object, fits: bool) -> None:
    files = rulebook({"standard": "S", "for_each": {"s": {"is": "sample", "where": {"word": "a"}}}, "lose": 3})
    kinds = files["vocabulary.yaml"]["facts"]
    kinds["sample"] = {"label": "甲", "fields": {"word": {"type": "text"}}}
    book = bind(files)
    producer = msgspec.json.encode(
        {"id": "P", "kind": "farm", "region": "", "attributes": {"limit": 1, "born": "2000-01-01"}}
    )
    told = [{"type": "sample", "fields": {"word": word}} for word in (first, then)]

    def read() -> list[Any]:
        documents = Documents(book, [])
        for one in told:
            documents.add(producer, msgspec.json.encode([one]))
        return told_by_row(Columnar(book).grade(documents.population(), DAY))

    def one_by_one() -> list[Any]:
        reader, gathering = CaseReader(book), Gathering(book)
        for one in told:
            gathering.add(reader.producer(producer), merge(reader.stored([msgspec.json.encode(one)])))
        return told_by_row(Columnar(book).grade(gathering.population(), DAY))

    if fits:
        assert read() == one_by_one()
        return
    with pytest.raises(Unusual):
        read()
    with pytest.raises(CaseRefused):
        one_by_one()


def test_a_long_text_that_one_field_takes_is_not_taken_by_another() -> None:
    files = rulebook({"standard": "S", "lose": 1})
    for name, most in (("sample", 300), ("other", 20)):
        field = {"type": "text", "max": most}
        files["vocabulary.yaml"]["facts"][name] = {"label": "甲", "fields": {"word": field}}
    book = bind(files)
    producer = msgspec.json.encode({"id": "P", "kind": "farm", "attributes": {"limit": 1, "born": "2000-01-01"}})

    def read(kind: str) -> Population:
        documents = Documents(book, [])
        documents.add(producer, msgspec.json.encode([{"type": "sample", "fields": {"word": "w" * 250}}]))
        documents.add(producer, msgspec.json.encode([{"type": kind, "fields": {"word": "w" * 250}}]))
        return documents.population()

    assert len(read("sample")) == 2
    with pytest.raises(Unusual):
        read("other")


def test_too_many_documents_refuse_that_producer_alone() -> None:
    book = bind(rulebook({"standard": "S", "for_each": {"s": {"is": "sample"}}, "lose": 1}))
    documents = Documents(book, [])
    attributes = {"limit": 1, "born": "2000-01-01"}
    for name, count in (("few", 2), ("many", MOST_FACTS + 1)):
        producer = msgspec.json.encode({"id": name, "kind": "farm", "attributes": attributes})
        documents.add(producer, msgspec.json.encode([{"type": "sample", "fields": {"size": n}} for n in range(count)]))

    graded = Columnar(book).grade(documents.population(), DAY)

    assert graded.grades["refused"].to_list() == [None, "limit.facts"]
    assert graded.fired.rows() == [(0, "r0", 2, 2)]


def test_a_population_of_nobody_has_no_grades(shipped: Rulebook) -> None:
    graded = Columnar(shipped).grade(population_of(shipped, []), DAY)

    assert graded.grades.height == graded.fired.height == graded.limits.height == 0


def case_of(*facts: Any, name: str = "P", **attributes: Any) -> CaseFile:
    return CaseFile(Producer(name, "farm", "330110", attributes), tuple(facts), DAY)


def small(files: Mapping[str, Any], *cases: CaseFile) -> list[dict[str, Any]]:
    """Return what the cases come to in columns, having seen that the traced engine comes to the same."""
    book = bind(files)
    assert list(differences(book, cases)) == []
    return told_by_row(Columnar(book).grade(population_of(book, cases), DAY))


def test_sums_and_products_beyond_64_bits_are_exact() -> None:
    huge = {"measure": "huge", "label": "甲", "formula": "(sizes * sizes) / limits", "rounding": "down"}
    limits = {"measure": "limits", "label": "甲", "max": {"of": "other", "field": "size"}, "when_nothing": 1}
    rule = {"standard": "S", "when": [{"measure": "huge", "at_least": 2**53 - 1}], "lose": {"formula": "huge - sizes"}}
    files = rulebook(rule, measures=[SIZES, limits, huge])
    many = [fact(n, size=2**53) for n in range(1_100)]
    other = fact(5_000, "other", size=2**53)

    exact, divided_again = small(files, case_of(*many), case_of(*many[:3], other, name="Q"))

    assert exact["points"] == {"S": 10}
    assert divided_again["fired"] == {"r0": (1, 10)}


def test_too_many_facts_or_conclusions_refuse_that_producer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grader, "MOST_DEDUCTIONS", 100)
    counting = {
        "finding": "found", "for_each": {"f": {"is": "found", "where": {"day": {"before": "as_of"}}}},
        "gives": {"day": "f.day + 1 days"},
    }  # fmt: skip
    first = {"finding": "found", "for_each": {"s": {"is": "sample"}}, "gives": {"day": "s.day"}}
    book = bind(rulebook(first, counting, finding={"day": {"type": "date", "optional": "yes"}}))
    long_ago = case_of(fact(1, day=DAY - 110), name="long ago")
    lately = case_of(fact(1, day=DAY - 3), name="lately")
    too_many = case_of(*(fact(n) for n in range(MOST_FACTS + 1)), name="too many")

    graded = Columnar(book).grade(population_of(book, [long_ago, lately, too_many]), DAY)

    assert graded.grades["refused"].to_list() == ["limit.deductions", None, "limit.facts"]
    assert graded.grades["grade"].to_list() == [None, "A", None]
    assert graded.concluded["found"]["row"].to_list() == [1] * 4
    assert graded.points["row"].to_list() == [1]


def test_pairs_beyond_memory_are_refused_and_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.columnar.columns.MOST_PAIRS", 99)
    where = {"size": {"below": "a.size"}}
    pair = {"standard": "S", "for_each": {"a": {"is": "sample"}, "b": {"is": "sample", "where": where}}, "lose": 1}
    book = bind(rulebook(pair))
    cases = [case_of(*(fact(n, size=n) for n in range(10)))]

    with pytest.raises(LimitExceeded, match="100 pairs"):
        Columnar(book).grade(population_of(book, cases), DAY)


def test_a_cap_over_unlike_weights_counts_points_in_the_order_of_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counter[str]()
    in_order = Scorer._in_order

    def noted(*given: Any) -> int:
        counted["rows"] += 1
        return in_order(*given)

    monkeypatch.setattr(Scorer, "_in_order", noted)
    points = {"label": "甲", "points": 10}
    indicators = {
        "level1": [{"id": "L", "label": "甲", "points": 30, "at_most": 12}],
        "level2": [{"id": f"K{n}", "of": "L", "weight": n, **points} for n in (1, 2, 3)],
        "standards": [{"id": f"S{n}", "of": f"K{n}", **points} for n in (1, 2, 3)],
    }
    each, found = {"for_each": {"s": {"is": "sample"}}}, {"for_each": {"s": {"is": "found"}}}
    chained = {"for_each": {"f": {"is": "found", "where": {"day": {"before": "as_of"}}}, "s": {"is": "other"}}}
    rules: list[dict[str, Any]] = [
        {"standard": "S2", **found, "lose": 3},
        {"standard": "S1", **each, "lose": 4, "at_most": 7},
        {"standard": "S3", **found, "lose": 2},
        {"standard": "S3", **each, "lose": {"formula": "max(s.size, 0) / 40", "rounding": "up"}},
        {"finding": "found", **each, "gives": {"day": "s.day", "no": "s.no"}},
        {"finding": "found", **chained, "gives": {"day": "s.day"}},
    ]
    shape = {"day": {"type": "date", "optional": "yes"}, "no": {"type": "text", "optional": "yes"}}
    files = rulebook(*rules, finding=shape, indicators=indicators)
    files["rulebook.yaml"]["scoring"]["start"] = 60
    book = bind(files)
    cases = [random_case(book, seed, facts=9, as_of=DAY) for seed in range(80)]

    assert list(differences(book, cases)) == []
    assert counted["rows"] > 20


def test_a_measure_by_group_fires_once_for_each_group() -> None:
    files = rulebook({"standard": "S", "when": [{"measure": "by_no", "at_least": 2}], "lose": 2}, measures=[BY_NO])

    (came,) = small(files, case_of(*(fact(n, no=no) for n, no in enumerate("AABBBC"))))

    assert came["fired"] == {"r0": (2, 4)}


@pytest.mark.parametrize("unit", ["days", "weeks", "months", "years", "working_days"])
def test_dates_move_as_they_do_one_by_one(unit: Any) -> None:
    draw = random.Random(unit)
    calendar = bind(written_rulebook(next(s for s in range(99) if "calendar.yaml" in written_rulebook(s)))).calendar
    days = [draw.choice((draw.randint(1, 3_652_059), DAY + draw.randint(-900, 900))) for _ in range(3_000)]
    for amount in (0, 1, -1, 5, -13, 400, -90_000):
        moved = shifted(Column(np.array(days)), Shift(amount, unit), calendar)

        known = moved.known(len(days)).tolist()
        assert [d if k else None for d, k in zip(moved.values.tolist(), known, strict=True)] == [
            add(day, amount, unit, calendar) for day in days
        ]


def test_formulas_are_exact_however_large_their_parts() -> None:
    draw = random.Random(5)
    ops = ("add", "subtract", "multiply", "divide", "min", "max")
    parts: list[dict[str, int | None]] = [
        {name: draw.choice((None, 0, 1, -1, draw.randint(-9, 9), draw.randint(-(2**53), 2**53))) for name in "abc"}
        for _ in range(400)
    ]
    columns = {
        name: Column(
            np.array([one[name] or 0 for one in parts]), np.array([one[name] is not None for one in parts])
        )
        for name in "abc"
    }  # fmt: skip
    for _ in range(120):

        def arithmetic(depth: int) -> Any:
            if depth == 0:
                return draw.choice((Num(3), *(Ref("measure", name, "whole") for name in "abc")))
            args = (arithmetic(depth - 1), arithmetic(depth - 1))
            return Arithmetic(draw.choice(ops), args, draw.choice(("down", "up", "half_up")))  # type: ignore[arg-type]

        formula = arithmetic(draw.randint(1, 3))
        found = computed(formula, lambda ref: columns[ref.name]).spread(len(parts))
        known = found.known(len(parts)).tolist()

        assert [v if k else None for v, k in zip(found.values.tolist(), known, strict=True)] == [
            evaluate_formula(formula, lambda ref, one=one: one[ref.name])  # type: ignore[misc]
            for one in parts
        ]


def test_quotients_round_as_they_do_one_by_one() -> None:
    over = np.array([-7, 7, 5, -5, 0, 2**61])
    under = np.array([2, 2, -2, 10, 3, 7])
    for rounding in ("down", "up", "half_up"):
        assert divided(over, under, rounding).tolist() == [
            divide(a, b, rounding) for a, b in zip(over.tolist(), under.tolist(), strict=True)
        ]


def test_sums_of_large_numbers_don_t_wrap() -> None:
    assert summed(np.full(4_096, 2**53), np.array([0, 1])).tolist() == [2**53, 4_095 * 2**53]


@pytest.mark.parametrize("sure", [True, False])
def test_pairs_by_key_are_those_that_looking_at_all_finds(sure: bool) -> None:
    draw = random.Random(3)
    for spread in (5, 2**60):
        left, right = (
            [(p, draw.choice((None, *range(0, spread, spread // 5)))) for p in sorted(draw.choices(range(5), k=40))]
            for _ in range(2)
        )
        sides = [
            (
                np.array([p for p, _ in side]),
                Column(np.array([k or 0 for _, k in side]), np.array([k is not None for _, k in side])),
            )
            for side in (left, right)
        ]

        a, b = keyed_pairs(sides[0], sides[1], sure=sure)

        expected = {
            (i, j)
            for i, (p, k) in enumerate(left)
            for j, (q, m) in enumerate(right)
            if p == q and (k == m is not None or (not sure and (k is None or m is None)))
        }
        assert sorted(zip(a.tolist(), b.tolist(), strict=True)) == sorted(expected)
