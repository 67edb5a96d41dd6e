"""The standalone verifier: it agrees with the engine on what is right, and finds whatever is not."""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from batch.population import generate
from casework.certificate import CertificateRefused, verify_certificate
from casework.signing import log_id
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import CaseReader
from knowledge.catalog import SHIPPED
from knowledge.loader import bind, load_rulebook
from knowledge.population import load_population
from knowledge.problems import RulebookRefused, ShuoliError
from knowledge.rulebook import Rulebook
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case
from tests.verifier.certificates import (
    FOLDERS,
    KEY,
    ROOT,
    SIGNER,
    VERIFIER,
    Issuer,
    canonical,
    flips,
    forged,
    identified,
    load_verifier,
    logged,
)

STANDALONE = load_verifier()
NIGHTLY = bool(os.environ.get("SHUOLI_NIGHTLY"))
RANDOM = range(3000 if NIGHTLY else 110)
Change = Callable[[dict[str, Any]], None]

LABEL = {"zh": "甲", "en": "A"}
TINY: dict[str, Any] = {
    "rulebook.yaml": {
        "id": "tiny", "version": "1", "title": LABEL, "status": "draft", "notice": LABEL,
        "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
        "scoring": {
            "start": 100, "points": "lost", "better": "higher", "unit": "tenths",
            "not_applicable": "leaves_the_fraction", "rounding": "down",
        },
    },
    "vocabulary.yaml": {
        "kinds": {"farm": LABEL},
        "facts": {
            "visit": {
                "label": LABEL, "same_when": ["no"], "dated": "day",
                "fields": {"no": "text", "day": "date", "result": {"type": "choice", "of": ["good", "bad"]}},
            },
        },
        "findings": {"fault": {"label": LABEL, "fields": {"no": "text"}}},
        "vetoes": {"V": LABEL},
    },
    "indicators.yaml": {
        "level1": [{"id": "L1", "label": LABEL, "points": 40}],
        "level2": [{"id": "L2", "of": "L1", "label": LABEL, "points": 40}],
        "standards": [{"id": "S", "of": "L2", "label": LABEL, "points": 40}],
    },
    "rules/all.yaml": [
        {
            "finding": "fault", "gives": {"no": "visit.no"},
            "for_each": {"visit": {"is": "visit", "where": {"result": "bad"}, "within": "12 months"}},
        },
        {"standard": "S", "lose": 15, "for_each": {"fault": {"is": "fault"}}},
        {"veto": "V", "grade": "B", "when": [{"fault": {"is": "fault"}}]},
    ],
    "bands.yaml": [{"grade": "A", "word": LABEL, "from": 80}, {"grade": "B", "word": LABEL}],
}  # fmt: skip
VISITS = [("1", "bad", "2026-10-01"), ("2", "bad", "2026-10-02"), ("3", "good", "2026-10-03")]
AS_OF = date(2026, 11, 1)


class InProcess:
    """Grades in this process, compiling each rulebook once."""

    def __init__(self) -> None:
        self._evaluators: dict[str, Evaluator] = {}

    def grade(self, rulebook: Rulebook, case: CaseFile) -> Grading:
        if rulebook.sha256 not in self._evaluators:
            self._evaluators[rulebook.sha256] = Evaluator(rulebook)
        return self._evaluators[rulebook.sha256].grade(case)


GRADER = InProcess()


def case_file(rulebook: Rulebook, told: object) -> CaseFile:
    return CaseReader(rulebook).case(canonical(told), as_of=AS_OF.toordinal(), known_at="2026-11-01T00:00:00Z")


@pytest.fixture(scope="module")
def tiny() -> Iterator[Issuer]:
    evaluator = Evaluator(bind(TINY))
    yield Issuer(evaluator)
    evaluator.close()


@pytest.fixture(scope="module")
def good(tiny: Issuer) -> bytes:
    """Return the certificate of a producer with two faults."""
    facts = [
        {"type": "visit", "fields": {"no": no, "result": result, "day": day}, "source": {"system": "s", "ref": no}}
        for no, result, day in VISITS
    ]
    return tiny.issue(case_file(tiny.rulebook, {"producer": {"id": "P1", "kind": "farm"}, "facts": facts}))


def standalone(content: bytes, key: str | None = None) -> str | None:
    """Return what the standalone verifier finds wrong, None where nothing is."""
    try:
        STANDALONE.verify(content.decode(), key)
    except STANDALONE.Wrong as wrong:
        return str(wrong)
    except Exception as error:  # noqa: BLE001  as the file's own main does
        return f"[certificate.format] {error!r}"
    return None


def ours(content: bytes, key: str | None = None) -> str | None:
    """Return what the program finds wrong, None where nothing is."""
    try:
        verify_certificate(content, GRADER, key)
    except CertificateRefused as wrong:
        return f"[{wrong.code}] {wrong.at}"
    except ShuoliError as error:
        return f"[{error.code}]"
    return None


# What is right


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_certificates_of_random_cases_verify_under_every_rulebook(folder: Path) -> None:
    evaluator = Evaluator(load_rulebook(folder))
    issuer, wrong = Issuer(evaluator), []

    for seed in range(25):
        case = identified(evaluator.rulebook, random_case(evaluator.rulebook, seed))
        content = issuer.issue(case, size=seed + 1, index=seed // 2, algorithm="sm3" if seed % 2 else "sha256")
        wrong += [(seed, found) for found in (standalone(content, KEY.hex()), ours(content, KEY.hex())) if found]

    evaluator.close()
    assert wrong == []


def test_certificates_of_a_sample_city_verify() -> None:
    evaluator = Evaluator(load_rulebook(SHIPPED / "hangzhou" / "2021.1"))
    population = load_population(evaluator.rulebook)
    issuer, wrong = Issuer(evaluator), []

    for told in generate(evaluator.rulebook, population, producers=100, seed=3, as_of=AS_OF):
        content = issuer.issue(case_file(evaluator.rulebook, told))
        if found := standalone(content):
            wrong.append((told["producer"]["id"], found))

    evaluator.close()
    assert wrong == []


def test_it_agrees_with_the_engine_on_random_rulebooks() -> None:
    pairs, wrong = 0, []

    for seed in RANDOM:
        try:
            evaluator = Evaluator(random_rulebook(seed))
        except RulebookRefused:
            continue
        issuer = Issuer(evaluator)
        for number in range(3):
            case = identified(evaluator.rulebook, random_case(evaluator.rulebook, number, facts=30))
            pairs += 1
            if found := standalone(issuer.issue(case)):
                wrong.append((seed, number, found))
        evaluator.close()

    assert wrong == []
    assert pairs >= 300


@pytest.mark.parametrize("size", range(1, 18))
def test_every_leaf_of_a_log_is_proved_with_either_hash(size: int, good: bytes) -> None:
    told = json.loads(good)
    texts = [told[name].encode() for name in ("rulebook", "case", "grading")]

    found = [
        standalone(logged(texts[0], texts[1], texts[2], size, index, algorithm))
        for index in range(size)
        for algorithm in ("sha256", "sm3")
    ]

    assert set(found) == {None}


# What is wrong


def test_every_single_bit_counts(good: bytes) -> None:
    start, step = good.index(b'"rulebook":'), 1 if NIGHTLY else 5
    flipped = itertools.chain(flips(good[:start], 1, after=good[start:]), flips(good, step, start=8 * start))
    undetected = [place for place, content in enumerate(flipped) if standalone(content, KEY.hex()) is None]

    assert undetected == []


def test_the_program_itself_misses_no_bit_either(good: bytes) -> None:
    undetected = [place for place, content in enumerate(flips(good, 7)) if ours(content, KEY.hex()) is None]

    assert undetected == []


def of_case(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    return lambda content: forged(content, lambda _rulebook, case, _grading: change(case))


def of_grading(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    return lambda content: forged(content, lambda _rulebook, _case, grading: change(grading))


def of_rulebook(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    return lambda content: forged(content, lambda rulebook, _case, _grading: change(rulebook))


def of_parts(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    """Change parts of the certificate itself, and hash and sign nothing anew."""

    def changed(content: bytes) -> bytes:
        told = json.loads(content)
        change(told)
        return canonical(told)

    return changed


def put(*path: Any) -> Callable[[Any], None]:
    """Return what puts the last of `path` where the others lead."""

    def change(document: Any) -> None:
        for step in path[:-2]:
            document = document[step]
        document[path[-2]] = path[-1]

    return change


def mend_a_visit(case: Any) -> None:
    next(fact for fact in case["facts"] if fact["fields"]["result"] == "bad")["fields"]["result"] = "good"


def forget_a_fault(grading: Any) -> None:
    """Take a deduction of a standard out, and let all sums fit."""
    dropped = next(one for one in grading["deductions"] if one["kind"] == "standard")
    grading["deductions"].remove(dropped)
    for place, one in enumerate(grading["deductions"], 1):
        one["id"] = f"D{place}"
    for part in (grading["standards"][0], *grading["indicators"]):
        part["points"] = "15.0"
    grading["standards"][0]["asked"], grading["points_lost"]["S"] = "15.0", "15.0"
    grading["points"]["counted"], grading["score"], grading["score_grade"] = "15.0", "85.0", "A"


def invent_a_finding(grading: Any) -> None:
    grading["findings"].append({"id": "fault#3", "type": "fault", "values": {"no": "3"}})


def replace_the_text(name: str, old: str, new: str) -> Callable[[bytes], bytes]:
    return of_parts(lambda told: told.update({name: told[name].replace(old, new)}))


def other_leaf(content: bytes) -> bytes:
    """Put the leaf, proof and head of another grading in the place of the right ones."""
    told = json.loads(content)
    other = json.loads(logged(b"{}", b"{}", b'{"another":"grading"}'))
    return canonical(told | {name: other[name] for name in ("leaf", "inclusion", "head")})


def other_head(content: bytes) -> bytes:
    """Put a head of another log state, well signed, in the place of the right one."""
    told, other = json.loads(content), json.loads(logged(b"{}", b"{}", b"{}"))
    return canonical(told | {"head": other["head"]})


def other_signature(content: bytes) -> bytes:
    told, other = json.loads(content), json.loads(logged(b"{}", b"{}", b"{}"))
    return canonical(told | {"head": told["head"] | {"signature": other["head"]["signature"]}})


def other_log(content: bytes) -> bytes:
    told = json.loads(content)
    head = canonical(json.loads(told["head"]["document"]) | {"log": "0" * 16})
    return canonical(told | {"head": told["head"] | {"document": head.decode(), "signature": SIGNER.sign(head).hex()}})


def other_signer(content: bytes) -> bytes:
    """Sign the same log with a key of one's own."""
    told, signer = json.loads(content), Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    key = signer.public_key().public_bytes_raw()
    head = canonical(json.loads(told["head"]["document"]) | {"log": log_id(key)})
    signed = {"document": head.decode(), "signature": signer.sign(head).hex(), "key": key.hex()}
    return canonical(told | {"head": signed})


ATTACKS: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "a fact is made better": (of_case(mend_a_visit), "grading", "/grading/"),
    "a fact's choice is none": (of_case(put("facts", 0, "fields", "result", "fine")), "fact", "/case"),
    "a fact is revoked": (of_case(put("facts", 1, "status", "revoked")), "grading", "/grading/"),
    "a fact is left out": (of_case(lambda case: case["facts"].pop()), "grading", "/grading/"),
    "a fact is renamed": (of_case(put("facts", 0, "fields", "no", "9")), "fact", "/case"),
    "a fact has another id": (of_case(put("facts", 0, "id", "F-0000000000000000")), "fact", "/case"),
    "facts are out of order": (of_case(lambda case: case["facts"].reverse()), "fact", "/case"),
    "a fact stands twice": (of_case(lambda case: case["facts"].append(case["facts"][-1])), "fact", "/case"),
    "a fact holds what its field can't": (of_case(put("facts", 0, "fields", "day", 20261101)), "fact", "/case"),
    "a fact's day is none": (of_case(put("facts", 0, "fields", "day", "20261101")), "fact", "/case"),
    "a fact's type is unknown": (of_case(put("facts", 0, "type", "visits")), "f", ""),
    "the day is another": (of_case(put("as_of", "2028-11-01")), "grading", "/grading/"),
    "the producer is another": (of_case(put("producer", "id", "P2")), "grading", "/grading/producer"),
    "a deduction is dropped": (of_grading(forget_a_fault), "grading", "/grading/"),
    "a deduction asks for less": (of_grading(put("deductions", 2, "points", "1.0")), "grading", "/grading/deduct"),
    "a deduction counts less": (of_grading(put("deductions", 2, "counted", "1.0")), "grading", "/grading/deduct"),
    "a premise is another": (of_grading(put("deductions", 2, "premises", ["fault#2"])), "grading", "/grading/deduct"),
    "a law is quoted": (of_grading(put("deductions", 2, "law", ["L"])), "grading", "/grading/deductions/2/law"),
    "deductions swap places": (of_grading(lambda g: g["deductions"].reverse()), "grading", "/grading/deductions"),
    "a finding is invented": (of_grading(invent_a_finding), "grading", "/grading/"),
    "a finding is dropped": (of_grading(lambda grading: grading["findings"].pop()), "grading", "/grading/"),
    "the grade is better": (of_grading(put("grade", "A")), "grading", "/grading/grade"),
    "the score is better": (of_grading(put("score", "85.0")), "grading", "/grading/score"),
    "the score is a number": (of_grading(put("score", 70)), "grading", "/grading/score"),
    "the veto is gone": (of_grading(put("vetoes", [])), "grading", "/grading/vetoes"),
    "a verdict is another": (of_grading(put("verdicts", 0, "status", "unknown")), "grading", "/grading/verdicts/0"),
    "a fact is not listed": (of_grading(lambda grading: grading["facts"].pop()), "grading", "/grading/facts"),
    "the rulebook says it is official": (of_grading(put("rulebook", "status", "official")), "grading", "/grading/rule"),
    "something is added": (of_grading(put("note", "exempt")), "grading", "/grading/note"),
    "nothing is added": (of_grading(put("note", "nothing")), "grading", "/grading/note"),
    "something is missing": (of_grading(lambda grading: grading.pop("statuses")), "grading", "/grading/statuses"),
    "the rulebook takes fewer points": (of_rulebook(put("rules", 1, "points", "points", 1)), "grading", "/grading/"),
    "the rulebook's band is lower": (of_rulebook(put("bands", 0, "low", 0)), "grading", "/grading/"),
    "the rulebook's window is shorter": (
        of_rulebook(put("rules", 0, "for_each", 0, "window", "amount", 0)), "grading", "/grading/",
    ),
    "the rulebook is altered alone": (replace_the_text("rulebook", '"tiny"', '"tinY"'), "rulebook", "/rulebook"),
    "the case is altered alone": (replace_the_text("case", '"P1"', '"P2"'), "case", "/case"),
    "a key stands twice": (replace_the_text("case", '"as_of":', '"as_of":"2026-12-01","as_of":'), "format", "/case"),
    "the case is written otherwise": (replace_the_text("case", '"as_of":', '"as_of": '), "format", "/case"),
    "the next change is another": (replace_the_text("grading", '"next_change_on":"2', '"next_change_on":"3'), "", "/"),
    "the leaf is of another grading": (other_leaf, "leaf", "/leaf/document"),
    "the leaf is of another kind": (
        of_parts(lambda told: told["leaf"].update(document=told["leaf"]["document"].replace("grading", "decision"))),
        "leaf", "/leaf/document",
    ),
    "the index is another": (of_parts(put("leaf", "index", 2)), "proof", "/inclusion"),
    "the index is out of the log": (of_parts(put("leaf", "index", 5)), "proof", "/inclusion"),
    "the index is negative": (of_parts(put("leaf", "index", -1)), "proof", "/inclusion"),
    "the proof is cut off": (of_parts(lambda told: told["inclusion"].pop()), "proof", "/inclusion"),
    "the proof is longer": (of_parts(lambda told: told["inclusion"].append("00" * 32)), "proof", "/inclusion"),
    "the proof is reversed": (of_parts(lambda told: told["inclusion"].reverse()), "proof", "/inclusion"),
    "the proof is in capitals": (
        of_parts(lambda told: told.update(inclusion=[step.upper() for step in told["inclusion"]])), "format", "/",
    ),
    "the head is another": (other_head, "proof", "/inclusion"),
    "the head is of another log": (other_log, "head", "/head/document/log"),
    "the signature is of another head": (other_signature, "signature", "/head/signature"),
    "the signer is another": (other_signer, "key", "/head/key"),
    "the format is another": (of_parts(put("format", "shuoli-certificate-2")), "format", "/"),
    "a part is missing": (of_parts(lambda told: told.pop("head")), "format", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_the_first_thing_that_is_wrong_is_named(name: str, good: bytes) -> None:
    attack, code, place = ATTACKS[name]

    content = attack(good)

    assert content != good
    assert str(standalone(content, KEY.hex())).startswith(f"[certificate.{code}")
    assert place in str(standalone(content, KEY.hex()))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_program_names_it_too(name: str, good: bytes) -> None:
    attack, code, _ = ATTACKS[name]

    assert str(ours(attack(good), KEY.hex())).startswith(f"[certificate.{code}")


def test_the_good_certificate_verifies_with_the_key_and_without(good: bytes) -> None:
    assert [check(good, key) for check in (standalone, ours) for key in (KEY.hex(), None)] == [None] * 4


def test_a_certificate_of_a_self_made_log_verifies_only_without_the_key(good: bytes) -> None:
    assert [check(other_signer(good)) for check in (standalone, ours)] == [None, None]


# The file


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_it_runs_alone_and_says_what_was_verified_and_what_is_not_proved(good: bytes, tmp_path: Path) -> None:
    path, key = tmp_path / "certificate.json", tmp_path / "key"
    path.write_bytes(good + b"\n")
    key.write_text(KEY.hex() + "\n", "ascii")
    grading = json.loads(json.loads(good)["grading"])

    with_key, with_file, without = (
        run(path, *more, cwd=tmp_path) for more in (["--key", KEY.hex()], ["--key", key], [])
    )

    assert [done.returncode for done in (with_key, with_file, without)] == [0, 0, 0], with_key.stdout + with_key.stderr
    assert with_key.stdout == with_file.stdout
    told = [
        "P1",
        "B",
        "2026-11-01",
        "tiny 1 (draft)",
        grading["rulebook"]["sha256"],
        "5 leaves",
        KEY.hex(),
        "the one given",
    ]
    assert [word for word in told if word not in with_key.stdout] == []
    assert "not shown to be the bureau's" in without.stdout
    assert "that facts are true" in with_key.stdout
    assert "next_change_on" in with_key.stdout


def test_it_exits_with_one_for_what_is_wrong_and_two_for_wrong_use(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(ATTACKS["the grade is better"][0](good))

    done = run(path, cwd=tmp_path)

    assert done.returncode == 1
    assert "[certificate.grading] /grading/grade" in done.stdout
    assert "given: A" in done.stdout
    assert "expected: B" in done.stdout
    wrong_use: list[list[object]] = [[], ["missing.json"], [path, "--key"], [path, "--key", "missing"], [path, "extra"]]
    assert [run(*words, cwd=tmp_path).returncode for words in wrong_use] == [2] * 5


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b"1", b'"x"', b"[" * 100_000], ids=repr)
def test_no_json_and_other_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(content)

    done = run(path, cwd=tmp_path)

    assert (done.returncode, done.stdout[:22]) == (1, "✗ [certificate.format]")
    assert str(ours(content)).startswith("[certificate.format]")


def test_each_part_missing_or_of_another_type_is_refused(good: bytes) -> None:
    told = json.loads(good)
    values: list[object] = [None, 1, "", [], {}, "x", True]
    changed = [told | {name: value} for name, value in itertools.product(told, values)]
    changed += [{key: value for key, value in told.items() if key != name} for name in told]

    assert [content for content in changed if standalone(canonical(content)) is None] == []
    assert [content for content in changed if ours(canonical(content)) is None] == []


def test_it_is_one_file_of_four_hundred_lines_that_imports_nothing_of_ours() -> None:
    text = VERIFIER.read_text("utf-8")
    tree = ast.parse(text)

    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert len(text.splitlines()) <= 400
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"cryptography"}
    assert "__import__" not in text
    assert [path.name for path in VERIFIER.parent.glob("*.py")] == [VERIFIER.name]


def test_a_producer_takes_less_than_a_second() -> None:
    evaluator = Evaluator(load_rulebook(SHIPPED / "hangzhou" / "2021.1"))
    case = identified(evaluator.rulebook, random_case(evaluator.rulebook, 1, facts=300))
    content = Issuer(evaluator).issue(msgspec.structs.replace(case))
    evaluator.close()

    took = min(_seconds(content) for _ in range(3))

    assert took < 1


def _seconds(content: bytes) -> float:
    started = os.times().user
    assert standalone(content) is None
    return os.times().user - started
