"""Whom a change of rules moves, held against gradings one by one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from authoring.draftfiles import read_files
from authoring.edits import MOST_EDITS, Edit, EditRefused, edited
from authoring.impact import impact
from authoring.moves import Impact, agree, as_csv, report
from authoring.populations import Populations
from batch.city import city_cases, city_population, load_city
from batch.population import write_city
from engine.case import CaseFile, Producer
from engine.columnar import Columnar, population_of
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import fact_document, producer_document
from knowledge.catalog import Catalog
from knowledge.loader import bind
from knowledge.population import load_population
from knowledge.problems import CaseRefused, EngineDisagreement
from knowledge.rulebook import Rulebook
from store.ledger import EVERYONE, Store
from tests.engine.columnar_comparison import told_by_row
from tests.engine.test_agreement import DAY, fact, rulebook

CITY_DAY = date(2026, 11, 1).toordinal()
EDITS = (
    Edit("bands/A/from", 880),
    Edit("bands/B/to", 879),
    Edit("rules/S14/lose/1/points", 20),
    Edit("rules/S14/lose/0/below", "75%"),
    Edit("indicators/I4/weight", 2),
    Edit("rules/C2/when/0/at_most", 6),
)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return read_files(next(iter(Catalog().versions())).folder)


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    catalog = Catalog()
    return catalog.load(next(iter(catalog.versions())).folder)


@pytest.fixture(scope="module")
def folder(shipped: Rulebook, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("city")
    day = date.fromordinal(CITY_DAY)
    write_city(made, shipped, load_population(shipped), producers=280, seed=2021, as_of=day)
    return made


@pytest.fixture(scope="module")
def city(folder: Path, shipped: Rulebook) -> list[CaseFile]:
    return list(city_cases(folder, shipped, CITY_DAY))


@pytest.fixture(scope="module")
def changed(files: dict[str, bytes]) -> Rulebook:
    return edited(files, EDITS)


@pytest.fixture(scope="module")
def both(shipped: Rulebook, changed: Rulebook, city: list[CaseFile]) -> Iterator[list[tuple[Grading, Grading]]]:
    evaluators = Evaluator(shipped), Evaluator(changed)
    yield [(evaluators[0].grade(case), evaluators[1].grade(case)) for case in city]
    for evaluator in evaluators:
        evaluator.close()


@pytest.fixture(scope="module")
def moved(shipped: Rulebook, changed: Rulebook, city: list[CaseFile]) -> Impact:
    return impact(shipped, changed, lambda book: population_of(book, city), CITY_DAY)


def test_the_matrix_counts_what_each_producer_is_graded(moved: Impact, both: Sequence[tuple[Grading, Grading]]) -> None:
    counted = Counter((before.grade, after.grade) for before, after in both)

    assert moved.matrix == [[counted[a, b] for b in moved.after.grades] for a in moved.before.grades]
    assert moved.better == sum(a.grade > b.grade for a, b in both) > 0
    assert moved.worse == sum(a.grade < b.grade for a, b in both) > 0
    assert moved.same + moved.better + moved.worse == moved.producers == len(both)
    assert moved.scores == sum(a.score.value != b.score.value for a, b in both)


def test_every_mover_opened_with_its_trail_comes_to_the_same(
    moved: Impact, both: Sequence[tuple[Grading, Grading]]
) -> None:
    by_id = {before.producer: (before, after) for before, after in both}

    assert {mover.id for mover in moved.movers} == {a.producer for a, b in both if a.grade != b.grade}
    for mover in moved.movers:
        agree(mover, *by_id[mover.id])
    with pytest.raises(EngineDisagreement):
        agree(moved.movers[0], by_id[moved.movers[0].id][0], by_id[moved.movers[0].id][0])


def test_the_rules_responsible_are_those_that_fire_otherwise(
    moved: Impact, both: Sequence[tuple[Grading, Grading]], shipped: Rulebook
) -> None:
    deciding = {rule.id for rule in shipped.rules if rule.kind in ("standard", "ceiling", "veto")}
    by_id = {before.producer: (before, after) for before, after in both}
    named = Counter[str]()
    for mover in moved.movers:
        before, after = (Counter((d.rule, d.points) for d in one.deductions) for one in by_id[mover.id])
        differ = {rule for rule, _ in (before - after) + (after - before)} & deciding
        assert {one.rule for one in mover.rules} == differ
        assert all(one.changed for one in mover.rules)
        named.update(differ)

    assert set(named) == {"S14", "C2"} == {one.rule for one in moved.rules}
    assert {one.rule: one.worse + one.better for one in moved.rules} == named


def test_points_by_standard_are_those_of_all_gradings(moved: Impact, both: Sequence[tuple[Grading, Grading]]) -> None:
    for place, one in enumerate(moved.standards):
        pairs = [(before.standards[place].points, after.standards[place].points) for before, after in both]
        assert (one.before, one.after) == (sum(a for a, _ in pairs), sum(b for _, b in pairs))
        assert (one.more, one.less) == (sum(b > a for a, b in pairs), sum(b < a for a, b in pairs))

    assert [one.id for one in moved.standards if one.before != one.after] == ["S14"]


def test_lines_are_crossed_by_those_whose_consequences_differ(
    moved: Impact, both: Sequence[tuple[Grading, Grading]]
) -> None:
    subsidies: dict[str, list[int]] = {}
    for before, after in both:
        had, has = (
            {str(one.values["scheme"]) for one in grading.consequences if one.type == "policy_eligible"}
            for grading in (before, after)
        )
        for scheme in had ^ has:
            subsidies.setdefault(scheme, [0, 0])[scheme in had] += 1
    lines = {str(one.values["scheme"]): [one.comes, one.goes] for one in moved.lines if one.name == "policy_eligible"}
    ceilings = {one.name: one.comes for one in moved.lines if one.kind == "ceiling"}

    assert lines == subsidies
    assert lines
    assert ceilings == {
        "C2": sum("C2" in {one.id for one in b.ceilings} - {one.id for one in a.ceilings} for a, b in both)
    }


def test_parts_add_up_to_the_whole(moved: Impact, city: list[CaseFile], shipped: Rulebook) -> None:
    assert {"region", "kind", "sector", "registered_on", "size"} <= set(moved.by)
    for parts in moved.by.values():
        assert sum(part.producers for part in parts) == moved.producers
        assert sum(part.movers for part in parts) == len(moved.movers)
    kinds = Counter(case.producer.kind for case in city)
    assert {part.name: part.producers for part in moved.by["kind"]} == kinds
    years = Counter(str(date.fromordinal(int(case.producer.attributes["registered_on"])).year) for case in city)
    assert {part.name: part.producers for part in moved.by["registered_on"]} == years
    sizes = [tuple(map(int, part.name.split("–"))) for part in moved.by["size"]]
    counts = [sum(shipped.fact_statuses[fact.status].counts for fact in case.facts) for case in city]
    assert sizes == sorted(sizes)
    assert len(sizes) == 4
    assert [part.producers for part in moved.by["size"]] == [
        sum(low <= count <= high for count in counts) for low, high in sizes
    ]


def test_a_rule_of_another_measure_is_told_as_changed(
    shipped: Rulebook, files: dict[str, bytes], city: list[CaseFile]
) -> None:
    longer = edited(files, [Edit("measures/record_coverage/within", "36 months")])
    told = impact(shipped, longer, lambda book: population_of(book, city), CITY_DAY)

    changed = {change.rule for mover in told.movers for change in mover.rules if change.changed}
    assert {"S14", "S14-scale"} & changed
    assert all(rule.startswith("S14") for rule in changed)


def test_the_same_rules_move_nobody(shipped: Rulebook, city: list[CaseFile]) -> None:
    still = impact(shipped, shipped, lambda book: population_of(book, city), CITY_DAY)

    assert (still.movers, still.rules, still.lines, still.scores) == ([], [], [], 0)
    assert still.same == sum(still.matrix[n][n] for n in range(len(still.matrix))) == len(city)


def test_a_publication_carries_numbers_and_no_names(moved: Impact) -> None:
    told = report(moved)

    assert told["movers"] == len(moved.movers)
    assert moved.movers[0].id not in msgspec.json.encode(told).decode()


def test_no_cell_of_the_table_is_a_formula(moved: Impact) -> None:
    mover = msgspec.structs.replace(moved.movers[0], id="=cmd|x", attributes={"township": "+1", "sector": "planting"})
    table = as_csv(msgspec.structs.replace(moved, movers=[mover]))

    assert table.startswith("\ufeffproducer,kind,region,township,sector,grade_before,")
    assert "\n'=cmd|x," in table
    assert ",'+1,planting," in table


def test_populations_of_unlike_order_are_compared_producer_by_producer() -> None:
    files = rulebook({"standard": "S", "for_each": {"s": {"is": "sample"}}, "lose": 2})
    before = bind(files)
    after = bind(files | {"bands.yaml": [{"grade": "A", "word": "甲", "from": 9}, {"grade": "B", "word": "甲"}]})
    cases = [CaseFile(Producer(f"P{n}", "farm", "1", {}), tuple(map(fact, range(n))), DAY) for n in range(4)]

    moved = impact(
        before, after, lambda book: population_of(book, cases if book is before else cases[:0:-1]), DAY
    )  # fmt: skip

    assert [(one.id, one.score) for one in moved.movers] == [("P1", (8, 8)), ("P2", (6, 6))]
    assert moved.producers == 3


def test_a_city_read_into_columns_is_its_cases(
    folder: Path, shipped: Rulebook, city: list[CaseFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columnar = Columnar(shipped)
    cases = told_by_row(columnar.grade(population_of(shipped, city), CITY_DAY))

    with monkeypatch.context() as without:
        without.setattr("batch.city.population_of", None)  # nothing in it needs the slow way
        assert told_by_row(columnar.grade(city_population(folder, shipped), CITY_DAY)) == cases
    (tmp_path / "producers.jsonl").write_bytes(b'{"producer": {"id": "P"}, "facts": []}\n')
    with pytest.raises(CaseRefused, match="line 1"):
        city_population(tmp_path, shipped)


# Changes for the length of a question


@pytest.mark.parametrize(
    ("at", "near"),
    [
        ("band/A/from", "bands"),
        ("rules/LESSONS/at_most", "LESSON"),
        ("rules/LESSON/loose/0/points", "lose"),
        ("rules/LESSON/lose/9/points", None),
        ("rules/LESSON/lose/0/bellow", "below"),
        ("rules/LESSON/lose", None),
        ("scoring/unit", None),
        ("", None),
    ],
)
def test_an_address_that_names_nothing_is_refused(at: str, near: str | None) -> None:
    small = read_files(Path(__file__).parent.parent / "rulebooks/api/orchard/1")
    with pytest.raises(EditRefused) as refused:
        edited(small, [Edit("bands/A/from", 88), Edit(at, 5)])

    (problem,) = refused.value.problems
    assert problem.place == "/edits/1/at"
    assert problem.help == (None if near is None else f"did you mean `{near}`?")


def test_what_comes_out_is_checked_like_any_rulebook(files: dict[str, bytes]) -> None:
    with pytest.raises(EditRefused) as refused:
        edited(files, [Edit("bands/A/from", 880)])
    with pytest.raises(EditRefused):
        edited(files, [Edit("bands/A/from", 880)] * (MOST_EDITS + 1))

    assert {problem.place.split(":")[0] for problem in refused.value.problems} == {"bands.yaml"}


def test_points_of_a_standard_move_the_totals_above_it(files: dict[str, bytes], shipped: Rulebook) -> None:
    standard = shipped.standards["S14"]
    book = edited(files, [Edit("standards/S14/points", standard.points + 5)])

    parent = shipped.indicators[standard.indicator].parent or ""
    assert book.standards["S14"].points == standard.points + 5
    assert book.indicators[parent].points == shipped.indicators[parent].points + 5
    assert book.sha256 != shipped.sha256


# Everybody in a ledger


def test_a_population_takes_in_what_was_entered_since(
    shipped: Rulebook, folder: Path, city: list[CaseFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "city"
    small.mkdir()
    for name in ("everyone.json", "producers.jsonl"):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (small / name).write_bytes(b"".join(lines[:25]))
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    load_city(small, shipped, store, lambda *_: None)
    populations, columnar = Populations(store), Columnar(shipped)

    monkeypatch.setattr("authoring.populations.Gathering", None)  # nothing in it needs the slow way

    def by_name() -> dict[str, dict[str, Any]]:
        kept, fresh = populations.of(shipped), Populations(store).of(shipped)
        told = [dict(zip(one.ids, told_by_row(columnar.grade(one, CITY_DAY)), strict=True)) for one in (kept, fresh)]
        assert told[0] == told[1]
        return told[0]

    first = by_name()
    assert populations.of(shipped) is populations.of(shipped)
    with store.write() as transaction:
        for case in city[:3]:
            facts = [fact for fact in city[-1].facts if not shipped.types[fact.type].about_everyone]
            transaction.add_facts(case.producer.id, [fact_document(shipped, one) for one in facts])
        new = msgspec.structs.replace(city[0].producer, id="NEW")
        transaction.put_producer("NEW", producer_document(shipped, new))
    second = by_name()
    changed = {name for name in second if second[name] != first.get(name)}
    assert "NEW" in changed <= {"NEW", *(case.producer.id for case in city[:3])}
    assert len(changed) > 1

    about = [fact for fact in city[0].facts if shipped.types[fact.type].about_everyone]
    with store.write() as transaction:
        again = [msgspec.structs.replace(fact, status="revoked", recorded_at=None) for fact in about]
        transaction.add_facts(EVERYONE, [fact_document(shipped, one) for one in again])
    by_name()
    assert populations.case(shipped, "NEW", CITY_DAY) is not None
    assert populations.case(shipped, "nobody", CITY_DAY) is None
    store.close()


def test_everybody_is_read_ahead_with_rests_that_a_question_ends(
    shipped: Rulebook, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    load_city(folder, shipped, store, lambda *_: None)
    monkeypatch.setattr("authoring.populations._REST", 10_000.0)
    populations = Populations(store)
    ahead = threading.Thread(target=populations.read_ahead, args=(shipped,))
    ahead.start()
    ahead.join(2.0)
    assert ahead.is_alive()

    population = populations.of(shipped)
    ahead.join(60)
    assert not ahead.is_alive()
    assert populations.of(shipped) is population

    stopped = Populations(store)
    ahead = threading.Thread(target=stopped.read_ahead, args=(shipped,))
    ahead.start()
    ahead.join(2.0)
    stopped.stop()
    ahead.join(60)
    assert not ahead.is_alive()
    with monkeypatch.context() as fewer:
        fewer.setattr("authoring.populations._MOST_AHEAD", 1)
        fewer.setattr(Populations, "_of", None)
        Populations(store).read_ahead(shipped)
    store.close()


def test_a_file_s_edits_stay_out_of_the_next_question(files: dict[str, bytes], shipped: Rulebook) -> None:
    best = shipped.bands[0]
    changed = edited(files, [Edit(f"bands/{best.grade}/from", 890), Edit(f"bands/{shipped.bands[1].grade}/to", 889)])

    assert changed.bands[0].low == 890
    assert edited(files, []).bands == shipped.bands


def test_a_ledger_whose_facts_don_t_fit_is_refused_with_the_place(shipped: Rulebook, tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    with store.write() as transaction:
        transaction.put_producer(
            "P",
            b'{"attributes":{"sector":"planting","registered_on":"2020-01-01","township":"a","product":"b"},"id":"P","kind":"enterprise","region":""}',
        )
        transaction.add_facts("P", [b'{"type":"nothing","fields":{}}'])

    with pytest.raises(CaseRefused) as refused:
        Populations(store).of(shipped)

    assert refused.value.problems[0].place == "/0/type"
    store.close()
