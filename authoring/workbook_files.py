"""From the rows of a workbook to a rulebook's files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from authoring import workbook_sheets as sheets
from authoring.workbook_cells import meant
from authoring.workbook_entries import Entries, Files, SheetRow, in_order
from authoring.workbook_rows import Entry
from authoring.workbook_rules import RuleReading
from knowledge.problems import Problem
from knowledge.source import Path

_FILE = re.compile(r"(?:(?:rules|scenarios)/)?[A-Za-z0-9][A-Za-z0-9_.\-]*\.yaml")
_RULE_ORDER = (
    *sheets.CONCLUSIONS, "rule", "applies_to", "measure", "for_each", "when", "lose", "gain", "at_most", "at_best",
    "grade", "gives", "until", "because", "law", "remedy",
)  # fmt: skip
_ORDERS = {
    "measures.yaml": ("measure", "label", *sheets.HOWS, "within", "on", "when_nothing"),
    "calendar.yaml": ("id", "first", "last", "weekend", "holidays", "worked"),
}
_SCENARIO_ORDER = ("defaults", "givens", "scenarios")


def files_of(rows: Mapping[str, Sequence[SheetRow]], problems: list[Problem]) -> Files:
    """Return the files that a workbook's rows mean; what can't be read is told with its cell."""
    return _Reading(rows, problems).files


class _Reading(Entries):
    def __init__(self, rows: Mapping[str, Sequence[SheetRow]], problems: list[Problem]) -> None:
        super().__init__(rows, problems)
        for row in self.of(sheets.FILES):
            name = self.word(row, "file")
            if name is not None and not _FILE.fullmatch(name):
                message, expected = f"`{name}` is no file of a rulebook", "such as `rules/findings.yaml`"
                problems.append(Problem(row.at("file"), "workbook.cell", message, name, expected))
            elif name is not None:
                self.start(name, row)
                self.comment(row, (name,))
        head, vocabulary, indicators = (
            self.start(f"{name}.yaml", None) for name in ("rulebook", "vocabulary", "indicators")
        )
        self._head(head)
        self._vocabulary(vocabulary)
        self._indicators(indicators)
        self._lists()
        lost = head.get("scoring", {}).get("points") != "gained"
        RuleReading(self, "lose" if lost else "gain").read()
        self._calendar(head.get("calendar"))
        self._scenarios()
        lines = [str(row.cells.get("text", "")) for row in self.of(sheets.CHANGES)]
        self.files.changes = "\n".join(lines).rstrip() + "\n" if lines else None
        self._rest()
        for name, document in self.files.documents.items():
            order = _RULE_ORDER if name.startswith("rules/") else _ORDERS.get(name, _SCENARIO_ORDER)
            if isinstance(document.data, list):
                document.data = [in_order(one, order) for one in document.data]
            elif isinstance(document.data, dict):
                document.data = in_order(document.data, order)

    def _head(self, head: Entry) -> None:
        for row in self.of(sheets.HEAD):
            if str(row.cells.get("key", "")).startswith(sheets.MORE):
                continue
            key = self.word(row, "key", sheets.HEAD_KINDS)
            if key is None or "value" not in row.cells:
                continue
            inner, parts = head, key.split(":")
            for part in parts[:-1]:
                inner = inner.setdefault(part, {})
            if not self.taken(row, inner, parts[-1]):
                inner[parts[-1]] = meant(sheets.HEAD_KINDS[key], row.cells["value"], row.at("value"), self.problems)
            path: Path = ("rulebook.yaml", *parts)
            self.note(path, row.at("value"))
            self.comment(row, path)
        for row in self.of(sheets.LAWS):
            law = self.word(row, "id")
            laws = head.setdefault("laws", {})
            if law is not None and not self.taken(row, laws, law):
                laws[law] = self.entry(row, ("rulebook.yaml", "laws", law), ("id",))
        for place, row in enumerate(self.of(sheets.RIGHTS)):
            head.setdefault("rights", []).append(self.entry(row, ("rulebook.yaml", "rights", place)))

    def _rest(self) -> None:
        """Put back what has no sheet."""
        for row in self.of(sheets.HEAD):
            key = str(row.cells.get("key", ""))
            if key.startswith(sheets.MORE):
                document = self.files.documents.get(key.removeprefix(sheets.MORE))
                value = meant("lines", row.cells.get("value", "{}"), row.at("value"), self.problems)
                if document is None or not isinstance(document.data, dict) or not isinstance(value, dict):
                    self.refuse(row.at("key"), f"`{key}` names no file with keys of its own", key, "a file of `files`")
                    continue
                for name, part in value.items():
                    if not self.taken(row, document.data, name):
                        document.data[name] = part
                        self.note((document.name, name), row.at("value"))

    def _vocabulary(self, words: Entry) -> None:
        file = "vocabulary.yaml"
        for sheet in (sheets.NAMES, sheets.TYPES):
            known = next(column.of for column in sheet.columns if column.key == "section")
            for row in self.of(sheet):
                section, name = self.word(row, "section", known), self.word(row, "name")
                if section is None or name is None or self.taken(row, words.setdefault(section, {}), name):
                    continue
                entry = self.entry(row, (file, section, name), ("section", "name"))
                bare = sheet is sheets.NAMES and section != "statuses" and set(entry) == {"label"}
                words[section][name] = entry["label"] if bare else entry
        self._fields(words)

    def _fields(self, words: Entry) -> None:
        file = "vocabulary.yaml"
        owners: dict[str, Path] = {sheets.ATTRIBUTES: ("attributes",)}
        for section in ("facts", "findings", "consequences"):
            owners |= {name: (section, name, "fields") for name in words.get(section) or {}}
        for row in self.of(sheets.FIELDS):
            of, name = self.word(row, "of", owners), self.word(row, "name")
            if of is not None and name is not None:
                fields = self._inside(words, owners[of])
                if not self.taken(row, fields, name):
                    fields[name] = self.entry(row, (file, *owners[of], name), ("of", "name"))
        self._choices(words, owners)

    def _choices(self, words: Entry, owners: Mapping[str, Path]) -> None:
        for row in self.of(sheets.CHOICES):
            of, value = self.word(row, "of", owners), self.word(row, "value")
            fields = self._inside(words, owners[of]) if of is not None else {}
            field_ = self.word(row, "field", fields) if of is not None else None
            if of is not None and field_ is not None and value is not None:
                path: Path = ("vocabulary.yaml", *owners[of], field_, "of", value)
                label = self.entry(row, path, ("of", "field", "value")).get("label")
                if not self.taken(row, fields[field_].setdefault("of", {}), value):
                    fields[field_]["of"][value] = label
        for path in owners.values():
            for entry in self._inside(words, path, make=False).values():
                labels = entry.get("of")
                if labels and not any(labels.values()):
                    entry["of"] = list(labels)
                elif labels:
                    entry["of"] = {value: label or {"zh": value} for value, label in labels.items()}

    def _inside(self, data: Entry, path: Path, *, make: bool = True) -> Entry:
        for part in path:
            data = data.setdefault(str(part), {}) if make else data.get(str(part), {})
        return data

    def _indicators(self, written: Entry) -> None:
        written |= {section: [] for section in ("level1", "level2", "standards")}
        for row in self.of(sheets.INDICATORS):
            section = self.word(row, "section", written)
            if section is not None:
                path: Path = ("indicators.yaml", section, len(written[section]))
                written[section].append(self.entry(row, path, ("section",)))

    def _lists(self) -> None:
        """Read measures, grades and remedies."""
        for sheet, name in ((sheets.MEASURES, "measures"), (sheets.BANDS, "bands"), (sheets.REMEDIES, "remedies")):
            file = f"{name}.yaml"
            for row in self.of(sheet):
                listed = self.start(file, row)
                path: Path = (file, len(listed))
                listed.append(self._measure(row, path) if sheet is sheets.MEASURES else self.entry(row, path))
        remedies: Any = self.start("remedies.yaml", None) if self.of(sheets.DEEDS) else []
        by_name = {one.get("remedy"): place for place, one in enumerate(remedies)}
        for row in self.of(sheets.DEEDS):
            remedy = self.word(row, "remedy", [str(one) for one in by_name])
            if remedy is not None:
                does = remedies[by_name[remedy]].setdefault("does", [])
                does.append(self.entry(row, ("remedies.yaml", by_name[remedy], "does", len(does)), ("remedy",)))

    def _measure(self, row: SheetRow, path: Path) -> Entry:
        entry = self.entry(row, path, ("how",))
        how = self.word(row, "how", sheets.HOWS)
        if how is None or how == "formula":
            return entry
        body = {key: entry.pop(key) for key in ("of", "field", "where", "among", "active") if key in entry}
        if how != "points_lost" and isinstance(body.get("of"), list):
            body["of"] = ", ".join(body["of"])
        entry[how] = body["of"] if set(body) == {"of"} and isinstance(body["of"], str) else body
        for key in ("of", "field", "where", "among", "active"):
            if key in row.places:
                self.note((*path, how, key), row.places[key])
        return entry

    def _calendar(self, name: Any) -> None:
        rows = self.of(sheets.CALENDAR)
        if not rows:
            return
        file = str(name) if isinstance(name, str) else "calendar.yaml"
        calendar: Entry = self.start(file, rows[0])
        for row in rows:
            key = self.word(row, "key", sheets.DAYS)
            value, through = (
                str(meant("word", row.cells.get(name, ""), row.place, [])) for name in ("value", "through")
            )
            if key in ("holiday", "worked"):
                days = calendar.setdefault("holidays" if key == "holiday" else key, [])
                path: Path = (file, "holidays" if key == "holiday" else "worked", len(days))
                days.append({"from": value, "through": through} if "through" in row.cells else value)
            elif key is not None:
                path = (file, *key.split(":"))
                if key == "weekend":
                    calendar[key] = meant("names", value, row.place, self.problems)
                elif key.startswith("source:"):
                    calendar.setdefault("source", {})[key.removeprefix("source:")] = str(row.cells.get("value", ""))
                else:
                    calendar[key] = value
            else:
                continue
            self.note(path, row.place)
            self.comment(row, path)

    def _scenarios(self) -> None:
        for file in [name for name in self.files.documents if name.startswith("scenarios/")]:
            document: Any = self.files.documents[file].data
            document["scenarios"] = []
        for row in self.of(sheets.SCENARIOS):
            file_, part = (
                self.word(row, "file", self.files.documents),
                self.word(row, "part", ("default", "given", "scenario", "case")),
            )
            name = self.word(row, "name")
            if file_ is None or part is None or name is None:
                continue
            whole: Any = self.files.documents[file_].data
            if not isinstance(whole, dict) or "scenarios" not in whole:
                message = f"`{file_}` holds no scenarios"
                self.problems.append(Problem(row.at("file"), "workbook.cell", message, file_, "scenarios/…"))
                continue
            self._scenario(row, whole, file_, part, str(meant("prose", row.cells["name"], row.at("name"), [])))

    def _scenario(self, row: SheetRow, whole: Entry, file: str, part: str, name: str) -> None:
        listed = whole["scenarios"]
        if part == "scenario":
            listed.append(self.entry(row, (file, "scenarios", len(listed)), ("file", "part")))
            return
        if part == "case" and not listed:
            self.problems.append(Problem(row.place, "workbook.cell", "no scenario stands above this case", name))
            return
        path: Path = (file, "scenarios", len(listed) - 1, "cases", name) if part == "case" else (file, f"{part}s", name)
        home = listed[-1].setdefault("cases", {}) if part == "case" else whole.setdefault(f"{part}s", {})
        if self.taken(row, home, name):
            return
        if part == "default":
            self.entry(row, path, ("file", "part", "name", "facts"))
            told = row.cells.get("facts")
            home[name] = {} if told is None else meant("lines", told, row.at("facts"), self.problems)
        else:
            home[name] = self.entry(row, path, ("file", "part", "name"))
