"""YAML as people write it: which words stay words, what is no different for a reader, and what texts may hold."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge import source
from knowledge.loader import check_rulebook, load_rulebook
from knowledge.problems import Problem
from knowledge.rulebook import Rulebook
from knowledge.source import read_document
from tests.knowledge.bad_cases import BASE, HERE, BadCase

ROOT = HERE.parent.parent
BOOKS = [BASE, ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1", ROOT / "examples" / "hygiene"]


def read(text: str | bytes) -> Any:
    problems: list[Problem] = []
    document = read_document("x.yaml", text if isinstance(text, bytes) else text.encode(), problems)
    assert problems == []
    return document.data


def changed(folder: Path, *edit: dict[str, Any]) -> Path:
    return BadCase(Path("x"), "", list(edit), []).put(folder)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("Yes", "Yes"), ("TRUE", "TRUE"),
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("'null'", "null"),
        ("12:30:45", "12:30:45"), ("1:30", "1:30"), ("010", "010"), ("0o10", "0o10"), ("0x1F", "0x1F"),
        ("1_000", "1_000"), ("1e3", "1e3"), (".5", ".5"), ("5.", "5."), (".inf", ".inf"), (".NaN", ".NaN"),
        ("2026-03-01", "2026-03-01"), ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"), ("=", "="),
        ("12", 12), ("-3", -3), ("'12'", "12"), ("0.10", Decimal("0.10")), ("-1.5", Decimal("-1.5")), ("70%", "70%"),
    ],
)  # fmt: skip
def test_a_word_means_what_it_means_in_yaml_1_2_and_nothing_is_a_float(written: str, meant: Any) -> None:
    value = read(f"key: {written}")["key"]

    assert value == meant
    assert type(value) is type(meant)


def test_a_mark_of_byte_order_and_other_ends_of_lines_make_no_difference() -> None:
    assert read(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - 2\r\n") == read("a: 1\nb:\n  - 2\n")


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.name)
def test_the_parser_in_python_gives_the_same_data_and_places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(folder.rglob("*.yaml"))
    fast = [read_document(path.name, path.read_bytes(), []) for path in names]

    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)
    slow = [read_document(path.name, path.read_bytes(), []) for path in names]

    assert [(one.data, one.places, one.values) for one in slow] == [(one.data, one.places, one.values) for one in fast]


def test_markup_in_texts_is_text(tmp_path: Path) -> None:
    markup = "<script>alert(1)</script> & <b>重</b> javascript:alert(1) [x](javascript:alert(1)) \\u003c"
    folder = changed(
        tmp_path,
        {"file": "vocabulary.yaml", "replace": "shop: {zh: 店铺, en: shop}", "with": f"shop: {{zh: '{markup}'}}"},
        {
            "file": "rules/standards.yaml",
            "replace": "because: 记录率 {recorded_share}。",
            "with": f"because: '{markup}'",
        },
    )

    rulebook, problems = check_rulebook(folder)

    assert problems == ()
    assert rulebook is not None
    assert rulebook.kinds["shop"].zh == markup


def grades(rulebook: Rulebook, *facts: dict[str, Any]) -> set[str]:
    """Return the rules that fire."""
    producer = {"id": "P1", "kind": "shop", "region": "330110", "attributes": {"opened_on": "2026-01-05"}}
    document = msgspec.json.encode({"producer": producer, "facts": facts})
    evaluator = Evaluator(rulebook)
    try:
        grading = evaluator.grade(CaseReader(rulebook).case(document, as_of=739_706))
    finally:
        evaluator.close()
    return {deduction.rule for deduction in grading.deductions}


@pytest.mark.parametrize(
    ("one", "other"), [("costarring", "liquid"), ("declinate", "macallums"), ("altarage", "zinke")]
)
def test_names_that_the_kernel_would_hash_alike_are_told_apart(one: str, other: str, tmp_path: Path) -> None:
    """Names never reach the kernel, which knows a name by 32 bits (FNV-1a): it sees numbers alone."""
    kinds = "".join(f"  {name}:\n    label: {name}\n    fields: {{{name}: yes_no}}\n" for name in (one, other))
    rule = "- {{standard: S4, rule: {0}, for_each: {{{0}: {{is: {0}, where: {{{0}: yes}}}}}}, lose: 1, law: TRADE-7}}\n"
    rulebook = load_rulebook(
        changed(
            tmp_path,
            {"file": "vocabulary.yaml", "replace": "findings:\n", "with": kinds + "findings:\n"},
            {"file": "rules/more.yaml", "write": rule.format(one) + rule.format(other)},
        )
    )

    assert grades(rulebook, {"type": one, "fields": {one: True}}) & {one, other} == {one}
    assert grades(rulebook, {"type": other, "fields": {other: True}}) & {one, other} == {other}
