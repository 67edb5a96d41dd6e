"""Drafts of rulebook versions: edited file by file, checked, tried, reviewed by somebody else, released."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from authoring.draftfiles import DraftRefused, Holds, check_files, laid_out
from authoring.merging import Conflict, Side, merge
from authoring.scenarios import ScenarioResult, run_scenarios
from engine.evaluate import Evaluator
from engine.workers import Workers
from knowledge.canonical import rulebook_document
from knowledge.loader import check_rulebook, load_rulebook
from knowledge.problems import Problem, RulebookRefused, ShuoliError
from knowledge.rulebook import Rulebook
from knowledge.scenarios import Scenario, load_scenarios
from knowledge.source import read_document
from store import drafts as stored
from store.drafts import Act, content_of, file_tag
from store.ledger import Store, Transaction
from store.releases import add_release
from store.trail import append, leaf

State: TypeAlias = Literal["draft", "checked", "tried", "reviewed", "released", "dropped"]
Study: TypeAlias = Literal["verified", "mutated"]
"""Acts that no state follows from."""
_STEPS: Final[tuple[State, ...]] = ("draft", "checked", "tried", "reviewed", "released")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,59}@[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SECONDS: Final = 120.0
"""For all scenarios of a draft."""
_T = TypeVar("_T")


class DraftMissing(ShuoliError):
    """There is no such draft, or no such file in it."""

    code = "draft.missing"


class DraftExists(ShuoliError):
    """A draft or version of this name is there already."""

    code = "draft.exists"


class DraftNotReady(ShuoliError):
    """What was asked comes after something that hasn't been done with this content."""

    code = "draft.not_ready"


class OwnReview(ShuoliError):
    """Whoever wrote something of a draft can't review it."""

    code = "draft.own_review"


class DraftView(msgspec.Struct, frozen=True):
    """A draft: where it stands, the tag of each file by path, who wrote it, and what was done with it."""

    name: str
    based_on: str
    state: State
    content: str
    files: dict[str, str]
    authors: list[str]
    acts: list[Act]


class Tried(msgspec.Struct, frozen=True):
    """What became of a draft's scenarios: how many, and those that came out otherwise."""

    scenarios: int
    failed: list[ScenarioResult]


class Drafts:
    """All drafts of one ledger."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store, self._workers = store, workers

    def open(self, name: str, based_on: str, files: Mapping[str, bytes], actor: str) -> DraftView:
        """Open a draft `ID@VERSION` with the files of the version that it is based on.

        Raises:
            DraftRefused: the name can't be one, or the files can't be those of a rulebook.
            DraftExists: there is one of that name, open or not.
        """
        if not _NAME.fullmatch(name):
            problem = Problem(
                "/name", "draft.name", f"`{name[:130]}` is no name of a version", name[:130], "ID@VERSION"
            )
            raise DraftRefused("a draft can't have this name", problems=(problem,))
        check_files(files)
        with self._store.write() as transaction:
            if stored.acts(transaction, name):
                raise DraftExists(f"draft `{name}` is there already", help="choose another version")
            stored.edit(transaction, name, "", files)
            said = {"based_on": based_on, "files": _texts(files)}
            stored.do(transaction, name, "opened", actor, content_of(files), said)
            return _view(transaction, name)

    def names(self) -> list[str]:
        """Return the names of all drafts, in the order in which they were opened."""
        with self._store.read() as transaction:
            return stored.names(transaction)

    def show(self, name: str) -> DraftView:
        """Return a draft.

        Raises:
            DraftMissing: there is none of that name.
        """
        with self._store.read() as transaction:
            return _view(transaction, name)

    def files(self, name: str) -> dict[str, bytes]:
        """Return the files of a draft.

        Raises:
            DraftMissing: there is none of that name.
        """
        with self._store.read() as transaction:
            _acts(transaction, name)
            return stored.files(transaction, name)

    def put(
        self,
        name: str,
        changed: Mapping[str, bytes | None],
        actor: str,
        holds: Holds,
        imported: Mapping[str, Any] | None = None,
    ) -> DraftView:
        """Change files of a draft (None removes one), if `holds` says of those that are there that they may be.

        `imported` says of what form they were made, where they were; it is noted as an act.

        Raises:
            DraftMissing, DraftRefused: there is no such draft, or it can't have these files.
            DraftNotReady: it is dropped or released.
            DraftChanged: somebody else was faster.
        """
        with self._store.write() as transaction:
            before = self._open_files(transaction, name)
            holds(before)
            after = {path: one for path, one in (before | dict(changed)).items() if one is not None}
            check_files(after)
            new = {path: one for path, one in changed.items() if before.get(path) != one}
            stored.edit(transaction, name, actor, new)
            if imported is not None:
                stored.do(transaction, name, "imported", actor, content_of(after), imported)
            return _view(transaction, name)

    def note(self, name: str, act: Study, actor: str, content: str, told: Mapping[str, Any]) -> None:
        """Note what somebody found out about a content of a draft; its state stays what it is.

        Raises:
            DraftMissing: there is none of that name.
        """
        with self._store.write() as transaction:
            _acts(transaction, name)
            stored.do(transaction, name, act, actor, content, told)

    def check(self, name: str, actor: str) -> tuple[Problem, ...]:
        """Return everything that is wrong with a draft; where nothing is, it counts as checked."""
        files = self.files(name)
        with laid_out(name, files) as folder:
            rulebook, problems = check_rulebook(folder)
        if rulebook is not None:
            problems += _misnamed(rulebook, name, files["rulebook.yaml"])
        if rulebook is not None and not problems:
            problems = self._beyond_the_kernel(rulebook)
        self._note(name, files, "draft", "checked", actor, {"problems": len(problems)}, passed=not problems)
        return problems

    def try_out(self, name: str, actor: str) -> Tried:
        """Run a checked draft's scenarios; where all come out as written, it counts as tried.

        Raises:
            DraftNotReady: it isn't checked as it is now.
        """
        files = self.files(name)
        with laid_out(name, files) as folder:
            rulebook = self._ready(name, files, "checked", lambda: load_rulebook(folder))
            scenarios = load_scenarios(folder, rulebook)
        results = self._workers.run(rulebook, partial(_run, scenarios=scenarios), _SECONDS)
        tried = Tried(len(results), [one for one in results if not one.passed])
        told = {"scenarios": tried.scenarios, "failed": len(tried.failed)}
        self._note(name, files, "checked", "tried", actor, told, passed=not tried.failed)
        return tried

    def review(self, name: str, actor: str, note: str) -> DraftView:
        """Note that somebody who wrote nothing of a tried draft has reviewed it as it is now.

        Raises:
            OwnReview: the actor wrote some of it.
            DraftNotReady: it isn't tried as it is now.
        """
        view = self.show(name)
        if actor in view.authors:
            raise OwnReview(f"`{actor}` wrote some of draft `{name}`", help="somebody else has to review it")
        files = self.files(name)
        self._note(name, files, "tried", "reviewed", actor, {"note": note[:2000]}, passed=True)
        return self.show(name)

    def rulebook(self, name: str) -> Rulebook:
        """Return the rulebook that a draft means as it is now.

        Raises:
            RulebookRefused: it has problems.
        """
        with laid_out(name, self.files(name)) as folder:
            return load_rulebook(folder)

    def release(self, name: str, actor: str, today: int, impact: Mapping[str, Any]) -> Rulebook:
        """Put a reviewed draft into force from the day that it names; what it moves is told in the log.

        Raises:
            DraftNotReady: it isn't reviewed as it is now, calls itself a draft, or would begin before today.
        """
        files = self.files(name)
        rulebook = self._ready(name, files, "reviewed", lambda: self.rulebook(name))
        if rulebook.status == "draft":
            raise DraftNotReady(f"`{name}` calls itself a draft", help="set its status to official or reconstruction")
        if rulebook.effective_from < today:
            begins, now = date.fromordinal(rulebook.effective_from), date.fromordinal(today)
            help_ = "grades that were given are not changed: let it begin today or later"
            raise DraftNotReady(f"`{name}` would begin on {begins}, and today is {now}", help=help_)
        with self._store.write() as transaction:
            view = _view(transaction, name)
            self._expect(view, content_of(files), "reviewed")
            if not transaction.has_rulebook(rulebook.sha256):
                document = rulebook_document(rulebook)
                transaction.add_rulebook(rulebook.sha256, rulebook.id, rulebook.version, document)
                append(transaction, [leaf("publication", rulebook.sha256, transaction.entered_at)])
            said = {
                "rulebook": {"id": rulebook.id, "version": rulebook.version, "sha256": rulebook.sha256},
                "effective_from": date.fromordinal(rulebook.effective_from).isoformat(),
                "content": view.content,
                "based_on": view.based_on,
                "authors": view.authors,
                "reviewed_by": [one.actor for one in view.acts if (one.act, one.content) == ("reviewed", view.content)],
                "released_by": actor,
                "at": transaction.entered_at,
                "impact": impact,
            }
            made = add_release(transaction, rulebook.sha256, rulebook.effective_from, said, files)
            stored.do(transaction, name, "released", actor, view.content, {"release": made})
        return rulebook

    def drop(self, name: str, actor: str) -> DraftView:
        """Give a draft up; it stays readable."""
        with self._store.write() as transaction:
            files = self._open_files(transaction, name)
            stored.do(transaction, name, "dropped", actor, content_of(files), {})
            return _view(transaction, name)

    def rebase(
        self, name: str, onto: str, files: Mapping[str, bytes], take: Mapping[str, Mapping[str, Side]], actor: str
    ) -> tuple[DraftView, list[Conflict]]:
        """Base a draft on another version, with these files: what only one side changed since is kept.

        `take` says by file and part which side of a conflict holds. Where conflicts are left, nothing is changed.

        Raises:
            DraftMissing, DraftNotReady: there is no such draft, or it is dropped or released.
        """
        with self._store.write() as transaction:
            before = self._open_files(transaction, name)
            merged, conflicts = merge(_base(_acts(transaction, name))[1], before, files, take)
            if not conflicts:
                check_files(merged)
                changed: dict[str, bytes | None] = {path: None for path in before if path not in merged}
                changed |= {path: one for path, one in merged.items() if before.get(path) != one}
                stored.edit(transaction, name, actor, changed)
                said = {"based_on": onto, "files": _texts(files)}
                stored.do(transaction, name, "rebased", actor, content_of(merged), said)
            return _view(transaction, name), conflicts

    def _open_files(self, transaction: Transaction, name: str) -> dict[str, bytes]:
        view = _view(transaction, name)
        if view.state in ("released", "dropped"):
            raise DraftNotReady(f"draft `{name}` is {view.state}", help="open another one")
        return stored.files(transaction, name)

    def _ready(self, name: str, files: Mapping[str, bytes], state: State, load: Callable[[], _T]) -> _T:
        self._expect(self.show(name), content_of(files), state)
        return load()

    def _expect(self, view: DraftView, content: str, state: State) -> None:
        reached = _STEPS.index(view.state) if view.state in _STEPS else len(_STEPS)
        if view.content != content:
            raise DraftNotReady(f"draft `{view.name}` was edited meanwhile", help="begin with `check` again")
        if reached < _STEPS.index(state) or view.state in ("released", "dropped"):
            message = f"draft `{view.name}` is {view.state}, and must be {state} as it is now"
            raise DraftNotReady(message, help="check, try, review and release follow each other; an edit begins anew")

    def _note(
        self,
        name: str,
        files: Mapping[str, bytes],
        before: State,
        act: State,
        actor: str,
        told: Mapping[str, Any],
        *,
        passed: bool,
    ) -> None:
        with self._store.write() as transaction:
            self._open_files(transaction, name)
            content = content_of(files)
            self._expect(_view(transaction, name), content, before)
            stored.do(transaction, name, act if passed else f"not {act}", actor, content, told)

    def _beyond_the_kernel(self, rulebook: Rulebook) -> tuple[Problem, ...]:
        """Return what is right as it is written and yet more than the kernel can hold."""
        try:
            self._workers.run(rulebook, _nothing, _SECONDS)
        except RulebookRefused as refused:
            return refused.problems
        return ()


def _misnamed(rulebook: Rulebook, name: str, head: bytes) -> tuple[Problem, ...]:
    given = f"{rulebook.id}@{rulebook.version}"
    if given == name:
        return ()
    rulebook_id, _, version = name.partition("@")
    wrong, right = ("version", f'"{version}"') if rulebook.id == rulebook_id else ("id", rulebook_id)
    place = read_document("rulebook.yaml", head, []).place((wrong,))
    message = f"the draft is `{name}`, and its rulebook calls itself `{given}`"
    return (Problem(place, "draft.misnamed", message, given, name, f"write `{wrong}: {right}`"),)


def _acts(transaction: Transaction, name: str) -> Sequence[Act]:
    found = stored.acts(transaction, name)
    if not found:
        raise DraftMissing(f"there is no draft `{name[:130]}`")
    return found


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: document.decode() for path, document in files.items()}


def _base(acts: Sequence[Act]) -> tuple[str, dict[str, bytes]]:
    """Return the version that a draft is based on, and its files."""
    said = next(one for one in reversed(acts) if one.act in ("opened", "rebased")).document
    return said["based_on"], {path: text.encode() for path, text in said["files"].items()}


def _view(transaction: Transaction, name: str) -> DraftView:
    acts = _acts(transaction, name)
    files = stored.files(transaction, name)
    content = content_of(files)
    authors = dict.fromkeys(one.actor for one in stored.edits(transaction, name) if one.actor)
    told = [msgspec.structs.replace(one, document=_brief(one.document)) for one in acts]
    tags = {path: file_tag(document) for path, document in files.items()}
    return DraftView(name, _base(acts)[0], _state(acts, content), content, tags, list(authors), told)


def _brief(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in document.items() if name != "files"}


def _state(acts: Sequence[Act], content: str) -> State:
    done = {one.act for one in acts if one.content == content}
    if any(one.act == "dropped" for one in acts):
        return "dropped"
    return next((step for step in reversed(_STEPS) if step in done), "draft")


def _run(evaluator: Evaluator, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
    return list(run_scenarios(evaluator.rulebook, scenarios, evaluator.grade))


def _nothing(_: Evaluator) -> None:
    """Have the worker compile the rulebook."""
