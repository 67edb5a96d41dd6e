"""From a rulebook's files to the rows of its workbook. Nothing is left out: keys without a column go to `more`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from authoring import workbook_sheets as sheets
from authoring.workbook_sheets import COMMENT, Sheet
from knowledge.source import Document, Path

Entry = dict[str, Any]
PATTERN_KEYS: Final = ("is", "where", "within", "on", "active")
GROUPS: Final = ("any", "all", "not")
VALUES: Final = (
    "after", "from", "before", "up_to", "grade", "score_grade", "veto", "ceiling", "status", "points",
    "no grade", "no score_grade", "no veto", "no ceiling", "no status", "no points",
)  # fmt: skip
"""Words of clauses that take a value."""


@dataclass(slots=True)
class Row:
    """One row: the path of its entry, what stands in its columns, and notes on single cells."""

    path: Path
    cells: Entry
    notes: dict[str, str] = field(default_factory=dict)


def rows_of(documents: Mapping[str, Document], changes: str | None) -> dict[str, list[Row]]:
    """Return the rows of each sheet for a rulebook's files, which must have no problems."""
    return _Rows(documents, changes).rows


def place_comments(rows: Mapping[str, list[Row]], comments: Mapping[Path, Sequence[str]]) -> None:
    """Put comments into the rows: those on an entry into its column, those inside it onto the cell they stand at."""
    homes: dict[Path, tuple[Row, str]] = {}
    for sheet in sheets.SHEETS:
        for row in rows.get(sheet.name, ()):
            homes.setdefault(row.path, (row, COMMENT))
            for column in sheet.columns:
                homes.setdefault((*row.path, *column.key.split(":")), (row, column.key))
    for path, lines in comments.items():
        row, key = _home(homes, path)
        if key == COMMENT:
            row.cells[COMMENT] = "\n".join([*filter(None, [row.cells.get(COMMENT)]), *lines])
        else:
            row.notes[key] = "\n".join([*filter(None, [row.notes.get(key)]), *lines])


def _home(homes: Mapping[Path, tuple[Row, str]], path: Path) -> tuple[Row, str]:
    if path not in homes:
        first = next((home for at, home in homes.items() if len(at) > len(path) > 1 and at[: len(path)] == path), None)
        if first is not None:
            return first[0], COMMENT
    while path not in homes:
        path = path[:-1]
    return homes[path]


def text(value: Any) -> Any:
    """Return a text as a map of languages."""
    return {"zh": value} if isinstance(value, str) else value


class _Rows:
    def __init__(self, documents: Mapping[str, Document], changes: str | None) -> None:
        self.rows: dict[str, list[Row]] = {sheet.name: [] for sheet in sheets.SHEETS}
        files: dict[str, Any] = {name: document.data for name, document in documents.items()}
        self._head: Entry = files["rulebook.yaml"]
        for name in sorted(documents):
            self._add(sheets.FILES, (name,), {"file": name})
        self._of_head()
        self._of_vocabulary(files["vocabulary.yaml"])
        self._of_indicators(files["indicators.yaml"])
        self._of_bands(files["bands.yaml"])
        for name in sorted(files):
            self._of_file(name, files[name])
            self._rest(name, files[name])
        for place, line in enumerate(changes.split("\n") if changes is not None else ()):
            self._add(sheets.CHANGES, ("CHANGES.md", place), {"text": line} if line else {})

    def _of_file(self, name: str, data: Any) -> None:
        """Add the rows of a file that may be absent."""
        if name == "measures.yaml":
            self._of_measures(data or [])
        elif name == "remedies.yaml":
            self._of_remedies(data or [])
        elif name.startswith("rules/"):
            for place, rule in enumerate(data or []):
                _RuleRows(self, name, self._head["scoring"]["points"]).add((name, place), rule)
        elif name.startswith("scenarios/"):
            self._of_scenarios(name, data)
        elif name == self._head.get("calendar"):
            self._of_calendar(name, data)

    def _add(self, sheet: Sheet, path: Path, entry: Mapping[str, Any], **first: Any) -> None:
        """Add a row; what has no column goes to `more`."""
        cells = {key: value for key, value in first.items() if value is not None}
        left: Entry = {}
        for key, value in entry.items():
            if value is None:
                continue
            inner = [column.key for column in sheet.columns if column.key.startswith(f"{key}:")]
            if sheet.column(key) is not None and key != COMMENT:
                cells[key] = value
            elif inner and isinstance(value, dict) and all(f"{key}:{part}" in inner for part in value):
                cells |= {f"{key}:{part}": own for part, own in value.items() if own is not None}
            else:
                left[key] = value
        self.rows[sheet.name].append(Row(path, cells | ({"more": left} if left else {})))

    def _rest(self, file: str, data: Any) -> None:
        """Add what stands at the top of a file and in no sheet, so that nothing is left out."""
        known = next((keys for name, keys in sheets.TOPS.items() if file.startswith(name)), None)
        known = sheets.CALENDAR_KEYS if known is None and file == self._head.get("calendar") else known
        rest = (
            {key: value for key, value in data.items() if key not in known} if known and isinstance(data, dict) else {}
        )
        if rest:
            self.rows[sheets.HEAD.name].append(Row((file,), {"key": f"{sheets.MORE}{file}", "value": rest}))

    def _of_head(self) -> None:
        head, file = dict(self._head), "rulebook.yaml"
        for name, law in (head.pop("laws", None) or {}).items():
            entry = {**law, "title": text(law["title"]), "label": text(law.get("label"))}
            self._add(sheets.LAWS, (file, "laws", name), entry, id=name)
        for place, right in enumerate(head.pop("rights", None) or []):
            entry = {**right, "title": text(right["title"]), "text": text(right["text"])}
            self._add(sheets.RIGHTS, (file, "rights", place), entry)
        head |= {"title": text(head["title"]), "notice": text(head.get("notice"))}
        for key in sheets.HEAD_KINDS:
            value: Any = head
            for part in key.split(":"):
                value = value.get(part) if isinstance(value, dict) else None
            if value is not None:
                self.rows[sheets.HEAD.name].append(Row((file, *key.split(":")), {"key": key, "value": value}))

    def _of_vocabulary(self, words: Entry) -> None:
        file = "vocabulary.yaml"
        for section in ("kinds", "statuses", "producer_statuses", "ceilings", "vetoes"):
            for name, value in (words.get(section) or {}).items():
                entry = dict(value) if isinstance(value, dict) and "label" in value else {"label": value}
                entry["label"] = text(entry["label"])
                self._add(sheets.NAMES, (file, section, name), entry, section=section, name=name)
        self._fields(sheets.ATTRIBUTES, (file, "attributes"), words.get("attributes") or {})
        for section in ("facts", "findings", "consequences"):
            for name, kind in (words.get(section) or {}).items():
                entry = {key: value for key, value in kind.items() if key != "fields"} | {"label": text(kind["label"])}
                self._add(sheets.TYPES, (file, section, name), entry, section=section, name=name)
                self._fields(name, (file, section, name, "fields"), kind.get("fields") or {})

    def _fields(self, of: str, path: Path, fields: Entry) -> None:
        for name, written in fields.items():
            entry = {"type": written} if isinstance(written, str) else dict(written)
            choices = entry.pop("of", None) or {}
            entry["label"] = text(entry.get("label"))
            self._add(sheets.FIELDS, (*path, name), entry, of=of, name=name)
            for place, choice in enumerate(choices):
                label = text(choices[choice]) if isinstance(choices, dict) else None
                at = (*path, name, "of", choice if isinstance(choices, dict) else place)
                self._add(sheets.CHOICES, at, {"label": label}, of=of, field=name, value=choice)

    def _of_indicators(self, written: Entry) -> None:
        for section in ("level1", "level2", "standards"):
            for place, one in enumerate(written[section]):
                entry = {**one, "label": text(one["label"])}
                self._add(sheets.INDICATORS, ("indicators.yaml", section, place), entry, section=section)

    def _of_measures(self, measures: list[Entry]) -> None:
        for place, measure in enumerate(measures):
            entry = {key: value for key, value in measure.items() if key not in sheets.HOWS or value is None}
            how = next(key for key in sheets.HOWS if measure.get(key) is not None)
            body = measure[how]
            if how == "formula":
                entry["formula"] = body
            else:
                entry |= {"of": [body]} if isinstance(body, str) else body
                entry["of"] = [entry["of"]] if isinstance(entry["of"], str) else entry["of"]
            entry["label"] = text(measure["label"])
            self._add(sheets.MEASURES, ("measures.yaml", place), entry, how=how)

    def _of_bands(self, bands: list[Entry]) -> None:
        for place, band in enumerate(bands):
            entry = {**band, "word": text(band["word"]), "colour_word": text(band.get("colour_word"))}
            self._add(sheets.BANDS, ("bands.yaml", place), entry)

    def _of_remedies(self, remedies: list[Entry]) -> None:
        for place, remedy in enumerate(remedies):
            path: Path = ("remedies.yaml", place)
            entry = {key: value for key, value in remedy.items() if key != "does"}
            entry |= {"text": text(remedy["text"]), "ask": text(remedy.get("ask"))}
            self._add(sheets.REMEDIES, path, entry)
            for number, act in enumerate(remedy.get("does") or ()):
                self._add(sheets.DEEDS, (*path, "does", number), act, remedy=remedy["remedy"])

    def _of_calendar(self, file: str, calendar: Entry) -> None:
        def row(key: str, value: Any, path: Path, through: Any = None) -> None:
            cells = {"key": key, "value": value} | ({} if through is None else {"through": through})
            self.rows[sheets.CALENDAR.name].append(Row((file, *path), cells))

        for key in ("id", "first", "last", "weekend"):
            value = calendar[key]
            row(key, ", ".join(value) if isinstance(value, list) else value, (key,))
        for lang, words in (text(calendar.get("source")) or {}).items():
            row(f"source:{lang}", words, ("source", lang))
        for key, section in (("holiday", "holidays"), ("worked", "worked")):
            for place, day in enumerate(calendar.get(section) or ()):
                ends = (day["from"], day["through"]) if isinstance(day, dict) else (day, None)
                row(key, ends[0], (section, place), ends[1])

    def _of_scenarios(self, file: str, data: Any) -> None:
        whole: Entry = {"scenarios": data} if isinstance(data, list) else data
        top: Path = (file,) if isinstance(data, list) else (file, "scenarios")
        for name, fields in (whole.get("defaults") or {}).items():
            self._add(
                sheets.SCENARIOS, (file, "defaults", name), {"facts": fields}, file=file, part="default", name=name
            )
        for name, given in (whole.get("givens") or {}).items():
            self._add(sheets.SCENARIOS, (file, "givens", name), given, file=file, part="given", name=name)
        for place, scenario in enumerate(whole["scenarios"]):
            entry = {key: value for key, value in scenario.items() if key != "cases"}
            self._add(sheets.SCENARIOS, (*top, place), entry, file=file, part="scenario")
            for name, case in (scenario.get("cases") or {}).items():
                at = (*top, place, "cases", name)
                self._add(sheets.SCENARIOS, at, case, file=file, part="case", name=name)


class _RuleRows:
    """The rows of one rule: itself, its conditions, its steps, what it gives."""

    def __init__(self, rows: _Rows, file: str, points: str) -> None:
        self._rows, self._file, self._key = rows, file, "lose" if points == "lost" else "gain"

    def add(self, path: Path, rule: Entry) -> None:
        concludes = next(kind for kind in sheets.CONCLUSIONS if rule.get(kind) is not None)
        name = str(rule.get("rule") or rule[concludes])
        apart = ("rule", concludes, self._key, "for_each", "when", "gives")
        entry = {key: value for key, value in rule.items() if key not in apart}
        for key in ("until", "because"):
            entry[key] = text(rule.get(key))
        for key in ("law", "remedy"):
            value = rule.get(key)
            entry[key] = [value] if isinstance(value, str) else value or None
        points = rule.get(self._key)
        if isinstance(points, dict):
            entry |= {key: value for key, value in points.items() if key != "points"}
        elif not isinstance(points, list):
            entry["points"] = points
        first = {"file": self._file, "id": name, "concludes": concludes, "target": rule[concludes]}
        self._rows._add(sheets.RULES, path, entry, **first)  # noqa: SLF001  one piece in two classes
        for number, (alias, pattern) in enumerate((rule.get("for_each") or {}).items(), 1):
            at = (*path, "for_each", alias)
            self._condition(at, _pattern(pattern), rule=name, part="for_each", at=str(number), name=alias)
        for row_path, cells in _clauses(rule.get("when") or [], (*path, "when"), ""):
            self._condition(row_path, cells, rule=name, part="when")
        self._steps((*path, self._key), points, name)
        for key, value in (rule.get("gives") or {}).items():
            self._row(sheets.GIVES, (*path, "gives", key), {"rule": name, "field": key, "value": value})

    def _steps(self, path: Path, points: Any, name: str) -> None:
        for place, step in enumerate(points if isinstance(points, list) else ()):
            tests = {key: value for key, value in step.items() if key != "points"}
            in_order = [key for key in sheets.COMPARED if key in tests]
            cells: Entry = tests if list(tests) == in_order else {"tests": tests}
            self._row(sheets.STEPS, (*path, place), {"rule": name, **cells, "points": step["points"]})
        table = points.get("points") if isinstance(points, dict) else None
        for choice, amount in (table or {}).items():
            self._row(sheets.STEPS, (*path, "points", choice), {"rule": name, "choice": choice, "points": amount})

    def _condition(self, path: Path, cells: Entry, **first: Any) -> None:
        self._row(sheets.CONDITIONS, path, first | cells)

    def _row(self, sheet: Sheet, path: Path, cells: Entry) -> None:
        self._rows.rows[sheet.name].append(Row(path, {key: value for key, value in cells.items() if value is not None}))


def _clauses(data: Any, path: Path, prefix: str) -> Iterator[tuple[Path, Entry]]:
    """Yield path and cells of each clause, those inside a group after it."""
    listed = [((*path, place), one) for place, one in enumerate(data)] if isinstance(data, list) else [(path, data)]
    for number, (at, clause) in enumerate(listed, 1):
        place = f"{prefix}{number}"
        if "measure" in clause:
            tests = {key: value for key, value in clause.items() if key != "measure"}
            yield at, {"at": place, "name": "measure", "is": clause["measure"], "tests": tests}
            continue
        for key, value in clause.items():
            here = at if len(clause) == 1 else (*at, key)
            if key in GROUPS:
                yield here, {"at": place, "name": key}
                yield from _clauses(value, (*at, key), f"{place}.")
            elif key == "producer":
                yield here, {"at": place, "name": key, "tests": value}
            elif key in VALUES:
                yield here, {"at": place, "name": key, "value": value}
            else:
                yield here, {"at": place, "name": key, **_pattern(value)}


def _pattern(pattern: Entry) -> Entry:
    cells = {key: pattern.get(key) for key in PATTERN_KEYS}
    cells["tests"] = cells.pop("where") or None
    return cells
