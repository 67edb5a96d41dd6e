"""How much of a version or draft its scenarios hold, over HTTP: asked for, looked at while it runs, ended."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from api.problems import LOG, ErrorEntry, RequestRefused, documented, problem_entries
from api.requests import Actor
from api.rulebook_paths import MISSING, YAML, both
from api.services import Services
from api.versions import Written
from authoring.apart import Apart
from authoring.drafts import DraftNotReady, Drafts
from authoring.mutation import Survivor
from authoring.studies import Mutated, mutated
from knowledge.problems import ShuoliError

MutationState: TypeAlias = Literal["running", "done", "failed", "ended"]
_KEPT: Final = 20
"""Results that are kept; the oldest go first."""
_CODES: Final = (*MISSING, "mutation.missing")


class MutationResult(msgspec.Struct, frozen=True):
    """Changes that were tried and noticed, by kind; `rate` is the part that was noticed, in basis points."""

    rate: int
    tried: dict[str, int]
    noticed: dict[str, int]
    survivors: list[Survivor]
    proposed: int


class Trouble(msgspec.Struct, frozen=True):
    """Why there is no result."""

    code: str
    message: str
    errors: tuple[ErrorEntry, ...] = ()


class MutationView(msgspec.Struct, frozen=True):
    """A mutation of the files whose digest is `content`: how far it is, and what came of it.

    `stage` is `beginning`, `mutating` or `proposing`; `done` of its `of` parts are done.
    """

    name: str
    content: str
    asked_by: str
    proposing: bool
    state: MutationState
    stage: str
    done: int
    of: int
    seconds: int
    result: MutationResult | None
    problem: Trouble | None


class _Job:
    """One mutation, watched by a thread of its own."""

    def __init__(self, asked: Written, actor: str, *, proposing: bool) -> None:
        self.name, self.content, self.actor, self.proposing = asked.name, asked.content, actor, proposing
        self.state: MutationState = "running"
        self.progress = ("beginning", 0, 0)
        self.mutated: Mutated | None = None
        self.trouble: ShuoliError | None = None
        self.apart: Apart[Mutated] | None = None
        self.thread: threading.Thread | None = None
        self._begun, self._over = time.monotonic(), 0.0

    def tell(self, stage: str, done: int, of: int) -> None:
        self.progress = (stage, done, of)

    def over(self, state: MutationState) -> None:
        self.state, self._over = state, time.monotonic()

    def end(self) -> None:
        if self.state == "running":
            self.over("ended")
        if self.apart is not None:
            self.apart.end()

    def view(self) -> MutationView:
        result = None
        if self.mutated is not None:
            found = self.mutated.mutation
            tried, noticed = ({str(kind): count for kind, count in one.items()} for one in (found.tried, found.killed))
            result = MutationResult(found.rate, tried, noticed, found.survivors, len(self.mutated.proposals))
        trouble = None
        if self.trouble is not None:
            trouble = Trouble(self.trouble.code, self.trouble.message, problem_entries(self.trouble))
        seconds = int((self._over or time.monotonic()) - self._begun)
        head = (self.name, self.content, self.actor, self.proposing, self.state)
        return MutationView(*head, *self.progress, seconds, result, trouble)


class Mutations:
    """The mutations that were asked for since the service began; one runs at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def begin(self, asked: Written, actor: str, *, proposing: bool) -> MutationView:
        """Begin a mutation, unless it runs or is done already.

        Raises:
            RequestRefused: another one runs.
            DraftNotReady: it is a draft that wasn't tried as it is now.
        """
        if asked.draft is not None and asked.draft.state in ("draft", "checked"):
            message = f"draft `{asked.name}` is {asked.draft.state}, and must be tried as it is now"
            raise DraftNotReady(message, help="a scenario that comes out otherwise would notice every change")
        with self._lock:
            known = self._jobs.get(asked.content)
            if known is not None and known.state in ("running", "done") and known.proposing >= proposing:
                return known.view()
            running = next((one for one in self._jobs.values() if one.state == "running"), None)
            if running is not None:
                help_ = "wait for it, or DELETE it; GET tells how far it is"
                raise RequestRefused("mutation.busy", f"a mutation of `{running.name}` is under way", help=help_)
            job = self._job(asked, actor, proposing=proposing)
            self._jobs.pop(asked.content, None)
            self._jobs[asked.content] = job
            while len(self._jobs) > _KEPT:
                del self._jobs[next(iter(self._jobs))]
            return job.view()

    def find(self, asked: Written) -> _Job:
        """Return what was asked for of these very files.

        Raises:
            RequestRefused: nothing was.
        """
        with self._lock:
            found = self._jobs.get(asked.content)
        if found is None:
            message = f"no mutation of `{asked.name}` as it is now was asked for since the service began"
            raise RequestRefused("mutation.missing", message, help="ask for it with POST")
        return found

    def stop(self) -> None:
        """End what runs."""
        for job in list(self._jobs.values()):
            job.end()
            if job.thread is not None:
                job.thread.join(10)

    def _job(self, asked: Written, actor: str, *, proposing: bool) -> _Job:
        job = _Job(asked, actor, proposing=proposing)
        job.thread = threading.Thread(target=self._watch, args=(job, asked), name="mutation", daemon=True)
        job.thread.start()
        return job

    def _watch(self, job: _Job, asked: Written) -> None:
        count = self._services.workers.count
        # To begin takes as long as a new process takes to read what it is given.
        apart = Apart(partial(mutated, name=job.name, files=asked.files, processes=count, proposing=job.proposing))
        job.apart = apart
        if job.state == "ended":
            apart.end()
        try:
            found = apart.result(job.tell)
        except ShuoliError as error:
            if job.state == "running":
                LOG.error("mutation of %s: %s: %s", job.name, error.code, error.message)
                job.trouble = error
                job.over("failed")
            return
        job.mutated = found
        job.over("done")
        if asked.draft is not None:
            tried = sum(found.mutation.tried.values())
            told = {"tried": tried, "survived": len(found.mutation.survivors), "rate": found.mutation.rate}
            Drafts(self._services.store, self._services.workers).note(job.name, "mutated", job.actor, job.content, told)


@both(post, "mutation", status_code=202, responses=documented(*MISSING, "mutation.busy", "draft.not_ready"))
def begin_mutation(
    mutations: NamedDependency[Mutations],
    written: NamedDependency[Written],
    actor: Actor,
    propose: Annotated[
        bool, QueryParameter(description="连同建议的情景 · also propose scenarios")
    ] = False,  # in the query
) -> MutationView:
    """逐处改动,看情景是否察觉;另行运行。Change one place after another beside the service; GET tells how far it is."""
    return mutations.begin(written, actor, proposing=propose)


@both(get, "mutation", responses=documented(*_CODES))
def show_mutation(mutations: NamedDependency[Mutations], written: NamedDependency[Written]) -> MutationView:
    """进度与结果。How far it is, and what came of it: what no scenario notices is policy that nobody has tested."""
    return mutations.find(written).view()


@both(delete, "mutation", status_code=200, responses=documented(*_CODES))
def end_mutation(
    mutations: NamedDependency[Mutations], written: NamedDependency[Written], actor: Actor
) -> MutationView:
    """结束正在运行的。End it, if it runs still."""
    job = mutations.find(written)
    LOG.info("mutation of %s ended by %s", job.name, actor)
    job.end()
    return job.view()


@both(
    get,
    "mutation/proposals",
    responses={
        **documented(*_CODES, "mutation.unfinished"),
        200: ResponseSpec(bytes, generate_examples=False, media_type=YAML, description="情景 · a file of scenarios"),
    },
)
def show_proposals(mutations: NamedDependency[Mutations], written: NamedDependency[Written]) -> Response[bytes]:
    """建议的情景(YAML),供人取舍。Scenarios that would notice what survived, for a person to accept."""
    found = mutations.find(written).mutated
    if found is None:
        raise RequestRefused("mutation.unfinished", "there is no result yet", help="GET …/mutation tells how far it is")
    return Response(found.file.encode(), media_type=YAML)
