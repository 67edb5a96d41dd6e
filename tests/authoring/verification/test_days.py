"""Every day has one version: days without, or with two, are found; versions that meet are fine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from authoring.verification.days import check_days
from authoring.verification.report import Study
from authoring.verification.witness import Witnesses
from engine.evaluate import Evaluator
from engine.values import day_text
from knowledge.loader import load_rulebook
from knowledge.versions import Entry
from tests.authoring.verification.seeds import HYGIENE

FIRST = date(2020, 1, 1).toordinal()
SEEDS = range(20)
Spans = list[list[int | None]]


@pytest.fixture(scope="module")
def study() -> Iterator[Study]:
    rulebook = load_rulebook(HYGIENE)
    evaluator = Evaluator(rulebook)
    yield Study(rulebook, Witnesses(rulebook, evaluator.grade))
    evaluator.close()


def told(study: Study, spans: Spans, *, other: str = "hygiene") -> list[tuple[str, str]]:
    """Return what is found of versions with these first days and days after their last, and the day that shows it."""
    study.findings.clear()
    entries = [
        Entry("hygiene", str(number), Path(str(number)), begins or 0, ends)
        for number, (begins, ends) in enumerate(spans)
    ]
    check_days(study, [*entries, Entry(other, "9", Path("9"), FIRST, FIRST + 1)] if other != "hygiene" else entries)
    return [(one.code, one.witness.as_of) for one in study.findings if one.witness is not None]


def chain(draw: random.Random) -> Spans:
    """Return versions that follow each other day by day, some of which say when they end; the last has no end."""
    begins = [FIRST]
    for _ in range(draw.randint(1, 5)):
        begins.append(begins[-1] + draw.randint(2, 900))
    ends: list[int | None] = [after if draw.random() < 0.7 else None for after in begins[1:]]
    return [[one, other] for one, other in zip(begins, [*ends, None], strict=True)]


@pytest.mark.parametrize("seed", SEEDS)
def test_days_without_a_version_are_found(study: Study, seed: int) -> None:
    draw = random.Random(seed)
    spans = chain(draw)
    place = draw.randrange(len(spans) - 1)
    begins, after = spans[place][0], spans[place + 1][0]
    assert begins is not None
    assert after is not None
    spans[place][1] = after - draw.randint(1, after - begins - 1)
    draw.shuffle(spans)

    assert told(study, spans) == [("days.gap", day_text(_end(spans, after)))]


def _end(spans: Spans, after: int) -> int:
    return max(ends for _, ends in spans if ends is not None and ends < after)


@pytest.mark.parametrize("seed", SEEDS)
def test_days_with_two_versions_are_found(study: Study, seed: int) -> None:
    draw = random.Random(100 + seed)
    spans = chain(draw)
    place = draw.randrange(len(spans) - 1)
    after = spans[place + 1][0]
    assert after is not None
    spans[place][1] = after + draw.choice((1, 2, draw.randint(3, 500)))
    draw.shuffle(spans)

    assert told(study, spans) == [("days.overlap", day_text(after))]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_end_without_a_successor_is_found(study: Study, seed: int) -> None:
    draw = random.Random(200 + seed)
    spans = chain(draw)
    for place, (_, ends) in enumerate(spans[:-1]):
        spans[place][1] = spans[place + 1][0] if ends is None else ends
    last = spans[-1][0]
    assert last is not None
    spans[-1][1] = last + draw.randint(1, 1_000)
    draw.shuffle(spans)

    assert told(study, spans) == [("days.end", day_text(max(ends for _, ends in spans if ends is not None)))]


@pytest.mark.parametrize("seed", SEEDS)
def test_versions_that_follow_each_other_are_fine(study: Study, seed: int) -> None:
    draw = random.Random(300 + seed)
    spans = chain(draw)
    draw.shuffle(spans)

    assert told(study, spans, other="elsewhere") == []
