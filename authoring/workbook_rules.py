"""From the rows of a workbook to rules: conditions, steps and values put back into the rule that they belong to."""

from __future__ import annotations

from typing import Any, Final

from authoring import workbook_sheets as sheets
from authoring.workbook_entries import Entries, SheetRow, in_order
from authoring.workbook_rows import GROUPS, PATTERN_KEYS, VALUES, Entry
from knowledge.source import Path

_APART: Final = ("rule", "part", "at", "name")
"""Columns that say where a condition stands."""
_POINTS: Final = ("points", "by", "formula", "rounding")
_OF_RULE: Final = ("file", "id", "target", "concludes")


class RuleReading:
    """Reads the sheets of rules; `key` is `lose` or `gain`, under which points stand."""

    def __init__(self, to: Entries, key: str) -> None:
        self._to, self._key = to, key
        self._rules: dict[str, tuple[Path, Entry]] = {}
        self._lists: dict[tuple[str, str], tuple[Path, list[Any]]] = {}
        self._clauses: dict[tuple[str, str], tuple[Path, Entry]] = {}

    def read(self) -> None:
        """Read them all."""
        for row in self._to.of(sheets.RULES):
            self._rule(row)
        for row in self._to.of(sheets.CONDITIONS):
            self._condition(row)
        for _, clause in self._clauses.values():
            group = clause.get("not")
            if isinstance(group, list) and len(group) == 1:
                clause["not"] = group[0]
        for row in self._to.of(sheets.STEPS):
            self._step(row)
        for row in self._to.of(sheets.GIVES):
            name, field = self._to.word(row, "rule", self._rules), self._to.word(row, "field")
            if name is not None and field is not None:
                path, rule = self._rules[name]
                if not self._to.taken(row, rule.setdefault("gives", {}), field):
                    cells = self._to.entry(row, (*path, "gives", field), ("rule", "field"))
                    rule["gives"][field] = cells.get("value")

    def _rule(self, row: SheetRow) -> None:
        file, name = self._to.word(row, "file", self._to.files.documents), self._to.word(row, "id")
        concludes, target = self._to.word(row, "concludes", sheets.CONCLUSIONS), self._to.word(row, "target")
        if not (file and name and concludes and target) or self._to.taken(row, self._rules, name):
            return
        listed: Any = self._to.files.documents[file].data
        if not isinstance(listed, list):
            self._to.refuse(row.at("file"), f"`{file}` holds no rules", file, "a file in `rules/`")
            return
        path: Path = (file, len(listed))
        entry = self._to.entry(row, path, _OF_RULE)
        whole = {key: entry.pop(key) for key in _POINTS if key in entry}
        entry = {concludes: target, **({} if name == target else {"rule": name}), **entry}
        listed.append(entry)
        self._rules[name] = (path, entry)
        self._to.note((*path, concludes), row.at("target"))
        if whole:
            entry[self._key] = whole["points"] if set(whole) == {"points"} else whole
            self._to.note((*path, self._key), row.at(next(iter(whole))))

    def _step(self, row: SheetRow) -> None:
        name = self._to.word(row, "rule", self._rules)
        if name is None:
            return
        path, rule = self._rules[name]
        by_choice = "choice" in row.cells
        home = rule.setdefault(self._key, {} if by_choice else [])
        if isinstance(home, dict) and by_choice:
            table, choice = home.setdefault("points", {}), str(self._to.word(row, "choice"))
            at: Path = (*path, self._key, "points", choice)
            if not isinstance(table, dict):
                self._to.refuse(row.place, f"rule `{name}` has fixed points already", name, "points by choice alone")
            elif not self._to.taken(row, table, choice):
                table[choice] = self._to.entry(row, at, ("rule", "choice")).get("points")
        elif isinstance(home, list) and not by_choice:
            step = self._to.entry(row, (*path, self._key, len(home)), ("rule",))
            tests = step.pop("tests", {})
            points = {"points": step.pop("points")} if "points" in step else {}
            home.append({**step, **(tests if isinstance(tests, dict) else {}), **points})
        else:
            self._to.refuse(row.place, f"rule `{name}` has points of two kinds", name, "steps, choices or fixed points")

    def _condition(self, row: SheetRow) -> None:
        rule, part = self._to.word(row, "rule", self._rules), self._to.word(row, "part", ("for_each", "when"))
        name, at = self._to.word(row, "name"), self._to.word(row, "at")
        if not (rule and part and name and at):
            return
        path, entry = self._rules[rule]
        if part == "for_each":
            here: Path = (*path, "for_each", name)
            if not self._to.taken(row, entry.setdefault("for_each", {}), name):
                entry["for_each"][name] = self._pattern(self._to.entry(row, here, _APART), row, here)
            return
        above = at.rpartition(".")[0]
        if not above and (rule, "") not in self._lists:
            self._lists[rule, ""] = ((*path, "when"), entry.setdefault("when", []))
        if (rule, above) not in self._lists:
            expected = "a row `any`, `all` or `not` above"
            self._to.refuse(row.at("at"), f"no group `{above}` stands above `{at}`", at, expected)
            return
        home, listed = self._lists[rule, above]
        if (rule, at) not in self._clauses:
            self._clauses[rule, at] = ((*home, len(listed)), {})
            listed.append(self._clauses[rule, at][1])
        self._clause(row, (rule, at), name)

    def _clause(self, row: SheetRow, where: tuple[str, str], name: str) -> None:
        path, clause = self._clauses[where]
        if self._to.taken(row, clause, name):
            return
        entry = self._to.entry(row, path, _APART)
        tests = entry.get("tests")
        if name == "measure":
            clause |= {"measure": entry.get("is"), **(tests if isinstance(tests, dict) else {})}
        elif name in GROUPS:
            clause[name] = []
            self._lists[where] = ((*path, name), clause[name])
        elif name == "producer":
            clause[name] = tests or {}
        elif name in VALUES and "is" not in entry:
            clause[name] = entry.get("value")
        else:
            clause[name] = self._pattern(entry, row, (*path, name))

    def _pattern(self, entry: Entry, row: SheetRow, path: Path) -> Any:
        for key in entry:
            self._to.note((*path, "where" if key == "tests" else key), row.at(key))
        return in_order({"where" if key == "tests" else key: value for key, value in entry.items()}, PATTERN_KEYS)
