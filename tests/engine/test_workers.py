"""Worker processes: the same gradings, and one that crashes, hangs or is killed takes only its own case with it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from engine import workers as module
from engine.document import digest
from engine.evaluate import Evaluator
from engine.reading import CaseReader
from engine.workers import Batch, Decision, Refusal, Stored, Workers
from knowledge.loader import load_rulebook
from knowledge.problems import EngineFailure, LimitExceeded
from knowledge.rulebook import Rulebook

ORCHARD = Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1"
KNOWN = "2026-06-01T00:00:00.000000Z"
DAY = 739_500


class Crashing(SimpleNamespace):
    """In the place of a rulebook: the worker reads address 0 when it loads this."""

    sha256 = "crashing"

    def __reduce__(self) -> Any:
        return ctypes.string_at, (0,)


class Hanging(SimpleNamespace):
    sha256 = "hanging"

    def __reduce__(self) -> Any:
        return time.sleep, (60,)


@pytest.fixture(scope="module")
def orchard() -> Rulebook:
    return load_rulebook(ORCHARD)


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


def stored(number: int, facts: int = 1) -> Stored:
    producer = {"id": f"P{number}", "kind": "farm", "region": "330110", "attributes": {}}
    fields = {"result": "fail", "taken_on": "2025-08-01"}
    made = [{"type": "test", "fields": fields | {"number": f"T{n}"}, "status": "effective"} for n in range(facts)]
    return Stored(msgspec.json.encode(producer), tuple(msgspec.json.encode(fact) for fact in made))


def pids() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def test_a_worker_gives_the_same_grading_as_this_process(workers: Workers, orchard: Rulebook) -> None:
    one = stored(1, facts=3)
    data = b'{"producer":' + one.producer + b',"facts":[' + b",".join(one.facts) + b"]}"
    case = CaseReader(orchard).case(data, as_of=DAY)

    assert workers.grade(orchard, case) == Evaluator(orchard).grade(case)


def test_a_crash_of_c_code_costs_one_case_and_the_next_one_works(workers: Workers, orchard: Rulebook) -> None:
    crashing: Any = Crashing()
    case = CaseReader(orchard).case(b'{"producer":' + stored(1).producer + b',"facts":[]}', as_of=DAY)

    with pytest.raises(EngineFailure, match=f"exit -{signal.SIGSEGV}"):
        workers.grade(crashing, case)

    assert workers.grade(orchard, case).producer == "P1"


def test_a_case_that_hangs_is_ended(workers: Workers, orchard: Rulebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.2)
    monkeypatch.setattr(module, "MOST_SECONDS", 0.2)
    hanging: Any = Hanging()
    case = CaseReader(orchard).case(b'{"producer":' + stored(1).producer + b',"facts":[]}', as_of=DAY)

    with pytest.raises(EngineFailure, match="hung"):
        workers.grade(hanging, case)

    monkeypatch.setattr(module, "_GRACE", 20.0)
    assert workers.grade(orchard, case).producer == "P1"


def test_a_worker_killed_while_idle_is_replaced_before_it_is_asked(workers: Workers, orchard: Rulebook) -> None:
    case = CaseReader(orchard).case(b'{"producer":' + stored(1).producer + b',"facts":[]}', as_of=DAY)
    workers.grade(orchard, case)

    for pid in pids():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)

    assert workers.grade(orchard, case).producer == "P1"


def test_a_closed_pool_may_be_closed_again_and_asked_again(workers: Workers, orchard: Rulebook) -> None:
    case = CaseReader(orchard).case(b'{"producer":' + stored(1).producer + b',"facts":[]}', as_of=DAY)

    workers.close()
    workers.close()

    assert pids() == []
    assert workers.grade(orchard, case).producer == "P1"


def test_an_error_keeps_its_kind_code_and_problems(workers: Workers, orchard: Rulebook) -> None:
    case = CaseReader(orchard).case(b'{"producer":' + stored(1).producer + b',"facts":[]}', as_of=DAY)
    fact = CaseReader(orchard).stored(stored(1).facts)[0]
    many = tuple(msgspec.structs.replace(fact, id=f"F-{n:016x}") for n in range(5001))

    with pytest.raises(LimitExceeded) as caught:
        workers.grade(orchard, msgspec.structs.replace(case, facts=many))

    assert caught.value.code == "limit.facts"


def test_a_batch_is_decided_in_order_and_hashed(workers: Workers, orchard: Rulebook) -> None:
    batches = [Batch(tuple(stored(n) for n in range(start, start + 3)), KNOWN) for start in (0, 3, 6)]

    answers = [answer for batch in workers.decide(orchard, batches, DAY) for answer in batch]

    assert all(isinstance(answer, Decision) and digest(answer.document) == answer.hash for answer in answers)
    assert [answer.producer for answer in answers if isinstance(answer, Decision)] == [f"P{n}" for n in range(9)]
    known = [msgspec.json.decode(answer.document)["known_at"] for answer in answers if isinstance(answer, Decision)]
    assert known == [KNOWN] * 9


def test_one_refused_case_of_a_batch_leaves_the_others_their_grades(workers: Workers, orchard: Rulebook) -> None:
    wrong = Stored(b'{"id":"P9","kind":"nothing"}', ())

    (answers,) = workers.decide(orchard, [Batch((stored(1), wrong, stored(2)))], DAY)

    assert [type(answer) for answer in answers] == [Decision, Refusal, Decision]
    refusal = answers[1]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.problems[0].place) == ("case.refused", "/kind")


def test_a_worker_killed_in_a_batch_loses_no_case(workers: Workers, orchard: Rulebook) -> None:
    batch = tuple(stored(n, facts=300) for n in range(40))
    list(workers.decide(orchard, [Batch(batch[:1])], DAY))
    (pid,) = pids()
    killer = threading.Timer(0.05, os.kill, (pid, signal.SIGKILL))
    killer.start()

    (answers,) = workers.decide(orchard, [Batch(batch)], DAY)

    killer.join()
    assert pid not in pids()
    assert [answer.producer for answer in answers if isinstance(answer, Decision)] == [f"P{n}" for n in range(40)]


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import multiprocessing, os, signal\n"
        "from engine.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    pool = Workers(2)\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parent.parent.parent
    found = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    children = [int(pid) for pid in found.stdout.split()]

    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
