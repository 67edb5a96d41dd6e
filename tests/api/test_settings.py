"""Settings come from the environment, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.settings import Settings, SettingsRefused


def test_without_any_variable_the_server_listens_on_this_machine_only() -> None:
    assert Settings.from_environment({"PATH": "/bin"}).host == "127.0.0.1"


def test_each_field_is_one_variable() -> None:
    given = {"SHUOLI_PORT": "8001", "SHUOLI_RULEBOOKS": "a:b", "SHUOLI_WORKERS": "3", "SHUOLI_RULEBOOK": "x@1"}

    assert Settings.from_environment(given) == Settings(
        port=8001, rulebooks=(Path("a"), Path("b")), workers=3, rulebook="x@1"
    )


def test_unknown_and_malformed_variables_are_refused_all_at_once() -> None:
    with pytest.raises(SettingsRefused) as refused:
        Settings.from_environment({"SHUOLI_PROT": "1", "SHUOLI_WORKERS": "0", "SHUOLI_PORT": "٣"})

    problems = {problem.place: problem for problem in refused.value.problems}
    assert set(problems) == {"SHUOLI_PROT", "SHUOLI_WORKERS", "SHUOLI_PORT"}
    assert problems["SHUOLI_PROT"].help == "did you mean SHUOLI_PORT?"
    assert problems["SHUOLI_WORKERS"].expected == "a whole number from 1 to 64"
