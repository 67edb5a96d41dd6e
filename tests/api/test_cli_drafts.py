"""A draft is pulled into a folder, edited there, pushed back, and taken to its release on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import commands
from authoring.draftfiles import DraftChanged, DraftRefused
from tests.api.conftest import RULEBOOKS

LIN, CHEN = ("--actor", "lin"), ("--actor", "chen")


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUOLI_DATABASE_URL", f"sqlite:///{tmp_path}/shuoli.db")
    monkeypatch.setenv("SHUOLI_SIGNING_KEY", str(tmp_path / "key.pem"))
    monkeypatch.setenv("SHUOLI_RULEBOOK", "orchard")
    monkeypatch.setenv("SHUOLI_RULEBOOKS", str(RULEBOOKS))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["rulebook", *arguments], standalone_mode=False)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, (arguments, result.output, result.exception)
    assert result.return_value in (None, 0), result.output
    return result.output


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")


def test_a_version_is_written_in_a_folder_and_released(tmp_path: Path) -> None:
    folder = tmp_path / "draft"
    done("draft", "open", "orchard@2", "--based-on", "orchard", *LIN)
    done("pull", "orchard@2", str(folder))
    head = folder / "rulebook.yaml"
    edit(head, ('version: "1"', 'version: "2"'), ("status: draft", "status: official"))
    edit(head, ("effective_from: 2025-01-01", "effective_from: 2099-01-01"))
    done("push", str(folder), *LIN)
    done("draft", "check", "orchard@2", *LIN)
    done("draft", "try", "orchard@2", *LIN)
    done("draft", "review", "orchard@2", "--note", "right", *CHEN)
    done("draft", "release", "orchard@2", *CHEN)

    assert "orchard@2  released" in done("draft", "list")
    shown = done("draft", "show", "orchard@2")
    assert [name for name in ("opened", "checked", "tried", "reviewed", "released") if name in shown] == [
        "opened", "checked", "tried", "reviewed", "released",
    ]  # fmt: skip


def test_whoever_pushes_second_is_told_and_overwrites_nothing(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    done("draft", "open", "orchard@2", "--based-on", "orchard@1", *LIN)
    for folder in (mine, theirs):
        done("pull", "orchard@2", str(folder))
        edit(folder / "rules" / "rules.yaml", ("lose: 15", f"lose: {len(folder.name)}"))
    done("push", str(theirs), *CHEN)

    refused = run("push", str(mine), *LIN)

    assert isinstance(refused.exception, DraftChanged)
    again = tmp_path / "again"
    done("pull", "orchard@2", str(again))
    assert "lose: 6" in (again / "rules" / "rules.yaml").read_text("utf-8")


def test_a_file_removed_in_the_folder_is_removed_from_the_draft(tmp_path: Path) -> None:
    folder = tmp_path / "draft"
    done("draft", "open", "orchard@2", "--based-on", "orchard@1", *LIN)
    done("pull", "orchard@2", str(folder))
    (folder / "scenarios" / "all.yaml").unlink()
    done("push", str(folder), *LIN)
    (folder / "scenarios" / "all.yaml").write_text("[]", "utf-8")

    done("pull", "orchard@2", str(folder))

    assert not (folder / "scenarios" / "all.yaml").exists()


def test_a_folder_with_other_rules_is_left_alone(tmp_path: Path) -> None:
    done("draft", "open", "orchard@2", "--based-on", "orchard@1", *LIN)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text("[]", "utf-8")

    refused = run("pull", "orchard@2", str(tmp_path))

    assert isinstance(refused.exception, DraftRefused)
    assert isinstance(run("push", str(tmp_path), *LIN).exception, DraftRefused)
    assert (tmp_path / "rules" / "mine.yaml").read_text("utf-8") == "[]"


def test_conflicts_are_printed_and_settled_for_one_side(tmp_path: Path) -> None:
    test_a_version_is_written_in_a_folder_and_released(tmp_path)
    folder = tmp_path / "third"
    done("draft", "open", "orchard@3", "--based-on", "orchard@1", *LIN)
    done("pull", "orchard@3", str(folder))
    edit(folder / "rulebook.yaml", ('version: "1"', 'version: "3"'))
    done("push", str(folder), *LIN)

    met = run("draft", "rebase", "orchard@3", "--onto", "orchard@2", *LIN)

    assert met.return_value == 1
    assert "rulebook.yaml: version [theirs]" in met.output
    done("draft", "rebase", "orchard@3", "--onto", "orchard@2", "--take", "ours", *LIN)
    assert "orchard@2" in done("draft", "show", "orchard@3")
