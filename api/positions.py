"""Where a producer stands among others, over HTTP."""

from __future__ import annotations

from litestar import Response, get
from litestar.di import NamedDependency

from api.problems import documented
from api.requests import AsOf, KnownAt, Language, ProducerId, day, instant, language
from api.wire import answer
from casework.ranking import Ranking
from engine.reading import instant as in_utc
from explain.position import Position


@get(
    "/api/v1/producers/{producer_id:str}/position",
    tags=["producers"],
    responses=documented("producer.missing", "store.corrupt", "rulebook.corrupt"),
    sync_to_thread=True,
)
def show_position(
    ranking: NamedDependency[Ranking],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Language = "zh",
) -> Response[Position]:
    """排名与同类对比。Rank, percentile and peers' medians in city, region, kind and attributes."""
    known = instant(known_at)
    told = ranking.position(
        producer_id, language(lang), as_of=day(as_of), known_at=None if known is None else in_utc(known)
    )
    return answer(told)
