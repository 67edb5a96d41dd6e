"""Changes of two people to one version: kept where they don't meet, named where they do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authoring.merging import Conflict, merge

ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted((ROOT / "knowledge" / "rulebooks").rglob("*.yaml"))
BASE = """# rules of testing
- standard: S1  # the first
  lose: 10
# about the second
- standard: S2
  lose: 20
- rule: extra
  standard: S2
  lose: 5
"""


def merged(base: str, ours: str, theirs: str, **take: str) -> tuple[str, list[Conflict]]:
    files, conflicts = merge(
        {"rules/a.yaml": base.encode()},
        {"rules/a.yaml": ours.encode()},
        {"rules/a.yaml": theirs.encode()},
        {"rules/a.yaml": {part.replace("_", " "): side for part, side in take.items()}},  # type: ignore[misc]
    )
    return files.get("rules/a.yaml", b"").decode(), conflicts


def test_changes_to_different_rules_are_both_kept_with_their_comments() -> None:
    ours = BASE.replace("lose: 10", "lose: 11").replace("# the first", "# ours")
    theirs = BASE.replace("lose: 20", "lose: 21").replace("# about", "# theirs, about")

    text, conflicts = merged(BASE, ours, theirs)

    assert conflicts == []
    assert text == ours.replace("lose: 20", "lose: 21").replace("# about", "# theirs, about")


def test_the_same_rule_changed_twice_is_a_conflict_with_all_three_texts() -> None:
    ours, theirs = BASE.replace("lose: 20", "lose: 25"), BASE.replace("lose: 20", "lose: 30")

    text, conflicts = merged(BASE, ours, theirs)

    about = "# about the second\n- standard: S2\n  lose: "
    assert conflicts == [Conflict("rules/a.yaml", "standard S2", f"{about}20\n", f"{about}25\n", f"{about}30\n")]
    assert text == ours
    assert merged(BASE, ours, theirs, standard_S2="theirs") == (theirs, [])
    assert merged(BASE, ours, theirs, standard_S2="ours") == (ours, [])


def test_rules_added_and_removed_on_either_side() -> None:
    new = "- standard: S3\n  lose: 1\n"
    ours = BASE.replace("# about", new + "# about")
    theirs = BASE.split("- rule: extra", maxsplit=1)[0] + "- standard: S4\n  lose: 2\n"

    text, conflicts = merged(BASE, ours, theirs)

    assert conflicts == []
    assert text == theirs.replace("# about", new + "# about")


def test_a_rule_removed_here_and_changed_there_is_a_conflict() -> None:
    ours = BASE.split("- rule: extra", maxsplit=1)[0]
    theirs = BASE.replace("lose: 5", "lose: 6")

    _, conflicts = merged(BASE, ours, theirs)

    assert [(one.part, one.ours, one.theirs) for one in conflicts] == [
        ("rule extra", None, "- rule: extra\n  standard: S2\n  lose: 6\n")
    ]


def test_keys_of_a_map_are_merged_one_by_one() -> None:
    base = "facts:\n  test:\n    label: {zh: a}\n  visit:\n    label: {zh: b}\nkinds:\n  farm: {zh: c}\n"
    ours = base.replace("{zh: a}", "{zh: A}")
    theirs = base.replace("{zh: b}", "{zh: B}").replace("{zh: c}", "{zh: C}")

    text, conflicts = merged(base, ours, theirs)

    assert conflicts == []
    assert text == theirs.replace("{zh: a}", "{zh: A}")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "/".join(path.parts[-3:]))
def test_a_file_put_together_from_its_parts_is_the_file(path: Path) -> None:
    name, content = path.name, path.read_bytes()

    assert merge({}, {name: content}, {}, {}) == ({name: content}, [])
    assert merge({name: content}, {name: content}, {name: content}, {}) == ({name: content}, [])


@given(st.lists(st.sampled_from(["- a: 1", "- a: 2", "  b: 3", "# c", "", "x: 1", "  y: 2", "text"]), max_size=12))
def test_no_line_is_ever_lost(lines: list[str]) -> None:
    content = "\n".join(lines).encode()
    files, conflicts = merge({}, {"a.yaml": content}, {}, {})

    assert conflicts == []
    assert files.get("a.yaml", b"") == content


def test_a_part_added_behind_a_last_line_without_its_end_stands_on_a_line_of_its_own() -> None:
    base = "- a: 1\n- b: 2"

    text, conflicts = merged(base, base + "\n- c: 3\n", base.replace("1", "4"))

    assert conflicts == []
    assert text == "- a: 4\n- b: 2\n- c: 3\n"
