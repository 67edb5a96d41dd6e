"""A forecast is what grading on each of the days comes to, and says why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.case import CaseFile, Fact, Producer
from engine.evaluate import Evaluator
from explain.ahead import ahead
from explain.change_views import Forecast
from explain.forecast import Stretch, forecast, foresee, last_day
from knowledge.loader import bind, load_rulebook
from knowledge.problems import RulebookRefused
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

ROOT = Path(__file__).parents[2]
SHIPPED = next((ROOT / "knowledge/rulebooks/hangzhou").iterdir())
RULEBOOKS = 300 if os.environ.get("SHUOLI_NIGHTLY") else 8
DAY = date(2026, 3, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Drawn:
    evaluator: Evaluator
    case: CaseFile
    told: Forecast
    last: int


@pytest.fixture(scope="module", params=range(RULEBOOKS + 3))
def drawn(request: pytest.FixtureRequest) -> Iterator[Drawn]:
    seed: int = request.param
    try:
        rulebook = random_rulebook(seed) if seed < RULEBOOKS else load_rulebook(SHIPPED)
    except RulebookRefused:
        pytest.skip("what was drawn contradicts itself")
    evaluator = Evaluator(rulebook)
    case = random_case(rulebook, seed, facts=14 if seed < RULEBOOKS else 70)
    last = last_day(case.as_of)
    told = forecast([Stretch(rulebook, case, foresee(evaluator, case, last))], last, ("zh", "en")[seed % 2])
    yield Drawn(evaluator, case, told, last)
    evaluator.close()


def points(shown: int | str) -> Fraction:
    return Fraction(shown)


def test_the_last_day_is_36_months_ahead() -> None:
    assert last_day(date(2026, 2, 28).toordinal()) == date(2029, 2, 28).toordinal()


def test_score_and_grade_are_those_of_grading_on_each_day(drawn: Drawn) -> None:
    rulebook, told = drawn.evaluator.rulebook, drawn.told
    unit = {"whole": 1, "tenths": 10, "hundredths": 100}[rulebook.scoring.unit]
    days = {date.fromisoformat(one.as_of).toordinal(): (points(one.score), one.grade) for one in told.days}
    now = (points(told.score), told.grade)
    near = set(range(drawn.case.as_of, drawn.case.as_of + 120)) | set(days) | {day - 1 for day in days}
    wanted = sorted(near | set(range(drawn.case.as_of, drawn.last + 1, 9)))
    assert set(days) <= set(wanted)

    for day in wanted:
        grading = drawn.evaluator.grade(ahead(rulebook, drawn.case, day))
        now = days.get(day, now)
        assert now == (Fraction(grading.score.value, unit), grading.grade), date.fromordinal(day)


def test_the_changes_of_each_day_add_up_to_it_and_the_days_to_the_last_score(drawn: Drawn) -> None:
    score = points(drawn.told.score)
    for day in drawn.told.days:
        assert sum(points(change.points) for change in day.changes) == points(day.points)
        score += points(day.points)
        assert score == points(day.score)


def test_every_day_changes_something_and_says_what(drawn: Drawn) -> None:
    before = (points(drawn.told.score), drawn.told.grade)
    for day in drawn.told.days:
        now = (points(day.score), day.grade)
        assert now != before
        assert day.changes or now[0] == before[0]
        assert day.grade_changes or now[1] == before[1]
        before = now


def test_no_sentence_of_a_forecast_stands_on_nothing_or_is_left_unfilled(drawn: Drawn) -> None:
    said = [drawn.told.sentence, *(day.sentence for day in drawn.told.days)]
    said += [change.sentence for day in drawn.told.days for change in day.changes]
    said += [change.sentence for day in drawn.told.days for change in day.grade_changes]
    for sentence in said:
        assert sentence.stands_on
        assert "{" not in sentence.text


LABEL = {"zh": "甲", "en": "first"}
FILES: dict[str, Any] = {
    "rulebook.yaml": {
        "id": "ahead", "version": "1", "title": LABEL, "status": "draft", "notice": LABEL,
        "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
        "scoring": {"start": 10, "points": "lost", "better": "higher", "not_applicable": "keeps_its_points"},
    },
    "vocabulary.yaml": {
        "kinds": {"farm": LABEL},
        "facts": {"visit": {"label": LABEL, "dated": "day", "fields": {"day": "date"}}},
    },
    "indicators.yaml": {
        "level1": [{"id": "L1", "label": LABEL, "points": 10}],
        "level2": [{"id": "L2", "of": "L1", "label": LABEL, "points": 10}],
        "standards": [{"id": "S", "of": "L2", "label": LABEL, "points": 10}],
    },
    "bands.yaml": [{"grade": "A", "word": LABEL, "from": 8}, {"grade": "B", "word": LABEL}],
}  # fmt: skip
LOSES = {"standard": "S", "for_each": {"visit": {"is": "visit", "within": "12 months"}}, "because": {"zh": "有检查。"}}


def version(name: str, lose: int) -> Any:
    head = FILES["rulebook.yaml"] | {"version": name}
    return bind(FILES | {"rulebook.yaml": head, "rules/all.yaml": [LOSES | {"lose": lose}]})


def test_a_later_version_changes_the_score_on_the_day_it_takes_effect_apart_from_what_time_does() -> None:
    old, new = version("1", 3), version("2", 1)
    visits = [Fact(f"F-{number}", "visit", {"day": DAY - 300 + number}, "effective", (), None) for number in (0, 20)]
    case = CaseFile(Producer("P", "farm", "3301", {}), tuple(visits), DAY)
    takes_effect, until = date(2026, 5, 5).toordinal(), last_day(DAY)
    first, then = Evaluator(old), Evaluator(new)
    stretches = [
        Stretch(old, case, foresee(first, case, takes_effect, closing=True)),
        Stretch(new, replace(case, as_of=takes_effect), foresee(then, replace(case, as_of=takes_effect), until)),
    ]
    first.close()
    then.close()

    told = forecast(stretches, until, "zh")

    assert (told.score, told.grade) == (4, "B")
    days = {day.as_of: (day.rulebook, day.score, day.grade) for day in told.days}
    assert days == {"2026-05-05": ("ahead@2", 9, "A"), "2026-05-25": ("ahead@2", 10, "A")}
    assert [(one.cause, one.points) for one in told.days[0].changes] == [("time", 3), ("rules", 2)]
    assert [one.cause for one in told.days[1].changes] == ["time"]


def test_a_version_that_changes_nothing_for_a_producer_is_no_day_of_its_own() -> None:
    old, new = version("1", 3), version("2", 3)
    case = CaseFile(Producer("P", "farm", "3301", {}), (), DAY)
    first, then = Evaluator(old), Evaluator(new)
    later = replace(case, as_of=DAY + 40)
    stretches = [
        Stretch(old, case, foresee(first, case, DAY + 40, closing=True)),
        Stretch(new, later, foresee(then, later, DAY + 90)),
    ]
    first.close()
    then.close()

    told = forecast(stretches, DAY + 90, "en")

    assert told.days == ()
    assert "stays 10" in told.sentence.text
    assert told.sentence.stands_on == ("rule:S",)
