"""Decision models as the well-known tools write them: what each answers, and what of one is refused and where."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from authoring.dmn import import_dmn
from authoring.dmn_reading import DmnRefused
from authoring.policy import policy
from authoring.policy_html import policy_page
from authoring.workbook import export_workbook, import_workbook
from knowledge.loader import check_rulebook
from tests.authoring.dmn_answers import Answers

MODELS = Path(__file__).parent / "dmn"
N = Decimal


def inspected(grade: str | None, failed: int, total: int, banned: bool | None = False) -> dict[str, Any]:
    given = {"Credit grade": grade, "Failed samples": N(failed), "Total samples": N(total)}
    return {name: value for name, value in {**given, "Banned substance found": banned}.items() if value is not None}


@pytest.mark.parametrize(
    ("model", "inputs", "answers"),
    [
        ("modeler-subsidy", {"crop": "rice", "area": N("3.35")}, {"Rate": N("187.5"), "Amount": N("596.72")}),
        ("modeler-subsidy", {"crop": "rice", "area": N("3.35")}, {"Desk": "county"}),
        ("modeler-subsidy", {"crop": "rice", "area": N("3.349999")}, {"Rate": N("120.25"), "Desk": "township"}),
        ("modeler-subsidy", {"crop": "tea", "area": N("12.34")}, {"Amount": N("703.38"), "Desk": "county"}),
        ("modeler-subsidy", {"crop": "rice", "area": N("0.1")}, {"Rate": None, "Amount": None, "Desk": None}),
        ("modeler-subsidy", {"area": N("5.5")}, {"Rate": N(60), "Amount": N("313.5"), "Desk": "township"}),
        (
            "kie-fertiliser",
            {"Field.Area": N("2.4"), "Field.Soil": "sand", "Nitrogen applied": N("270.000001")},
            {"Allowed nitrogen": N("112.5"), "Excess": N("0.000001"), "Warning": "slight"},
        ),
        (
            "kie-fertiliser",
            {
                "Field.Area": N("1.5"),
                "Field.Soil": "clay",
                "Field.Owner.Is Cooperative": False,
                "Nitrogen applied": N("282.375"),
            },
            {"Allowed nitrogen": N("165.75"), "Excess": N("33.75"), "Warning": "slight"},
        ),
        (
            "kie-fertiliser",
            {
                "Field.Area": N("1.5"),
                "Field.Soil": "clay",
                "Field.Owner.Is Cooperative": False,
                "Nitrogen applied": N("282.376"),
            },
            {"Excess": N("33.751"), "Warning": "serious"},
        ),
        (
            "kie-fertiliser",
            {"Field.Area": N(2), "Field.Soil": "loam", "Field.Owner.Is Cooperative": True, "Nitrogen applied": N(1)},
            {"Allowed nitrogen": N(180), "Excess": N(0), "Warning": "none"},
        ),
        ("kie-fertiliser", {"Field.Area": N(2), "Nitrogen applied": N(1)}, {"Excess": None, "Warning": "slight"}),
        ("graph-inspection", inspected("E", 0, 10), {"Strictest measure": "on site visit"}),
        ("graph-inspection", inspected("E", 0, 10, banned=True), {"Strictest measure": "closed, for now"}),
        ("graph-inspection", inspected("A", 5, 100), {"Strictest measure": "none"}),
        ("graph-inspection", inspected("A", 11, 100), {"Strictest measure": "desk review"}),
        ("graph-inspection", inspected("B", 10, 100), {"Strictest measure": "on site visit"}),
        ("graph-inspection", inspected("B", 21, 100), {"Strictest measure": "desk review"}),
        ("graph-inspection", inspected(None, 51, 100), {"Strictest measure": "on site visit"}),
        ("graph-inspection", inspected("B", 3, 0), {"Strictest measure": "none"}),
        ("dated-permits", {"Trained": True}, {"Standing": "unknown", "May sell": False}),
        ("dated-permits", {"Valid until": date(2026, 5, 31), "Trained": True}, {"Standing": "lapsed"}),
        ("dated-permits", {"Valid until": date(2026, 7, 1), "Trained": True}, {"Standing": "renew", "May sell": True}),
        ("dated-permits", {"Valid until": date(2026, 7, 1)}, {"Standing": "renew", "May sell": None}),
        ("dated-permits", {"Valid until": date(2026, 7, 2), "Registered on": date(2015, 6, 30)}, {"Standing": "old"}),
        (
            "dated-permits",
            {"Valid until": date(2026, 7, 2), "Registered on": date(2015, 7, 1), "Trained": False},
            {"Standing": "good", "May sell": False},
        ),
        ("dated-permits", {"Valid until": date(2026, 7, 2)}, {"Standing": None, "May sell": False}),
        (
            "scorecard",
            {"记录率": N("0.955"), "培训学时": N("7.5"), "投诉": N(0), "上年得分": N("76.5")},
            {"加分": N("3.4375"), "总分": N("90.0"), "档次": "优"},
        ),
        (
            "scorecard",
            {"记录率": N("0.954999"), "培训学时": N(40), "投诉": N(7), "上年得分": N("52.2")},
            {"加分": N("-2.25"), "总分": N("75.0"), "档次": "良"},
        ),
        ("scorecard", {"记录率": N("0.9"), "上年得分": N("52.2")}, {"加分": None, "总分": None, "档次": None}),
    ],
)
def test_a_model_answers_as_its_tables_say(model: str, inputs: dict[str, Any], answers: dict[str, Any]) -> None:
    content = (MODELS / f"{model}.dmn").read_bytes()
    with Answers(import_dmn(content, f"{model}.dmn")[0].rulebook) as asked:
        found = asked.of(inputs)

    assert {name: found[name][0][1][0] if found[name] else None for name in answers} == answers


def test_everything_that_a_model_holds_besides_its_tables_is_named() -> None:
    notes = import_dmn((MODELS / "kie-fertiliser.dmn").read_bytes(), "kie.dmn")[1]

    assert [note.message.split(" is left out")[0] for note in notes] == [
        "`tField`", "`tSoil`", "`extensionElements`", "`extensionElements`", "`extensionElements`",
        "`Fertiliser service`", "`textAnnotation`", "`DMNDI`",
        "`Field.Area` takes numbers of at most 6 decimal places, up to 9007199254",
        "`Nitrogen applied` takes numbers of at most 6 decimal places, up to 9007199254",
    ]  # fmt: skip


def test_inputs_that_a_file_does_not_declare_are_named() -> None:
    notes = import_dmn((MODELS / "modeler-subsidy.dmn").read_bytes(), "m.dmn")[1]

    assert [note.place for note in notes if "is taken as an input" in note.message] == ["m.dmn:5:7", "m.dmn:11:7"]


def test_each_decision_that_is_not_carried_over_is_named_with_its_place() -> None:
    with pytest.raises(DmnRefused) as caught:
        import_dmn((MODELS / "refused.dmn").read_bytes(), "r.dmn")

    found = sorted((int(one.place.split(":")[1]), one.message) for one in caught.value.problems)
    assert [line for line, _ in found] == [4, 5, *range(9, 18)]
    wanted = ("a list", "`date and time`", "`rate(…)`", "`context`", "`starts with(…)`", "a division by 3",
              "`date and time(…)`", "`some`", "only numbers are computed with", "`groovy`", "`sqrt(…)`")  # fmt: skip
    assert all(what in message for what, (_, message) in zip(wanted, found, strict=True))


@pytest.mark.parametrize(
    "model", ["modeler-subsidy", "kie-fertiliser", "graph-inspection", "dated-permits", "scorecard"]
)
def test_an_imported_model_loads_from_its_files_and_goes_through_a_workbook(model: str, tmp_path: Path) -> None:
    imported = import_dmn((MODELS / f"{model}.dmn").read_bytes(), f"{model}.dmn", "model")[0]
    folder = tmp_path / "model" / "1"
    for name, text in imported.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    rulebook, problems = check_rulebook(folder)

    assert problems == ()
    assert rulebook is not None
    assert rulebook.sha256 == imported.rulebook.sha256
    assert import_workbook(export_workbook(folder), "m.xlsx").rulebook.sha256 == rulebook.sha256
    assert policy_page(policy(rulebook, (), "en"))
