"""What no loader can see: rules that contradict each other in meaning, each finding with a case that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from authoring.verification.cycles import check_cycles
from authoring.verification.days import check_days
from authoring.verification.directions import check_directions
from authoring.verification.doubles import check_doubles, check_limits, check_overlaps
from authoring.verification.grades import check_grades
from authoring.verification.points import check_points
from authoring.verification.report import Finding, Place, Report, Study, Undecided, located
from authoring.verification.steps import check_steps
from authoring.verification.texts import check_texts
from authoring.verification.unreachable import check_rules
from authoring.verification.whole import Implied
from authoring.verification.witness import Grade, Witness, Witnesses
from engine.case import CaseFile
from knowledge.rulebook import Rulebook
from knowledge.versions import Entry

__all__ = ["Finding", "Place", "Report", "Undecided", "Witness", "located", "verify"]


def verify(
    rulebook: Rulebook, grade: Grade, *, cases: Iterable[CaseFile] = (), versions: Sequence[Entry] = ()
) -> Report:
    """Return what is wrong with the meaning of a rulebook that the loader accepted, and what could not be decided.

    `grade` is an `Evaluator`'s: every case that a finding shows has been graded by it. `cases` are known cases, such
    as those of scenarios, that may show a rule firing before one is built. `versions` are all versions of the
    catalog, among which those of this rulebook are compared.
    """
    study = Study(rulebook, Witnesses(rulebook, grade, cases))
    implied = Implied(rulebook)
    check_rules(study, rulebook.rules)
    check_grades(study)
    check_doubles(study, implied)
    check_limits(study, implied)
    check_steps(study)
    check_overlaps(study)
    check_points(study)
    check_directions(study, rulebook.types.values())
    check_cycles(study, rulebook.remedies)
    check_texts(study)
    check_days(study, versions)
    return Report(tuple(study.findings), tuple(study.undecided))
