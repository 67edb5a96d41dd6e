"""Who is told of changes of grade over HTTP, and where each delivery stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, RawBody

from api.idempotency import IdempotencyKey
from api.problems import documented
from api.requests import needs_json
from api.services import Services
from casework.webhooks import deliveries_of, redeliver, shown_secret, subscribe, unsubscribe
from engine.jsontext import parse
from knowledge.problems import CaseRefused, Problem
from store.outbox import Delivery, State, Subscription, subscriptions

SubscriptionId = Annotated[str, PathParameter(description="订阅的标识 · the subscription's id")]
EventId = Annotated[str, PathParameter(description="事件的标识 · the event's id, its `webhook-id`")]


class SubscriptionView(msgspec.Struct, frozen=True):
    """A subscription, without its secret."""

    id: str
    url: str
    active: bool


class NewSubscription(msgspec.Struct, frozen=True):
    """A subscription with the secret that its events are signed with; it is shown here and never again."""

    id: str
    url: str
    active: bool
    secret: str


class SubscriptionList(msgspec.Struct, frozen=True):
    """All subscriptions by id."""

    items: list[SubscriptionView]


class DeliveryView(msgspec.Struct, frozen=True):
    """Where the delivery of an event stands; `next_at` is when it is tried next, or when it ended."""

    seq: int
    event: str
    type: str
    state: Literal["waiting", "done", "dead"]
    attempts: int
    next_at: str
    trouble: str | None


class DeliveryList(msgspec.Struct, frozen=True):
    """Deliveries in the order of events. `next` is what to give as `after` for more, null where there are none."""

    items: list[DeliveryView]
    next: int | None


@post(
    "/api/v1/subscriptions",
    tags=["subscriptions"],
    status_code=201,
    guards=[needs_json],
    responses=documented(
        "case.json", "http.too_large", "http.media_type", "case.refused", "subscription.refused", "idempotency.reused"
    ),
    sync_to_thread=True,
)
def add_subscription(
    services: NamedDependency[Services], body: RawBody, idempotency_key: IdempotencyKey = None
) -> Response[NewSubscription]:
    """订阅等级变化;密钥只显示这一次。Have changes of grade told to an address; the secret is shown only here."""
    once = services.once(idempotency_key, "POST /api/v1/subscriptions", body)

    def told(made: Subscription) -> NewSubscription:
        return NewSubscription(made.id, made.url, made.active, shown_secret(made.secret))

    return once.run(lambda beside: subscribe(services.store, _url(body), services.rules, beside), told, status=201)


@get("/api/v1/subscriptions", tags=["subscriptions"], responses=documented(), sync_to_thread=True)
def list_subscriptions(services: NamedDependency[Services]) -> SubscriptionList:
    """全部订阅。All subscriptions, those that were ended too."""
    with services.store.read() as transaction:
        return SubscriptionList([SubscriptionView(one.id, one.url, one.active) for one in subscriptions(transaction)])


@delete(
    "/api/v1/subscriptions/{subscription_id:str}",
    tags=["subscriptions"],
    status_code=204,
    responses=documented("subscription.missing"),
    sync_to_thread=True,
)
def end_subscription(services: NamedDependency[Services], subscription_id: SubscriptionId) -> None:
    """结束订阅。End a subscription; what was delivered can still be listed."""
    unsubscribe(services.store, subscription_id)


@get(
    "/api/v1/subscriptions/{subscription_id:str}/deliveries",
    tags=["subscriptions"],
    responses=documented("subscription.missing"),
    sync_to_thread=True,
)
def list_deliveries(
    services: NamedDependency[Services],
    subscription_id: SubscriptionId,
    in_state: Annotated[
        Literal["waiting", "done", "dead"] | None,
        QueryParameter(
            name="state",
            description="waiting | done | dead",
            schema_extra={"one_of": None, "type": "string", "enum": ["waiting", "done", "dead"]},
        ),
    ] = None,
    after: Annotated[int, QueryParameter(ge=0, le=2**53, description="此序号之后 · those after this seq")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="最多几条 · at most so many")] = 100,
) -> DeliveryList:
    """投递情况,`state=dead` 为死信。Where deliveries stand; `state=dead` lists the dead letters."""
    state: State | None = in_state
    found = deliveries_of(services.store, subscription_id, state, after, limit)
    return DeliveryList([_view(one) for one in found], found[-1].seq if len(found) == limit else None)


@post(
    "/api/v1/subscriptions/{subscription_id:str}/deliveries/{event_id:str}/redeliver",
    tags=["subscriptions"],
    status_code=200,
    responses={**documented("subscription.missing"), 200: ResponseSpec(DeliveryView, generate_examples=False)},
    sync_to_thread=True,
)
def redeliver_event(
    services: NamedDependency[Services], subscription_id: SubscriptionId, event_id: EventId
) -> DeliveryView:
    """重新投递一个事件。Have an event delivered again, with all its attempts."""
    return _view(redeliver(services.store, subscription_id, event_id))


def _view(one: Delivery) -> DeliveryView:
    return DeliveryView(one.seq, one.event, one.type, one.state, one.attempts, one.next_at, one.trouble)


def _url(body: bytes) -> str:
    told: Any = parse(body)
    problems: list[Problem] = []
    if not isinstance(told, dict):
        problems.append(Problem("", "type.mismatch", "must be an object", expected="an object"))
    elif not isinstance(told.get("url"), str):
        problems.append(Problem("/url", "shape.missing_key", "`url` is missing", expected="an address"))
    else:
        unknown = [name for name in told if name != "url"]
        problems += [
            replace(Problem(f"/{name}", "shape.unknown_key", "unknown key"), given=name[:60]) for name in unknown
        ]
    if problems:
        raise CaseRefused("the subscription is refused", problems=tuple(problems))
    return str(told["url"])
