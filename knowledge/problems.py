"""What is wrong with something a person wrote, said so that they can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

_MANY: Final = 300
"""Names to which one is compared letter by letter."""
_ALIKE: Final = 3


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong at one place.

    `place` is `file:line:column` in a rulebook and a JSON pointer (`/facts/3/fields/verdict`) in a case.
    `message` is one sentence, lower-case, without a full stop; user input stands in backticks.
    `help` says what to do, with the nearest right name where there is one.
    """

    place: str
    code: str
    message: str
    given: str | None = None
    expected: str | None = None
    help: str | None = None

    def as_text(self) -> str:
        """Return the problem as people read it: one line, and a line of help."""
        line = f"{self.place}: [{self.code}] {self.message}"
        return line if self.help is None else f"{line}\n  help: {self.help}"

    def as_json(self) -> dict[str, str | None]:
        """Return the fields by name."""
        return asdict(self)


class ShuoliError(Exception):
    """Whatever this program refuses or can't do, with a stable code documented in docs/errors.md."""

    code = "internal.fault"

    def __init__(self, message: str, *, help: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.problems = problems


class RulebookRefused(ShuoliError):
    """A rulebook has problems; `problems` lists all of them."""

    code = "rulebook.refused"


class RulebookMissing(ShuoliError):
    """No such rulebook or version, or none in force on the day asked for."""

    code = "rulebook.missing"


class RulebookCorrupt(ShuoliError):
    """A stored rulebook is not the one that was stored, or not one that this program reads."""

    code = "rulebook.corrupt"


class CaseRefused(ShuoliError):
    """A case or fact has problems; `problems` lists all of them with JSON pointers."""

    code = "case.refused"


class JsonRefused(CaseRefused):
    """What was given is not the JSON that this program reads."""

    code = "case.json"


class EngineDisagreement(ShuoliError):
    """The checker and the chainer differ, so there is no grade. `chainer` and `checker` carry both sides."""

    code = "engine.disagreement"

    def __init__(self, message: str, *, chainer: str, checker: str) -> None:
        super().__init__(message, help="report this with the case and the rulebook; no grade was issued")
        self.chainer = chainer
        self.checker = checker


class LimitExceeded(ShuoliError):
    """An evaluation passed one of its limits: `limit.deductions`, `limit.time` or `limit.facts`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EngineFailure(ShuoliError):
    """The kernel failed or a worker died; the case has no grade, the next one works."""

    code = "engine.failure"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` most probably stands for, None where nothing is near.

    Of very many names only those that begin or end alike are looked at, and none where these are many still.
    """
    known = list(names)
    if len(known) > _MANY:
        begins, ends = name[:_ALIKE], name[-_ALIKE:]
        known = [one for one in known if one.startswith(begins) or one.endswith(ends)]
        if len(known) > _MANY:
            return None
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return close[0] if close else None
