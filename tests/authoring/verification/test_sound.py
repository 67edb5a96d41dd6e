"""What is said to be proved holds in cases that nobody looked at, and what is shown shows itself again.

Seeds are fixed, so that a failure comes back; `SHUOLI_NIGHTLY=1` tries many more.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from authoring.verification import verify, witness
from authoring.verification.report import Finding, Place, Report, Study
from authoring.verification.unreachable import check_rules
from authoring.verification.witness import Tried, Witness, Witnesses
from batch.population import everyone, generate
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import CaseReader
from knowledge.loader import bind, load_rulebook
from knowledge.population import load_population
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.rules import Text
from tests.authoring.verification.claims import CLAIMS, contradictions
from tests.authoring.verification.seeds import HANGZHOU, Seed, shipped_seeds
from tests.authoring.verification.shaken import shaken
from tests.authoring.verification.small_books import small
from tests.authoring.verification.small_seeds import small_seeds
from tests.authoring.verification.test_seeded import found
from tests.engine.random_rulebooks import written_rulebook
from tests.random_cases import LAST, random_case

NIGHTLY = bool(os.environ.get("SHUOLI_NIGHTLY"))
SHAKEN, RANDOM, CASES = (400, 16, 1_000) if NIGHTLY else (20, 1, 300)
CITY, SEEDS = (3_196, 10) if NIGHTLY else (200, 1)
CHUNK = 20


def unseen(rulebook: Rulebook, seed: int) -> list[CaseFile]:
    return [
        random_case(rulebook, seed * 100_000 + number, facts=(3, 8, 20)[number % 3], as_of=LAST)
        for number in range(CASES)
    ]


def verified(rulebook: Rulebook) -> Report:
    evaluator = Evaluator(rulebook)
    report = verify(rulebook, evaluator.grade)
    evaluator.close()
    return report


def read_again(rulebook: Rulebook, seen: Witness) -> CaseFile:
    day = date.fromisoformat(seen.as_of).toordinal()
    return CaseReader(rulebook).case(json.dumps(seen.case).encode(), as_of=day)


def faded(rulebook: Rulebook, report: Report) -> Iterator[str]:
    """Yield findings whose witness doesn't show them when it is graded by another evaluator."""
    evaluator = Evaluator(rulebook)
    for finding in report.findings:
        if finding.witness is not None and not finding.code.startswith("days."):
            grading = evaluator.grade(read_again(rulebook, finding.witness))
            same = (grading.grade, grading.score.value) == (finding.witness.grade, finding.witness.score)
            if not same or not shows(rulebook, finding, grading):
                yield f"{finding.code}: {finding.text.en} {finding.witness.shows}"
    evaluator.close()


def shows(rulebook: Rulebook, finding: Finding, grading: Grading) -> bool:
    """Say whether a grading shows what a finding is about, as far as one grading can."""
    rules = {rule.id: rule for rule in rulebook.rules}
    concerned = [rules[place.id] for place in finding.concerns if place.id in rules]
    fired = Counter(one.rule for one in grading.deductions)
    match finding.code:
        case "rule.double":
            keys = [{one.key for one in grading.deductions if one.rule == rule.id} for rule in concerned]
            return bool(keys[0] & keys[1])
        case "limit.dominated" | "limit.idle" | "text.number":
            return all(fired[rule.id] for rule in concerned)
        case "steps.overlap" | "cap.idle" if concerned:
            return all(fired[rule.id] for rule in concerned)
        case "steps.gap":
            return not any(one.points for one in grading.deductions if one.rule in {rule.id for rule in concerned})
        case "points.beyond":
            most = rulebook.standards[concerned[0].target].points
            return any(one.points > most for one in grading.deductions if one.rule == concerned[0].id)
        case "points.short":
            place = finding.concerns[0].id
            return next(one.points for one in grading.standards if one.id == place) < rulebook.standards[place].points
        case _:
            return True


@pytest.mark.parametrize("first", range(0, SHAKEN, CHUNK))
def test_what_is_found_in_rulebooks_that_were_shaken_holds_in_other_cases(first: int) -> None:
    wrong: dict[int, list[str]] = {}
    proven = shown = 0
    for seed in range(first, first + CHUNK):
        try:
            rulebook = bind(shaken(seed).files)
        except RulebookRefused:
            continue
        report = verified(rulebook)
        told = [*contradictions(rulebook, report.findings, unseen(rulebook, seed)), *faded(rulebook, report)]
        proven += sum(one.code in CLAIMS for one in report.findings)
        shown += sum(one.witness is not None for one in report.findings)
        if told:
            wrong[seed] = told

    assert wrong == {}
    assert min(proven, shown) >= CHUNK // 4


@pytest.mark.parametrize("seed", range(40_000, 40_000 + RANDOM))
def test_what_is_found_in_random_rulebooks_holds_in_other_cases(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "_SECONDS", 0.1)
    try:
        rulebook = bind(written_rulebook(seed))
        report = verified(rulebook)
    except RulebookRefused:
        pytest.skip("what was drawn contradicts itself")

    assert list(contradictions(rulebook, report.findings, unseen(rulebook, seed))) == []
    assert list(faded(rulebook, report)) == []


@pytest.fixture(scope="module")
def city() -> list[CaseFile]:
    rulebook, day = load_rulebook(HANGZHOU), date(2026, 11, 1)
    population, reader = load_population(rulebook), CaseReader(rulebook)
    shared = everyone(rulebook, population, seed=2021, as_of=day)
    made = generate(rulebook, population, producers=CITY, seed=2021, as_of=day)
    return [
        reader.case(msgspec.json.encode({**case, "facts": case["facts"] + shared}), as_of=day.toordinal())
        for case in made
    ]


def in_hangzhou(code: str) -> list[Seed]:
    some = shipped_seeds(code, SEEDS + 4)
    return [seed for seed in some if seed.rulebook.id == "hangzhou"][:SEEDS]


@pytest.mark.parametrize("code", [code for code in CLAIMS if code != "grade.unreachable"])
def test_what_is_found_in_a_spoiled_shipped_rulebook_holds_in_the_sample_city(code: str, city: list[CaseFile]) -> None:
    told, seeds = 0, in_hangzhou(code)
    for seed in seeds:
        findings, study, evaluator = found(seed)
        evaluator.close()
        told += len(findings)

        assert list(contradictions(study.rulebook, findings, city)) == []

    assert told >= len(seeds) > 0


@pytest.mark.parametrize("code", CLAIMS)
def test_a_claim_that_is_wrong_is_contradicted(code: str) -> None:
    """The same finding is told of rulebooks that have no such defect: cases must speak against it."""
    seed = small_seeds(code, 1)[0]
    findings, study, evaluator = found(seed)
    evaluator.close()
    told = next(one for one in findings if one.code == code)
    book = seed.rulebook
    if code == "points.short":
        text = Text("", "reach 1 at most")
        wrong, rulebook = replace(told, text=text), book
    else:
        wrong, rulebook = harmless(code, told)

    assert list(contradictions(rulebook, [wrong], unseen(rulebook, 1))) != []
    assert list(contradictions(study.rulebook, [told], unseen(study.rulebook, 1))) == []


def harmless(code: str, told: Finding) -> tuple[Finding, Rulebook]:
    """Return a finding about what isn't so in a rulebook."""
    made = small(3, "each", "state", "steps")
    book = bind(made.files)
    rules = [made.rule(part)["rule"] for part in made.of("each", "state")]
    limits = [rule.id for rule in book.rules if rule.kind in ("ceiling", "veto")]
    about = {
        "rule.unreachable": rules[:1], "grade.unreachable": [book.bands[1].grade], "rule.double": rules[:2],
        "limit.dominated": limits, "limit.idle": limits[:1], "cap.idle": rules[:1],
    }[code]  # fmt: skip
    lower = tuple(replace(rule, at_most=rule.at_most and 1) for rule in book.rules)
    return replace(told, concerns=tuple(Place(name, "") for name in about)), replace(book, rules=lower)


@pytest.mark.parametrize("first", range(0, SHAKEN, CHUNK))
def test_a_rule_that_is_not_reported_has_a_case_that_fires_it(first: int) -> None:
    open_ones = rules = 0
    for seed in range(first, first + CHUNK):
        try:
            rulebook = bind(shaken(seed).files)
        except RulebookRefused:
            continue
        evaluator, fresh = Evaluator(rulebook), Evaluator(rulebook)
        study = Study(rulebook, Witnesses(rulebook, evaluator.grade))
        check_rules(study, rulebook.rules)
        concerned = [*(one.concerns for one in study.findings), *(one.concerns for one in study.undecided)]
        reported = {places[0].id for places in concerned}
        for rule in rulebook.rules:
            tried = study.witnesses.reach(rule)
            assert isinstance(tried, Tried) == (rule.id not in reported)
            if isinstance(tried, Tried):
                again = read_again(rulebook, study.witnesses.witness(tried, ""))
                assert Tried(again, fresh.grade(again)).fired(rule)
        rules += len(rulebook.rules)
        open_ones += len(study.undecided)
        evaluator.close()
        fresh.close()

    assert open_ones <= rules // 50
