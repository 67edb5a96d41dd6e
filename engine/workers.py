"""Evaluation in worker processes: a crash of C code costs one case its grade, and nothing else."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import queue
import resource
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Self, TypeAlias, TypeVar

import msgspec

from engine.case import CaseFile
from engine.document import DocumentWriter, Written
from engine.evaluate import MOST_SECONDS, Evaluator
from engine.grading import Grading
from engine.reading import CaseReader, merge
from knowledge.problems import EngineDisagreement, EngineFailure, LimitExceeded, Problem, ShuoliError
from knowledge.rulebook import Rulebook

_T = TypeVar("_T")
_KEPT: Final = 4
"""Compiled rulebooks that one worker keeps."""
_GRACE: Final = 20.0
"""Seconds for starting a worker and compiling a rulebook, beyond the time that evaluation itself may take."""
# glibc gives memory back to the system and takes it again for sessions of the kernel in which large networks are
# opened; these make it keep a few megabytes.
MALLOC: Final = {
    "MALLOC_TRIM_THRESHOLD_": "33554432",
    "MALLOC_TOP_PAD_": "8388608",
    "MALLOC_MMAP_THRESHOLD_": "8388608",
}


class Stored(msgspec.Struct, frozen=True):
    """A producer and its facts, unmerged, as documents of `engine.reading`.

    `moment` holds for this one alone, instead of the day asked for and the batch's `known_at`.
    """

    producer: bytes
    facts: tuple[bytes, ...]
    moment: tuple[int, str | None] | None = None


class Batch(msgspec.Struct, frozen=True):
    """Producers to decide in one go, with everything that was known of them at `known_at`."""

    stored: tuple[Stored, ...]
    known_at: str | None = None


class Decision(msgspec.Struct, frozen=True, tag=True):
    """A grading as it is stored: what tables show of it, its canonical document and the digests (see `Written`).

    `facts` counts the merged facts that it was made from.
    """

    producer: str
    hash: str
    outcome: str
    case: str
    grade: str
    score: int
    next_change_on: int | None
    facts: int
    document: bytes

    @classmethod
    def of(cls, grading: Grading, written: Written) -> Self:
        """Return the decision that a grading and its canonical document make."""
        return cls(
            grading.producer,
            written.hash,
            written.outcome,
            written.case,
            grading.grade,
            grading.score.value,
            grading.next_change_on,
            len(grading.facts),
            written.document,
        )


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why a case has no grade, in the words of the error that was raised."""

    code: str
    message: str
    help: str | None = None
    problems: tuple[Problem, ...] = ()
    chainer: str = ""
    checker: str = ""

    def error(self) -> ShuoliError:
        """Return the error again."""
        if self.code == EngineDisagreement.code:
            return EngineDisagreement(self.message, chainer=self.chainer, checker=self.checker)
        if self.code.startswith("limit."):
            return LimitExceeded(self.code, self.message)
        error = EngineFailure(self.message, help=self.help, problems=self.problems)
        error.code = self.code
        return error


class _GradeOne(msgspec.Struct, frozen=True, tag=True):
    rulebook: str
    case: CaseFile


class _DecideAll(msgspec.Struct, frozen=True, tag=True):
    rulebook: str
    batch: Batch
    as_of: int


class _Run(msgspec.Struct, frozen=True, tag=True):
    rulebook: str
    job: bytes


_Request: TypeAlias = _GradeOne | _DecideAll | _Run
Answer: TypeAlias = Decision | Refusal
_request: Final = msgspec.msgpack.Decoder(_Request)
_answers: Final = msgspec.msgpack.Decoder(list[Answer])
_outcome_of_job: Final = msgspec.msgpack.Decoder(tuple[bytes, Refusal | None])
_outcome: Final = msgspec.msgpack.Decoder(tuple[Grading | None, Refusal | None])
_encode: Final = msgspec.msgpack.Encoder().encode


class Workers:
    """Processes that evaluate. Safe to use from several threads; `close()` ends the processes.

    Each process has a pipe of its own, so that the death of one, at whatever moment, touches no other.
    """

    def __init__(self, count: int) -> None:
        for name, value in MALLOC.items():
            os.environ.setdefault(name, value)
        self.count = count
        self._folder = tempfile.TemporaryDirectory(prefix="shuoli-")
        self._writing = threading.Lock()
        self._asked: set[_Worker] = set()
        # None stands for a process that is started when it is needed.
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(_Worker())

    def close(self) -> None:
        """End the processes once they have answered what they were asked; to ask again starts new ones."""
        for worker in [self._idle.get() for _ in range(self.count)]:
            if worker is not None:
                worker.end()
            self._idle.put(None)
        self._folder.cleanup()

    def interrupt(self) -> None:
        """End the processes that are at work, at once: whoever waits for them gets an EngineFailure."""
        for worker in tuple(self._asked):
            worker.kill()

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def grade(self, rulebook: Rulebook, case: CaseFile) -> Grading:
        """Return the grading of one case.

        Raises:
            LimitExceeded: as `Evaluator.grade`.
            EngineDisagreement: as `Evaluator.grade`.
            EngineFailure: the kernel failed, or the worker crashed or hung; another one has taken its place.
        """
        request = _GradeOne(self._path(rulebook), case)
        grading, refusal = _outcome.decode(self._ask(request, MOST_SECONDS))
        if refusal is not None:
            raise refusal.error()
        assert grading is not None
        return grading

    def decide_one(self, rulebook: Rulebook, stored: Stored) -> Decision:
        """Return the decision on one producer, as of its own `moment`.

        Raises:
            LimitExceeded, EngineDisagreement, EngineFailure: as `grade`.
            CaseRefused: what is stored doesn't fit the rulebook.
        """
        asked = _DecideAll(self._path(rulebook), Batch((stored,)), 0)
        (answer,) = _answers.decode(self._ask(asked, MOST_SECONDS))
        if isinstance(answer, Refusal):
            raise answer.error()
        return answer

    def run(self, rulebook: Rulebook, job: Callable[[Evaluator], _T], seconds: float) -> _T:
        """Return what a job makes of an evaluator, for work that grades many cases: forecasts, plans, what-ifs.

        The job and its result are pickled: it is a function of a module, or a `functools.partial` of one.

        Raises:
            ShuoliError: the job raised one.
            EngineFailure: the worker crashed, or took longer than `seconds`; another one has taken its place.
        """
        answer, refusal = _outcome_of_job.decode(self._ask(_Run(self._path(rulebook), pickle.dumps(job)), seconds))
        if refusal is not None:
            raise refusal.error()
        # Nobody but our own worker writes to the pipe.
        result: _T = pickle.loads(answer)  # noqa: S301
        return result

    def decide(self, rulebook: Rulebook, batches: Iterable[Batch], as_of: int) -> Iterator[list[Answer]]:
        """Yield the answers to each batch, in order; a few batches are under way at a time.

        A batch whose worker crashes is decided again one by one, so that only the case that crashes has no grade.
        """
        path = self._path(rulebook)

        def decide(batch: Batch) -> list[Answer]:
            try:
                return _answers.decode(self._ask(_DecideAll(path, batch, as_of), MOST_SECONDS * len(batch.stored)))
            except EngineFailure as failure:
                if len(batch.stored) == 1:
                    return [_refusal(failure)]
            return [answer for one in batch.stored for answer in decide(Batch((one,), batch.known_at))]

        with ThreadPoolExecutor(self.count) as threads:
            under_way: deque[Future[list[Answer]]] = deque()
            for batch in batches:
                under_way.append(threads.submit(decide, batch))
                if len(under_way) > 2 * self.count:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

    def _ask(self, request: _Request, seconds: float) -> bytes:
        worker = self._idle.get()
        try:
            if worker is not None and not worker.lives():
                worker.end()
                worker = None
            worker = worker or _Worker()
            self._asked.add(worker)
            try:
                return worker.ask(_encode(request), seconds + _GRACE)
            finally:
                self._asked.discard(worker)
        except EngineFailure:
            if worker is not None:
                worker.end()
                worker = None
            raise
        finally:
            self._idle.put(worker)

    def _path(self, rulebook: Rulebook) -> str:
        """Return where workers find the rulebook."""
        path = Path(self._folder.name, rulebook.sha256)
        with self._writing:
            if not path.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                path.write_bytes(pickle.dumps(rulebook))
        return str(path)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def lives(self) -> bool:
        """Say whether the process still runs: it may have been ended from outside while it had nothing to do."""
        return self._process.is_alive()

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Return the answer; raises EngineFailure where the process ends or takes longer than `seconds`."""
        try:
            self._pipe.send_bytes(request)
            if self._pipe.poll(seconds):
                return self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self._process.join(5)
            message = f"the evaluating process ended (exit {self._process.exitcode})"
            raise EngineFailure(message, help="the next case works") from error
        raise EngineFailure("the evaluating process hung and was ended", help="the next case works")

    def kill(self) -> None:
        """Kill the process; whoever waits for its answer ends what is left of it."""
        with suppress(ValueError):  # it has been ended meanwhile
            self._process.kill()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


class Bench:
    """Decides, in this process, from what is stored; what a worker has at hand for one rulebook."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.evaluator = Evaluator(rulebook)
        self._reader, self._writer = CaseReader(rulebook), DocumentWriter(rulebook)

    def decide(self, one: Stored, as_of: int, known_at: str | None) -> Decision:
        """Return the decision on a producer.

        Raises:
            CaseRefused: what is stored doesn't fit the rulebook.
            LimitExceeded, EngineDisagreement, EngineFailure: as `Evaluator.grade`.
        """
        producer = self._reader.producer(one.producer)
        facts = merge(self._reader.stored(one.facts))
        case = CaseFile(producer, facts, *(one.moment or (as_of, known_at)))
        grading = self.evaluator.grade(case)
        return Decision.of(grading, self._writer.write(case, grading))


_benches: dict[str, Bench] = {}


def _serve(pipe: Connection) -> None:
    """Answer requests until the other end is closed, by the parent or by its death."""
    # A crash of C code is expected and reported; a core file each time would fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ctrl-C reaches the whole group; the parent decides when the workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A line that a library in C prints must not get among the answers on standard output.
    os.dup2(2, 1)
    while True:
        try:
            request = _request.decode(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(_answer(request))


def _bench(path: str) -> Bench:
    if path not in _benches:
        while len(_benches) >= _KEPT:
            _benches.pop(next(iter(_benches))).evaluator.close()
        # The parent wrote the file into a folder that only it can write to.
        _benches[path] = Bench(pickle.loads(Path(path).read_bytes()))  # noqa: S301
        # What is compiled stays: the collector need not look at it again.
        gc.collect()
        gc.freeze()
    return _benches[path]


def _answer(request: _Request) -> bytes:
    if isinstance(request, _DecideAll):
        return _encode([_decide_one(one, request) for one in request.batch.stored])
    if isinstance(request, _Run):
        return _answer_job(request)
    try:
        return _encode((_bench(request.rulebook).evaluator.grade(request.case), None))
    except ShuoliError as error:
        return _encode((None, _refusal(error)))


def _answer_job(request: _Run) -> bytes:
    try:
        job: Callable[[Evaluator], object] = pickle.loads(request.job)  # noqa: S301  the parent's own
        return _encode((pickle.dumps(job(_bench(request.rulebook).evaluator)), None))
    except ShuoliError as error:
        return _encode((b"", _refusal(error)))


def _decide_one(one: Stored, request: _DecideAll) -> Answer:
    try:
        return _bench(request.rulebook).decide(one, request.as_of, request.batch.known_at)
    except ShuoliError as error:
        return _refusal(error)


def _refusal(error: ShuoliError) -> Refusal:
    sides = (error.chainer, error.checker) if isinstance(error, EngineDisagreement) else ("", "")
    return Refusal(error.code, error.message, error.help, error.problems, *sides)
