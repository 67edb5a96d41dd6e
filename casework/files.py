"""Whole files through a mapping: chunk by chunk, every row stored, known already, or kept in the quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from casework.intake import Complaint, Intake, Line, LineResult
from casework.lines import CHUNK_LINES
from casework.quarantine import FILE
from casework.rows import RowReader
from casework.sheets import Rows
from knowledge.mapping import FactMapping

MOST_SHOWN: Final = 100
"""Refused lines that a tally names; the quarantine has all of them."""


@dataclass(slots=True)
class Tally:
    """What became of a delivery's lines: how many of each result, and why the first of those refused were."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int | None, tuple[Complaint, ...]]] = field(default_factory=list)
    """Ids in the quarantine, each with its complaints."""

    def add(self, results: Iterable[LineResult]) -> None:
        """Count results in."""
        for one in results:
            self.counts[one.result] += 1
            if one.result == "refused" and len(self.refused) < MOST_SHOWN:
                self.refused.append((one.quarantine, one.errors))

    def document(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "lines": self.counts.total(),
            **{name: self.counts[name] for name in ("stored", "updated", "duplicate", "refused")},
            "first_refused": [{"quarantine": kept, "errors": errors} for kept, errors in self.refused],
        }


def ingest_file(
    path: Path, rows: Rows, mapping: FactMapping, intake: Intake, tally: Tally, done: Callable[[int], None]
) -> None:
    """Take the rows of a file in; `done` is told the number of the last row after each chunk.

    The same file taken twice changes nothing: its facts are known, and its refused rows lie in the quarantine.

    Raises:
        FileRefused: it can't be read on; whole chunks before are taken, and counted in `tally`.
    """
    reader = RowReader(mapping, intake.desk.rulebook, path.name)
    lines: Iterable[Line] = (reader.line(row) for row in rows.rows)
    lines = iter(lines)
    while chunk := list(islice(lines, CHUNK_LINES)):
        tally.add(intake.take(chunk, origin=f"{FILE}{path.name}"[:200]))
        done(chunk[-1].number)
