"""Of thousands of names the nearest is found in no time, or not looked for."""

from __future__ import annotations

from knowledge.problems import nearest


def test_of_very_many_names_those_that_begin_or_end_alike_are_looked_at() -> None:
    names = [f"{place:05}-sample" for place in range(10_000)] + ["certificate", "contract"]

    assert nearest("certificat", names) == "certificate"
    assert nearest("ontract", names) == "contract"
    assert nearest("00007-sampel", names) == "00007-sample"
    assert nearest("7-sample", names) is None
