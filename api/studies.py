"""What is found out about a version or a draft as a whole: what its rules mean together, what its scenarios touch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from api.problems import documented
from api.requests import Actor
from api.rulebook_paths import DRAFT, MISSING, VERSION, both
from api.services import Services
from api.versions import LaidOut, Written, versions_with
from authoring.coverage import RuleCoverage, coverage
from authoring.draftfiles import DraftRefused
from authoring.drafts import Drafts
from authoring.studies import verified
from authoring.verification import Finding, Undecided, located
from engine.evaluate import Evaluator
from engine.workers import Workers
from knowledge.loader import read_folder
from knowledge.problems import EngineFailure, RulebookRefused, ShuoliError

_T = TypeVar("_T")
_SECONDS: Final = 300.0
_CODES: Final = (*MISSING, "engine.failure", "limit.time")


class Verified(msgspec.Struct, frozen=True):
    """What the rules of a version or draft mean together; `content` is the digest of its files."""

    name: str
    content: str
    ok: bool
    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]


class Gaps(msgspec.Struct, frozen=True):
    """What no scenario shows of a rule."""

    rule: str
    place: str
    gaps: list[str]


class Covered(msgspec.Struct, frozen=True):
    """What scenarios touch of each rule, and what they leave untouched."""

    name: str
    content: str
    scenarios: int
    rules: list[RuleCoverage]
    open: list[Gaps]


class Studies:
    """A process for what takes many seconds, so that nobody waits for it who wants a grade. One study at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._workers: Workers | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the process, whatever it is at."""
        self._stopped = True
        while not self._lock.acquire(timeout=0.1):
            if self._workers is not None:
                self._workers.interrupt()
        try:
            if self._workers is not None:
                self._workers.close()
                self._workers = None
        finally:
            self._lock.release()

    def verify(self, asked: Written) -> Verified:
        """Verify a version or draft."""
        with asked.laid_out() as found:
            versions = versions_with(found.rulebook, self._services.selection.versions())
            report = self._run(asked, found, partial(verified, scenarios=found.scenarios, versions=versions))
            report = located(report, read_folder(found.folder)[0])
        return Verified(asked.name, asked.content, not report.findings, report.findings, report.undecided)

    def cover(self, asked: Written) -> Covered:
        """Tell what the scenarios of a version or draft touch."""
        with asked.laid_out() as found:
            rules = self._run(asked, found, partial(coverage, scenarios=found.scenarios))
        left = [Gaps(one.rule, one.place, one.gaps) for one in rules if one.gaps]
        return Covered(asked.name, asked.content, len(found.scenarios), rules, left)

    def _run(self, asked: Written, found: LaidOut, job: Callable[[Evaluator], _T]) -> _T:
        with self._lock:
            if self._stopped:
                raise EngineFailure("the service stops")
            self._workers = self._workers or Workers(1)
            try:
                return self._workers.run(found.rulebook, job, _SECONDS)
            except ShuoliError as error:
                # What is right as it is written may be more than the kernel can hold.
                if asked.draft is None or error.code != RulebookRefused.code:
                    raise
                raise DraftRefused(f"draft `{asked.name}` has problems", problems=error.problems) from error


@post(f"{VERSION}/verify", tags=["rulebooks"], status_code=200, responses=documented(*_CODES), sync_to_thread=True)
def verify_version(studies: NamedDependency[Studies], written: NamedDependency[Written]) -> Verified:
    """核验规则的含义,每个发现附案卷。Verify what the rules mean together, each finding with a case that shows it."""
    return studies.verify(written)


@post(f"{DRAFT}/verify", tags=["drafts"], status_code=200, responses=documented(*_CODES), sync_to_thread=True)
def verify_draft(
    services: NamedDependency[Services],
    studies: NamedDependency[Studies],
    written: NamedDependency[Written],
    actor: Actor,
) -> Verified:
    """核验草案的含义,并记下结果。Verify what a draft's rules mean together; what comes out is noted."""
    found = studies.verify(written)
    told = {"findings": len(found.findings), "undecided": len(found.undecided)}
    Drafts(services.store, services.workers).note(found.name, "verified", actor, found.content, told)
    return found


@both(get, "coverage", responses=documented(*_CODES))
def show_coverage(studies: NamedDependency[Studies], written: NamedDependency[Written]) -> Covered:
    """情景触及哪些规则、条件与界限。Which rules, conditions and limits the scenarios touch."""
    return studies.cover(written)
