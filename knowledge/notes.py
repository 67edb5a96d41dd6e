"""The problems of a rulebook, noted while its files are given their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from knowledge.problems import Problem, nearest
from knowledge.source import Document, Path

LONGEST_SHOWN = 100


@dataclass(slots=True)
class Notes:
    """The problems found so far, and the files they are in."""

    documents: Mapping[str, Document]
    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Names whose own entry has a problem, so that nothing can be said about whoever names them."""
    _noted: set[Problem] = field(default_factory=set)

    def add(
        self,
        path: Path,
        code: str,
        message: str,
        *,
        given: object = None,
        expected: str | None = None,
        help: str | None = None,
    ) -> None:
        """Note a problem at `path`, whose first part is the file."""
        place = self.documents[str(path[0])].place(path[1:])
        problem = Problem(place, code, message, None if given is None else shortened(given), expected, help)
        if problem not in self._noted:
            self._noted.add(problem)
            self.problems.append(problem)

    def unknown(self, path: Path, what: str, name: object, known: Iterable[str], of: str | None = None) -> None:
        """Note a name that names nothing; `of` is what it would belong to."""
        if str(name) in self.broken:
            return
        known = list(dict.fromkeys(known))
        near = nearest(str(name), known)
        listed = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
        help_line = f"did you mean `{near}`?" if near else f"known: {listed}" if known else "none is declared"
        message = f"unknown {what} `{name}`" if of is None else f"unknown {what} `{name}` of `{of}`"
        self.add(path, "name.unknown", message, given=name, help=help_line)

    def needs_calendar(self, path: Path) -> None:
        """Note a count of working days in a rulebook without a calendar."""
        message = "working days are counted, but the rulebook names no calendar"
        self.add(path, "calendar.missing", message, help="add `calendar: calendar.yaml` to rulebook.yaml")

    def twice(self, path: Path, what: str, name: object, first: Path) -> None:
        """Note a name that stands at `path` and stood at `first` before."""
        file, line, _ = self.documents[str(first[0])].place(first[1:]).rsplit(":", 2)
        line = f"the first stands in {file}:{line}"
        self.add(path, "name.duplicate", f"{what} `{name}` stands twice", given=name, help=line)


def shortened(value: object) -> str:
    """Return a value as a problem shows it."""
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    shown = str(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
