"""A rulebook as one XLSX workbook and back: the same rulebook, the same scenarios, comments kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as Folder

from authoring.workbook_cells import half_width
from authoring.workbook_entries import Files
from authoring.workbook_files import files_of
from authoring.workbook_reading import WorkbookRefused, read_rows
from authoring.workbook_rows import place_comments, rows_of
from authoring.workbook_writing import write_workbook
from knowledge.loader import bind_documents, load_rulebook, read_folder
from knowledge.problems import Problem
from knowledge.rulebook import Rulebook
from knowledge.source import read_document
from knowledge.yamltext import read_comments, write_yaml

CHANGES = "CHANGES.md"


@dataclass(frozen=True, slots=True)
class Imported:
    """A rulebook that was read from another form: its files by name, and what it means."""

    files: Mapping[str, str]
    rulebook: Rulebook


def export_workbook(folder: Folder) -> bytes:
    """Return the rulebook in a folder as a workbook.

    Raises:
        RulebookMissing: there is none.
        RulebookRefused: it has problems; mend them first.
        CellTooLong: a value doesn't fit into a cell.
    """
    rulebook = load_rulebook(folder)
    documents, _ = read_folder(folder)
    changes = folder / CHANGES
    rows = rows_of(documents, changes.read_text(encoding="utf-8") if changes.is_file() else None)
    comments = {
        (name, *path): lines
        for name, document in documents.items()
        for path, lines in read_comments((folder / name).read_bytes(), document).items()
    }
    place_comments(rows, comments)
    titles = [f"{rulebook.id}@{rulebook.version}", rulebook.title.zh]
    titles += [text for text in (rulebook.title.en, *_notice(rulebook)) if text is not None]
    return write_workbook(rows, [*titles, f"sha256: {rulebook.sha256}"])


def import_workbook(content: bytes, name: str) -> Imported:
    """Return the files of the rulebook that a workbook holds.

    Raises:
        WorkbookRefused: it has problems, each with its sheet and cell; or it is no XLSX workbook.
        XmlRefused: it declares entities or nests too deep.
    """
    problems: list[Problem] = []
    rows = read_rows(content, name, problems)
    files = files_of(rows, problems) if not problems else Files()
    rulebook = None
    if not problems:
        found: list[Problem] = []
        rulebook = bind_documents(files.documents, found, with_scenarios=True)
        problems = [files.in_cells(problem) for problem in found]
    problems = [_with_width(problem) for problem in problems]
    if problems or rulebook is None:
        first = problems[0].as_text() if problems else name
        raise WorkbookRefused(f"{name} has {len(problems)} problems; the first: {first}", problems=tuple(problems))
    texts = {file: write_yaml(document.data, files.comments.get(file)) for file, document in files.documents.items()}
    for file, text in texts.items():
        if read_document(file, text.encode(), problems).data != files.documents[file].data or problems:
            raise WorkbookRefused(f"{file} can't be written as YAML", problems=tuple(problems))
    return Imported(texts if files.changes is None else {**texts, CHANGES: files.changes}, rulebook)


def _with_width(problem: Problem) -> Problem:
    """Return a problem that says so where full-width characters may be the reason."""
    wide = next((char for char in problem.given or "" if "\uff01" <= char <= "\uff5e"), None)
    if wide is None:
        return problem
    told = f"full-width characters stand here: write `{half_width(wide)}` for `{wide}`"
    return replace(problem, help=told if problem.help is None else f"{told}; {problem.help}")


def _notice(rulebook: Rulebook) -> tuple[str | None, ...]:
    return () if rulebook.notice is None else (rulebook.notice.zh, rulebook.notice.en)
