"""A decision and what can be said of it, for the command line and for HTTP."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from casework.decisions import Decided
from engine.document import DocumentWriter
from engine.grading import Verdict
from engine.verdicts import verdicts
from explain.explanation import explain
from explain.views import Explanation
from knowledge.rulebook import Rulebook


class Answer:
    """A decision, and what can be said of it."""

    def __init__(self, rulebook: Rulebook, decided: Decided) -> None:
        self.rulebook, self.case, self.grading = rulebook, decided.case, decided.grading
        self._writer = DocumentWriter(rulebook)

    @cached_property
    def all_verdicts(self) -> tuple[Verdict, ...]:
        """What became of every rule, with every condition."""
        return tuple(verdicts(self.rulebook, self.case, self.grading))

    def document(self) -> dict[str, Any]:
        """Return the whole decision with every verdict in full, its hash, and the rulebook's notice."""
        return self._writer.full(self.case, self.grading, self.all_verdicts)

    def deductions(self) -> dict[str, Any]:
        """Return what fired."""
        return {"deductions": self._writer.document(self.grading)["deductions"]}

    def verdicts(self) -> dict[str, Any]:
        """Return what became of every rule."""
        return {"verdicts": self._writer.verdicts(self.all_verdicts)}

    def why(self, lang: str) -> Explanation:
        """Return the justification in `zh` or `en`."""
        return explain(self.rulebook, self.case, self.grading, self.all_verdicts, "en" if lang == "en" else "zh")
