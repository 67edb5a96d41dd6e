"""Mappings are checked against the rulebook, and every problem says its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge.loader import load_rulebook
from knowledge.mapping import MappingMissing, MappingRefused, load_mapping

ROOT = Path(__file__).parent.parent.parent
ORCHARD = load_rulebook(ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1")
GOOD = """\
format: csv
producer: 主体
type: test
fields:
  number: 编号
  result: {column: 结论, values: {合格: pass, 不合格: fail}}
  taken_on: {column: 日期, format: "%Y/%m/%d"}
"""


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    """Return place and code of every problem of a mapping."""
    path = folder / "m.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(MappingRefused) as refused:
        load_mapping(path, ORCHARD)
    return [(one.place, one.code) for one in refused.value.problems]


def test_a_mapping_is_bound_to_the_words_of_a_rulebook(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(GOOD, "utf-8")

    mapping = load_mapping(path, ORCHARD)

    assert mapping.columns() == {"主体", "编号", "结论", "日期"}
    assert mapping.fields["test"]["result"].values == {"合格": "pass", "不合格": "fail"}
    assert (mapping.sheet.encoding, mapping.sheet.header, mapping.type.constant) == ("auto", 1, "test")


@pytest.mark.parametrize(
    ("old", "new", "place", "code"),
    [
        ("type: test", "type: tset", "m.yaml:3:1", "name.unknown"),
        ("  number:", "  numbre:", "m.yaml:5:3", "name.unknown"),
        ("fail}}", "failed}}", "m.yaml:6:43", "name.unknown"),
        ("format: csv", "format: pdf", "m.yaml:1:1", "shape.value"),
        ("format: csv", "format: json", "m.yaml:1:1", "mapping.format"),
        ("producer: 主体\n", "", "m.yaml:1:1", "shape.missing_key"),
        ("producer:", "producer: 主体\nprodcer:", "m.yaml:3:1", "shape.unknown_key"),
        ('"%Y/%m/%d"', '"%Y/%d"', "m.yaml:7:26", "mapping.format"),
        ('"%Y/%m/%d"', '"%Y/%m/%d %p"', "m.yaml:7:26", "mapping.format"),
        ("{column: 日期,", "{column: 日期, constant: 2026-01-01,", "m.yaml:7:3", "mapping.value"),
        ("number: 编号", "number: {column: 编号, format: '%Y-%m-%d'}", "m.yaml:5:24", "mapping.format"),
        ("  number: 编号\n", "", "m.yaml:4:1", "shape.missing_key"),
        ("type: test", "type: {column: 类型}", "m.yaml:3:1", "mapping.values"),
        ("type: test", "type: test\nstatus: gone", "m.yaml:4:1", "name.unknown"),
        ("fields:", "fields_of: {lesson: {}}\nfields:", "m.yaml:4:13", "name.unknown"),
        ("  number:", "  proven: {column: 证, values: {是: perhaps}}\n  number:", "m.yaml:5:32", "mapping.value"),
        ("  number:", "  count: {constant: many}\n  number:", "m.yaml:5:11", "mapping.value"),
        ("fields:", "fields: &a", "m.yaml:4:9", "yaml.alias"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(tmp_path: Path, old: str, new: str, place: str, code: str) -> None:
    assert (place, code) in problems(tmp_path, GOOD.replace(old, new, 1))


def test_a_mapping_of_several_types_has_columns_of_each(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    text = GOOD.replace("type: test", "type: {column: 类型, values: {检测: test, 培训: lesson}}")
    path.write_text(text + "fields_of:\n  lesson: {given_on: 日期}\n", "utf-8")

    mapping = load_mapping(path, ORCHARD)

    assert {kind: sorted(fields) for kind, fields in mapping.fields.items()} == {
        "test": ["number", "result", "taken_on"],
        "lesson": ["given_on"],
    }


def test_a_mapping_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MappingMissing):
        load_mapping(tmp_path / "none.yaml", ORCHARD)
