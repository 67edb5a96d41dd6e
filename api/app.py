"""The application: where everything is wired together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from api.bodies import describe_bodies
from api.bulk import post_bulk
from api.documentation import openapi, static_files
from api.drafts import (
    check_draft,
    drop_draft,
    list_drafts,
    open_draft,
    put_draft_file,
    rebase_draft,
    release_draft,
    remove_draft_file,
    review_draft,
    show_draft,
    show_draft_file,
    show_release,
    try_draft,
)
from api.forms import put_dmn, put_workbook, show_diff, show_dmn, show_document, show_left_out, show_workbook
from api.gradings import grade_case, show_certificate, show_grading
from api.headers import add_headers
from api.health import live as is_live
from api.health import ready
from api.impact import Impacts, list_movers, show_impact
from api.letters import Letters, show_letter
from api.live import Live
from api.log import list_entries, prove_consistency, prove_inclusion, show_head, show_key
from api.mutation import Mutations, begin_mutation, end_mutation, show_mutation, show_proposals
from api.pages import PAGES, assets, with_pages
from api.planning import show_plans
from api.positions import show_position
from api.problems import problem_handlers
from api.producers import (
    list_facts,
    post_about_everyone,
    post_facts,
    post_status,
    put_producer,
    show_deductions,
    show_grade,
    show_history,
    show_verdicts,
    show_why,
)
from api.promises import count_promises, keep_plan, list_promises
from api.prospects import ask_what_if, show_comparison, show_contested, show_forecast
from api.quarantine import dismiss_line, list_quarantine, replay_line, show_line
from api.reasoning import show_tree, show_tree_as_dot, show_tree_as_text, show_tree_drawn, show_why_not
from api.requests import knows_parameters
from api.requests import today as today_in_china
from api.rulebook_paths import written_at
from api.rulebooks import list_rulebooks, show_rulebook
from api.services import Services
from api.settings import Settings
from api.sources import list_sources
from api.studies import Studies, show_coverage, verify_draft, verify_version
from api.subscriptions import (
    add_subscription,
    end_subscription,
    list_deliveries,
    list_subscriptions,
    redeliver_event,
)
from casework.city import City
from casework.ranking import Ranking

LARGEST_BODY = 4_000_000
"""Bytes of a request's body."""
ROUTES: tuple[HTTPRouteHandler, ...] = (
    grade_case,
    show_grading,
    show_certificate,
    put_producer,
    post_facts,
    post_status,
    list_facts,
    show_history,
    post_about_everyone,
    post_bulk,
    list_quarantine,
    show_line,
    replay_line,
    dismiss_line,
    list_sources,
    add_subscription,
    list_subscriptions,
    end_subscription,
    list_deliveries,
    redeliver_event,
    show_grade,
    show_why,
    show_why_not,
    show_plans,
    keep_plan,
    list_promises,
    count_promises,
    show_forecast,
    show_contested,
    show_comparison,
    ask_what_if,
    show_tree,
    show_tree_drawn,
    show_tree_as_text,
    show_tree_as_dot,
    show_letter,
    show_position,
    show_deductions,
    show_verdicts,
    list_rulebooks,
    show_rulebook,
    show_release,
    show_impact,
    list_movers,
    list_drafts,
    open_draft,
    show_draft,
    show_draft_file,
    put_draft_file,
    remove_draft_file,
    check_draft,
    try_draft,
    review_draft,
    rebase_draft,
    release_draft,
    drop_draft,
    verify_version,
    verify_draft,
    *show_coverage,
    *begin_mutation,
    *show_mutation,
    *end_mutation,
    *show_proposals,
    *show_workbook,
    *show_dmn,
    *show_left_out,
    *show_document,
    *show_diff,
    put_workbook,
    put_dmn,
    show_head,
    show_key,
    list_entries,
    prove_inclusion,
    prove_consistency,
    is_live,
    ready,
)


def create_app(settings: Settings, *, today: Callable[[], date] = today_in_china, live: bool = False) -> Litestar:
    """Return the ASGI application. Its worker processes and database connections end when it shuts down.

    With `live` it also ticks, tells subscribers of events and signs heads by itself, from its start on.

    Raises:
        RulebookMissing: the rulebook that grades isn't in the catalog.
        RulebookRefused: it has problems.
    """
    services = Services.open(settings, today=today)
    # Registered one by one, two synchronous handlers of one address would be put into a thread twice and never answer.
    beside = Live(services)
    impacts, studies, mutations = Impacts(services), Studies(services), Mutations(services)
    letters, city = Letters(settings, services.store), City(services.store)
    ranking = Ranking(city)
    routes = Router("/", route_handlers=ROUTES)
    app = Litestar(
        [routes, *PAGES, static_files(), assets()],
        before_send=[add_headers],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "studies": Provide(lambda: studies, sync_to_thread=False),
            "mutations": Provide(lambda: mutations, sync_to_thread=False),
            "written": Provide(written_at, sync_to_thread=True),
            "letters": Provide(lambda: letters, sync_to_thread=False),
            "impacts": Provide(lambda: impacts, sync_to_thread=False),
            "city": Provide(lambda: city, sync_to_thread=False),
            "ranking": Provide(lambda: ranking, sync_to_thread=False),
        },
        exception_handlers=with_pages(problem_handlers(), services.rulebook),
        guards=[knows_parameters],
        logging_config=None,
        on_startup=[beside.start, impacts.start] if live else [],
        on_shutdown=[mutations.stop, beside.stop, impacts.stop, studies.stop, services.close],
        openapi_config=openapi(),
        request_max_body_size=LARGEST_BODY,
    )
    describe_bodies(app.openapi_schema, services.rulebook())
    return app
