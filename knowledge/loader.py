"""Reads a folder as a rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as Folder
from typing import Any

from knowledge.binding import ValueBinder, sure_text, text
from knowledge.canonical import sealed
from knowledge.checks import check_meaning
from knowledge.clauses import ClauseBinder
from knowledge.measurebinding import MeasureBinder, measure_field
from knowledge.notes import Notes
from knowledge.problems import Problem, RulebookMissing, RulebookRefused, nearest
from knowledge.pruning import CALENDAR, prune
from knowledge.remedybinding import RemedyBinder
from knowledge.rulebinding import RuleBinder
from knowledge.rulebook import Field, Rulebook, Standard
from knowledge.rules import Text
from knowledge.scenarios import check_scenarios
from knowledge.shape import FILES, FOLDERS, REQUIRED, check_shape, model_of
from knowledge.source import Document, Path, read_document
from knowledge.versions import check_versions
from knowledge.vocabulary import (
    bind_attributes,
    bind_bands,
    bind_calendar,
    bind_indicators,
    bind_kinds,
    bind_laws,
    bind_remedies,
    bind_rights,
    bind_scoring,
    bind_statuses,
    bind_types,
    safe_day,
)

TO_NO_PURPOSE = frozenset({"rule.dead", "conclusion.without_rule", "bands.unreachable"})
"""Problems of what never has any effect; a rulebook that is made rather than written may hold it."""


def load_rulebook(folder: Folder) -> Rulebook:
    """Return the rulebook in a folder.

    Raises:
        RulebookMissing: the folder holds no rulebook.yaml.
        RulebookRefused: it has problems; scenarios are not looked into.
    """
    rulebook, problems = _read(folder)
    if rulebook is None or problems:
        first = problems[0].as_text() if problems else str(folder)
        raise RulebookRefused(
            f"rulebook `{folder.name}` has {len(problems)} problems; the first: {first}", problems=tuple(problems)
        )
    return rulebook


def check_rulebook(folder: Folder) -> tuple[Rulebook | None, tuple[Problem, ...]]:
    """Return the rulebook, None where it can't be bound, and every problem.

    Those of its scenarios are included, and those between its dates and the versions beside its folder.

    Raises:
        RulebookMissing: the folder holds no rulebook.yaml.
    """
    documents, problems = read_folder(folder)
    rulebook = bind_documents(documents, problems, with_scenarios=True)
    problems += check_versions(folder.resolve(), documents["rulebook.yaml"])
    return rulebook, tuple(_in_order(problems))


def read_folder(folder: Folder) -> tuple[dict[str, Document], list[Problem]]:
    """Return the folder's YAML files by name, and what is wrong with them as YAML."""
    if not (folder / "rulebook.yaml").is_file():
        raise RulebookMissing(
            f"`{folder}` holds no rulebook.yaml", help="name a rulebook's folder, or an id of the catalog"
        )
    problems: list[Problem] = []
    documents = {}
    for path in sorted(path for path in folder.rglob("*.yaml") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        documents[name] = read_document(name, path.read_bytes(), problems)
    for path in sorted(folder.rglob("*.yml")):
        name = path.relative_to(folder).as_posix()
        message, line = f"file `{name}` is not read", f"name it `{name.removesuffix('.yml')}.yaml`"
        problems.append(Problem(f"{name}:1:1", "file.unknown", message, name, "*.yaml", line))
    return documents, problems


def bind(files: Mapping[str, Any]) -> Rulebook:
    """Return a rulebook from plain data by file name, as YAML would give it; what is in it to no purpose may stay.

    Raises:
        RulebookRefused: it has problems.
    """
    found: list[Problem] = []
    rulebook = bind_documents({name: Document(name, data) for name, data in files.items()}, found)
    problems = [problem for problem in found if problem.code not in TO_NO_PURPOSE]
    if rulebook is None or problems:
        raise RulebookRefused(f"{len(problems)} problems", problems=tuple(_in_order(problems)))
    return rulebook


def _read(folder: Folder) -> tuple[Rulebook | None, list[Problem]]:
    documents, problems = read_folder(folder)
    return bind_documents(documents, problems), _in_order(problems)


def _in_order(problems: list[Problem]) -> list[Problem]:
    def key(problem: Problem) -> tuple[str, int, int, str]:
        file, line, column = problem.place.rsplit(":", 2)
        return file, int(line), int(column), problem.code

    return sorted(problems, key=key)


def bind_documents(
    documents: Mapping[str, Document], problems: list[Problem], *, with_scenarios: bool = False
) -> Rulebook | None:
    """Return the rulebook that the files mean; problems are added, and None stands for what can't be bound."""
    head = documents.get("rulebook.yaml")
    calendar = head.data.get("calendar") if head is not None and isinstance(head.data, dict) else None
    calendar = calendar if isinstance(calendar, str) else None
    documents, strange = _as_meant(documents, calendar, problems)
    missing = [name for name in REQUIRED if name not in documents]
    problems += [Problem(f"{name}:1:1", "file.missing", f"file `{name}` is missing", None, name) for name in missing]
    misshapen = _shapes(documents, calendar, problems)
    if head is not None and calendar is not None and (calendar not in documents or calendar in FILES):
        _note_no_calendar(head, calendar, calendar in FILES, strange, misshapen, problems)
    # where rulebook.yaml is in doubt, so is whether the calendar it names is known
    unsure = "rulebook.yaml" in misshapen and calendar is None
    problems += [] if unsure else [_unknown_file(name) for name in strange]
    if missing:
        return None
    if not misshapen:
        notes = Notes(documents, problems)
        rulebook = _Binding(notes).rulebook()
        problems += _of_scenarios(rulebook, documents, notes) if with_scenarios else []
        return rulebook
    days = calendar if calendar is not None and calendar in documents and calendar not in FILES else CALENDAR
    rest = prune(documents, misshapen, days)
    if rest is not None:
        notes = Notes(rest.documents, [], set(rest.broken))
        rulebook = _Binding(notes).rulebook()
        found = _of_scenarios(rulebook, rest.documents, notes) if with_scenarios else []
        problems += [problem for problem in (*notes.problems, *found) if rest.is_sure(problem)]
    return None


def _of_scenarios(rulebook: Rulebook, documents: Mapping[str, Document], notes: Notes) -> list[Problem]:
    found = check_scenarios(rulebook, documents)
    return [problem for problem in found if problem.code != "name.unknown" or problem.given not in notes.broken]


def _unknown_file(name: str, meant: str | None = None) -> Problem:
    line = None if meant is None else f"did you mean `{meant}`?"
    return Problem(f"{name}:1:1", "file.unknown", f"file `{name}` belongs to no rulebook", name, None, line)


def _as_meant(
    documents: Mapping[str, Document], calendar: str | None, problems: list[Problem]
) -> tuple[dict[str, Document], list[str]]:
    """Return the files by the names that they were meant to have, and the names of those that are no rulebook's."""
    known = {name: document for name, document in documents.items() if model_of(document, calendar) is not None}
    strange = []
    for name in sorted(documents.keys() - known.keys()):
        folder, _, rest = name.rpartition("/")
        wanted = [f"{kind}/{rest}" for kind in FOLDERS] if folder else list(FILES)
        meant = nearest(name, [one for one in wanted if one not in documents])
        if meant is None or meant in known:
            strange.append(name)
        else:
            known[meant] = replace(documents[name], name=meant, file=name)
            problems.append(_unknown_file(name, meant))
    return known, strange


def _note_no_calendar(
    head: Document,
    calendar: str,
    is_another: bool,
    strange: list[str],
    misshapen: dict[str, list[Path]],
    problems: list[Problem],
) -> None:
    """Note that rulebook.yaml names no calendar's file, unless that is no name at all, and take out what was meant."""
    meant = nearest(calendar, strange) or (CALENDAR if CALENDAR in strange else None)
    if meant is not None:
        strange.remove(meant)
    if ("calendar",) in misshapen.setdefault("rulebook.yaml", []):
        return
    misshapen["rulebook.yaml"].append(("calendar",))
    what = "holds something else" if is_another else "is missing"
    line = None if meant is None else f"did you mean `{meant}`?"
    message = f"file `{calendar}` {what}"
    problems.append(Problem(head.place(("calendar",)), "file.missing", message, calendar, "a calendar", line))


def _shapes(documents: Mapping[str, Document], calendar: str | None, problems: list[Problem]) -> dict[str, list[Path]]:
    """Return the misshapen paths of each file, and note their problems."""
    misshapen: dict[str, list[Path]] = {}
    for name, document in documents.items():
        model = model_of(document, calendar)
        if document.unreadable:
            misshapen[name] = [()]
        elif model is not None and (found := list(check_shape(document, model))):
            misshapen[name] = [path for path, _ in found]
            problems += [problem for _, problem in found if problem is not None]
    return misshapen


class _Binding:
    """One rulebook on its way from files to meaning."""

    def __init__(self, notes: Notes) -> None:
        self._documents, self._notes = notes.documents, notes
        self._head = self._data("rulebook.yaml")
        self._words = self._data("vocabulary.yaml")
        self._written = self._data("indicators.yaml")
        self._types = bind_types(self._words, self._notes)
        self._kinds, self._natural = bind_kinds(self._words)
        self._attributes = bind_attributes(self._words, self._notes)
        self._values = ValueBinder(self._notes, self._attributes, self._head.get("calendar") is not None)
        self._indicators = bind_indicators(self._written)
        self._bands = bind_bands(self._data("bands.yaml"), self._head["scoring"]["better"])
        self._remedies = bind_remedies(self._data("remedies.yaml") or [])
        self._laws = bind_laws(self._head.get("laws") or {}, self._notes)

    def _data(self, name: str) -> Any:
        document = self._documents.get(name)
        return document.data if document is not None else None

    def rulebook(self) -> Rulebook:
        """Return the meaning of all files."""
        head, words = self._head, self._words
        producer = {
            "kind": Field("kind", "choice", Text("类型", "kind"), choices=self._kinds),
            "region": Field("region", "text", Text("地区", "region")),
            **self._attributes,
        }
        measure_fields: dict[str, Field] = {}
        known = self._known_names()
        outcomes = {
            **dict.fromkeys(("grade", "score_grade"), known["grade"]),
            **{kind: known[kind] for kind in ("veto", "ceiling", "status")},
            "standard": (*known["standard"], *self._indicators),
        }
        clauses = ClauseBinder(self._values, self._types, producer, measure_fields, outcomes)
        measures = MeasureBinder(self._values, clauses, self._types, outcomes["standard"])
        measures.bind(self._data("measures.yaml") or [], "measures.yaml")
        measure_fields.update({m.name: measure_field(m, self._types) for m in measures.measures.values()})
        standards, statuses = self._standards(clauses), bind_statuses(words)
        deeds = RemedyBinder(self._values, clauses, measures, self._types, tuple(statuses))
        remedies = deeds.bind(self._data("remedies.yaml") or [], self._remedies, "remedies.yaml")
        rules = RuleBinder(self._values, clauses, measures, self._types, standards, known, head["scoring"]["points"])
        files = sorted(name for name in self._documents if name.startswith("rules/"))
        written = [(name, place, rule) for name in files for place, rule in enumerate(self._data(name) or [])]
        bound = (rules.rule(rule, (name, place), index) for index, (name, place, rule) in enumerate(written))
        rulebook = Rulebook(
            id=head["id"],
            version=head["version"],
            title=sure_text(head["title"], head["id"]),
            status=head["status"],
            notice=text(head.get("notice")),
            effective_from=safe_day(head["effective_from"], ("rulebook.yaml", "effective_from"), self._notes) or 1,
            effective_until=safe_day(head.get("effective_until"), ("rulebook.yaml", "effective_until"), self._notes),
            sha256="",
            scoring=bind_scoring(head["scoring"]),
            calendar=None
            if head.get("calendar") is None
            else bind_calendar(self._data(head["calendar"]), head["calendar"], self._notes),
            laws=self._laws,
            kinds=self._kinds,
            natural_persons=self._natural,
            attributes=self._attributes,
            fact_statuses=statuses,
            types=self._types,
            producer_statuses={name: sure_text(t, name) for name, t in (words.get("producer_statuses") or {}).items()},
            ceilings={name: sure_text(t, name) for name, t in (words.get("ceilings") or {}).items()},
            vetoes={name: sure_text(t, name) for name, t in (words.get("vetoes") or {}).items()},
            measures=measures.measures,
            standards=standards,
            indicators=self._indicators,
            rules=tuple(rule for rule in bound if rule is not None),
            bands=self._bands,
            remedies=remedies,
            rights=bind_rights(head.get("rights") or (), self._laws, self._notes),
        )
        check_meaning(rulebook, self._notes)
        return sealed(rulebook)

    def _known_names(self) -> dict[str, tuple[str, ...]]:
        types = self._types.values()
        return {
            "finding": tuple(kind.name for kind in types if kind.origin == "finding"),
            "consequence": tuple(kind.name for kind in types if kind.origin == "consequence"),
            "standard": tuple(standard["id"] for standard in self._written["standards"]),
            "ceiling": tuple(self._words.get("ceilings") or {}),
            "veto": tuple(self._words.get("vetoes") or {}),
            "status": tuple(self._words.get("producer_statuses") or {}),
            "grade": tuple(band.grade for band in self._bands),
            "kind": tuple(self._kinds),
            "law": tuple(self._laws),
            "remedy": tuple(self._remedies),
        }

    def _standards(self, clauses: ClauseBinder) -> dict[str, Standard]:
        standards: dict[str, Standard] = {}
        for place, written in enumerate(self._written["standards"]):
            path = ("indicators.yaml", "standards", place)
            for number, name in enumerate(written.get("applies_to") or ()):
                if name not in self._kinds:
                    self._notes.unknown((*path, "applies_to", number), "kind of producer", name, self._kinds)
            by = written.get("suspended_by")
            pattern = None
            if by is not None:
                pattern = clauses.pattern("suspended", by, (*path, "suspended_by"), clauses.scope({}, (), path))
                if pattern is not None and self._types[pattern.type].origin != "finding":
                    at, given = (*path, "suspended_by", "is"), self._types[pattern.type].origin
                    message = "only a finding suspends a standard"
                    self._notes.add(at, "type.mismatch", message, given=given, expected="a finding")
                    pattern = None
            if written["id"] in standards:
                first = next(at for at, other in enumerate(self._written["standards"]) if other["id"] == written["id"])
                self._notes.twice((*path, "id"), "standard", written["id"], (*path[:2], first, "id"))
            applies = written.get("applies_to")
            standards[written["id"]] = Standard(
                written["id"], sure_text(written["label"], written["id"]), written["points"], written["of"],
                None if applies is None else tuple(applies), pattern, written.get("mode"),
            )  # fmt: skip
        return standards
