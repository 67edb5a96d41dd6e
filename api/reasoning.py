"""How a grade was come to, and why it is no other: the proof tree in all its forms, and the rules that did not fire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from api.answers import Answer
from api.problems import documented
from api.requests import AsOf, KnownAt, Lang, Language, ProducerId, RulebookName, day, instant, language
from api.services import Services
from api.wire import answer
from explain.proof import Proof
from explain.proofpicture import as_svg
from explain.proofshapes import as_dot, as_text
from explain.prooftree import prove
from explain.whynot import WhyNot, why_not

_ERRORS: Final = documented(
    "producer.missing", "limit.facts", "limit.deductions", "limit.time", "engine.failure", "rulebook.missing"
)


def tree_of(decided: Answer, lang: Lang) -> Proof:
    """Return the proof tree of a decision."""
    return prove(decided.rulebook, decided.case, decided.grading, lang)


@get("/api/v1/producers/{producer_id:str}/tree", tags=["producers"], responses=_ERRORS, sync_to_thread=True)
def show_tree(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[Proof]:
    """推理树:从等级到每一条事实。The proof tree: from the grade down to each fact, every thing one node."""
    lang = language(lang)
    return answer(tree_of(services.decision(producer_id, day(as_of), instant(known_at), rulebook), lang))


def why_not_of(decided: Answer, lang: Lang, *, fired: bool = False) -> WhyNot:
    """Return why a decision isn't another one and, if asked, what would stop the rules that fired."""
    return why_not(decided.rulebook, decided.case, decided.grading, lang, fired=fired)


@get("/api/v1/producers/{producer_id:str}/why-not", tags=["producers"], responses=_ERRORS, sync_to_thread=True)
def show_why_not(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
    fired: Annotated[
        bool, QueryParameter(description="连同已触发的规则 · also what would stop rules that fired")
    ] = False,  # a parameter of the query
) -> Response[WhyNot]:
    """为何不是:离上一等级差什么,未触发的规则差什么。What the next grade and each rule that did not fire lack."""
    lang = language(lang)
    decided = services.decision(producer_id, day(as_of), instant(known_at), rulebook)
    return answer(why_not_of(decided, lang, fired=fired))


def _written(suffix: str, media_type: str, write: Callable[[Proof], str]) -> HTTPRouteHandler:
    """Return the handler that answers with the tree in another form."""
    described = ResponseSpec(str, generate_examples=False, description="推理树 · the proof tree", media_type=media_type)

    @get(
        f"/api/v1/producers/{{producer_id:str}}/tree.{suffix}",
        tags=["producers"],
        operation_id=f"ShowTreeAs{suffix.title()}",
        summary=f"ShowTreeAs{suffix.title()}",
        media_type=media_type,
        responses={**_ERRORS, 200: described},
        sync_to_thread=True,
    )
    def show(
        services: NamedDependency[Services],
        producer_id: ProducerId,
        as_of: AsOf = None,
        known_at: KnownAt = None,
        rulebook: RulebookName = None,
        lang: Language = "zh",
    ) -> Response[str]:
        """推理树的另一种写法。The proof tree in another form."""
        lang = language(lang)
        decided = services.decision(producer_id, day(as_of), instant(known_at), rulebook)
        return Response(write(tree_of(decided, lang)), media_type=media_type)

    return show


show_tree_drawn = _written("svg", "image/svg+xml", as_svg)
show_tree_as_text = _written("txt", "text/plain; charset=utf-8", as_text)
show_tree_as_dot = _written("dot", "text/vnd.graphviz; charset=utf-8", as_dot)
