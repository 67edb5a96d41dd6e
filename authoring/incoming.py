"""Forms that a stranger sent, read in another process: a file that breaks its reader breaks nothing else."""

from __future__ import annotations

from typing import TypeAlias

from authoring.dmn import import_dmn
from authoring.workbook import import_workbook
from engine.evaluate import Evaluator
from knowledge.problems import Problem

Form: TypeAlias = tuple[dict[str, str], tuple[Problem, ...]]
"""The files that a form holds, and what was left out without harm."""


def read_workbook(_: Evaluator, content: bytes, name: str) -> Form:
    """Return the files that a workbook holds."""
    return dict(import_workbook(content, name).files), ()


def read_dmn(_: Evaluator, content: bytes, name: str, rulebook: tuple[str, str]) -> Form:
    """Return the files of a rulebook, by id and version, that answers as a DMN file does."""
    imported, notes = import_dmn(content, name, *rulebook)
    return dict(imported.files), notes
