"""The way in for many lines: each is stored, known already, or kept in the quarantine with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from casework.arrivals import Report, Result
from casework.decisions import Decisions
from casework.lines import LONGEST_LINE, RawLine, chunk_digest
from engine.jsontext import parse
from engine.reading import CaseReader
from knowledge.problems import CaseRefused, JsonRefused, Problem, ShuoliError
from store.chunks import StoredChunk, add_chunk, stored_chunk
from store.ledger import Store, Transaction
from store.quarantine import RefusedLine, put_aside
from store.sources import beat

_encode: Final = msgspec.json.Encoder().encode
_LONGEST_LIST: Final = 50
"""Problems that are told of one line."""


class OtherContent(ShuoliError):
    """A key stands for another delivery."""

    code = "ingest.other_content"


class Complaint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with a line: `pointer` is where in it, a JSON pointer or, in files, the row and column."""

    pointer: str
    code: str
    message: str
    given: str | None = None
    expected: str | None = None
    help: str | None = None

    @classmethod
    def of(cls, problem: Problem) -> Complaint:
        """Return a problem as it is told."""
        return cls(problem.place, problem.code, problem.message, problem.given, problem.expected, problem.help)


class LineResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a line. `fact` is the id of its fact, `quarantine` where a refused line is kept."""

    line: int
    result: Result
    fact: str | None = None
    errors: tuple[Complaint, ...] = ()
    quarantine: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line: as it came, and the report that it tells, or why it tells none.

    `report` is an object with the keys of a fact and `producer`. `places` says where a part of the report stood in
    what came, by JSON pointer, with the text that stood there; in lines that are reports themselves it is empty.
    """

    number: int
    came: bytes
    report: Any
    problems: tuple[Problem, ...] = ()
    places: Callable[[Problem], Problem] | None = None


@dataclass(slots=True)
class RawChunk:
    """A chunk of JSON lines on its way: what was read of it, or what it was answered before."""

    key: str | None
    number: int
    digest: bytes
    lines: Sequence[Line] = ()
    read: Sequence[Report | tuple[Problem, ...]] = ()
    known: bytes | None = None


Within = Callable[[Transaction, Sequence[LineResult]], None]


class Intake:
    """Takes lines in, chunk by chunk; each chunk is one transaction. `today` and `as_of` are ordinals."""

    def __init__(
        self, desk: Decisions, store: Store, *, as_of: int, today: int | None = None, regrade: bool = True
    ) -> None:
        self.desk, self.store, self.as_of, self._regrade = desk, store, as_of, regrade
        self._today = as_of if today is None else max(as_of, today)
        self._reader = CaseReader(desk.rulebook)

    def take_raw(self, lines: Sequence[RawLine], *, origin: str, key: str | None, number: int) -> bytes:
        """Take a chunk of JSON lines; return the results as JSON lines, in order. See `read_raw` and `enter_raw`."""
        return self.enter_raw(self.read_raw(lines, key=key, number=number), origin=origin)

    def read_raw(self, lines: Sequence[RawLine], *, key: str | None, number: int) -> RawChunk:
        """Read a chunk of JSON lines, so that it can be entered: this may be done while another is entered.

        Raises:
            OtherContent: under this key, another chunk was taken at this place.
        """
        chunk = RawChunk(key, number, chunk_digest(lines))
        if key is not None:
            with self.store.read() as transaction:
                chunk.known = _known_chunk(transaction, chunk)
        if chunk.known is None:
            chunk.lines = [self._told(line) for line in lines]
            chunk.read = self._read_all(chunk.lines)
        return chunk

    def enter_raw(self, chunk: RawChunk, *, origin: str) -> bytes:
        """Enter a chunk in one transaction; return the results as JSON lines, in order.

        One that is committed already under its key is answered as it was then and not entered again.

        Raises:
            OtherContent: under this key, another chunk was taken at this place; nothing is entered.
        """
        if chunk.known is not None:
            return chunk.known
        with self.store.write() as transaction:
            # Another request with this key may have been faster.
            known = _known_chunk(transaction, chunk)
            if known is not None:
                return known
            results = self._enter(transaction, chunk.lines, chunk.read, origin)
            answer = b"".join(_encode(one) + b"\n" for one in results)
            if chunk.key is not None:
                add_chunk(transaction, chunk.key, chunk.number, StoredChunk(chunk.digest, answer))
        return answer

    def take(self, lines: Sequence[Line], *, origin: str, within: Within | None = None) -> list[LineResult]:
        """Take a chunk of lines; return the results in order. `within` is called in the same transaction."""
        read = self._read_all(lines)
        with self.store.write() as transaction:
            results = self._enter(transaction, lines, read, origin)
            if within is not None:
                within(transaction, results)
        return results

    def read(self, line: Line) -> Report | tuple[Problem, ...]:
        """Return the report that a line tells, or everything that is wrong with it."""
        if line.problems:
            return line.problems
        try:
            return Report(*self._reader.report(line.report, today=self._today))
        except CaseRefused as refused:
            problems = refused.problems[:_LONGEST_LIST]
            return problems if line.places is None else tuple(line.places(one) for one in problems)

    def enter_one(self, transaction: Transaction, line: Line) -> LineResult:
        """Enter one line in a transaction that is under way; where it is refused, nothing is kept of it."""
        told = self.read(line)
        if not isinstance(told, Report):
            return LineResult(line.number, "refused", errors=tuple(map(Complaint.of, told)))
        entry = self.desk.enter_all(transaction, [told], self.as_of, regrade=self._regrade)[0]
        return LineResult(line.number, entry.result, told.fact.id, tuple(map(Complaint.of, entry.problems)))

    def _read_all(self, lines: Iterable[Line]) -> list[Report | tuple[Problem, ...]]:
        return [self.read(line) for line in lines]

    @staticmethod
    def _told(line: RawLine) -> Line:
        if line.length > LONGEST_LINE:
            given, most = f"{line.length} bytes", f"at most {LONGEST_LINE} bytes"
            problem = Problem("", "line.too_long", "the line is too long; its beginning is kept", given, most)
            return Line(line.number, line.data, None, (problem,))
        try:
            return Line(line.number, line.data, parse(line.data))
        except JsonRefused as refused:
            return Line(line.number, line.data, None, refused.problems)

    def _enter(
        self,
        transaction: Transaction,
        lines: Sequence[Line],
        read: Sequence[Report | tuple[Problem, ...]],
        origin: str,
    ) -> list[LineResult]:
        reports = [one for one in read if isinstance(one, Report)]
        entries = iter(self.desk.enter_all(transaction, reports, self.as_of, regrade=self._regrade))
        results: list[LineResult] = []
        refused: list[tuple[int, RefusedLine]] = []
        heard: set[str] = set()
        for line, told in zip(lines, read, strict=True):
            problems = told if not isinstance(told, Report) else ()
            result: Result = "refused"
            if isinstance(told, Report):
                entry = next(entries)
                result, problems = entry.result, entry.problems
            if result == "refused":
                if line.places is not None and isinstance(told, Report):
                    problems = tuple(map(line.places, problems))
                complaints = tuple(map(Complaint.of, problems))
                refused.append((len(results), _kept(line, origin, complaints)))
                results.append(LineResult(line.number, "refused", errors=complaints))
            elif isinstance(told, Report):
                heard.update(source.system for source in told.fact.sources)
                results.append(LineResult(line.number, result, told.fact.id))
        for (place, _), kept in zip(refused, put_aside(transaction, [one for _, one in refused]), strict=True):
            results[place] = msgspec.structs.replace(results[place], quarantine=kept)
        beat(transaction, heard)
        return results


def _kept(line: Line, origin: str, complaints: Sequence[Complaint]) -> RefusedLine:
    return RefusedLine(origin, line.number, line.came, _encode(complaints).decode())


def _known_chunk(transaction: Transaction, chunk: RawChunk) -> bytes | None:
    known = None if chunk.key is None else stored_chunk(transaction, chunk.key, chunk.number)
    if known is None:
        return None
    if known.sha256 != chunk.digest:
        raise OtherContent(
            f"chunk {chunk.number} of this delivery was taken with other lines",
            help="send exactly the same lines again, or choose another Idempotency-Key",
        )
    return known.results
