"""Places among others: ranks against counting, medians against sorting, and what is never told."""

from __future__ import annotations

import random
import statistics
from pathlib import Path

import pytest
from msgspec.structs import replace

from explain.phrases_position import PLACES
from explain.position import Group, GroupView, Peer, Placing, Unit, groups_of, members, summarise
from knowledge.loader import load_rulebook
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Text

ROOT = Path(__file__).parent.parent
ORCHARD = ROOT / "rulebooks" / "api" / "orchard" / "1"
HIVES = ROOT / "explain" / "hives"
HYGIENE = ROOT.parent / "examples" / "hygiene"


def with_choices(rulebook: Rulebook) -> Rulebook:
    """Return the rulebook with a choice that may be told and one that is personal."""
    choices = {name: Text(name) for name in ("x", "y")}
    told = Field("sort", "choice", Text("类别", "sort"), choices=choices)
    hidden = replace(told, name="hidden", personal=True)
    return replace(rulebook, attributes={**rulebook.attributes, "sort": told, "hidden": hidden})


@pytest.fixture(scope="module", params=[ORCHARD, HIVES, HYGIENE], ids=lambda path: path.name)
def rulebook(request: pytest.FixtureRequest) -> Rulebook:
    return with_choices(load_rulebook(request.param))


def some_peers(rulebook: Rulebook, count: int, seed: int) -> list[Peer]:
    draw = random.Random(seed)
    whole = rulebook.scoring.unit == "whole"

    def points(most: int) -> int | str:
        value = draw.randint(0, most)
        return value if whole else f"{value // 10}.{value % 10}"

    return [
        Peer(
            id=f"P{number}",
            kind=draw.choice(list(rulebook.kinds)),
            region=draw.choice(["1", "2"]),
            attributes={"sort": draw.choice(["x", "y"]), "hidden": "x"},
            grade=draw.choice(rulebook.bands).grade,
            score=points(30),
            standards={name: points(one.points) for name, one in rulebook.standards.items() if draw.random() < 0.8},
            indicators={name: points(9) for name in rulebook.indicators if draw.random() < 0.8},
        )
        for number in range(count)
    ]


def value(points: int | str) -> float:
    return float(points)


def is_better(rulebook: Rulebook, one: Peer, other: Peer) -> bool:
    order = [band.grade for band in rulebook.bands]
    if one.grade != other.grade:
        return order.index(one.grade) < order.index(other.grade)
    higher = value(one.score) > value(other.score)
    return one.score != other.score and higher == (rulebook.scoring.better == "higher")


def places(rulebook: Rulebook, peers: list[Peer], mine: Peer, lang: str = "zh") -> dict[str, GroupView]:
    placing = Placing(rulebook, mine, "ab" * 32, "en" if lang == "en" else "zh")
    groups = groups_of(rulebook, mine)
    told = [placing.place(group, summarise(rulebook, members(group, peers)), len(peers)) for group in groups]
    return {one.group: one for one in told}


@pytest.mark.parametrize("seed", range(12))
def test_ranks_are_what_counting_gives(rulebook: Rulebook, seed: int) -> None:
    peers = some_peers(rulebook, 40, seed)

    for mine in peers[:6]:
        for name, told in places(rulebook, peers, mine).items():
            group = [one for one in peers if name == "city" or key(one, name) == key(mine, name)]
            others = [one for one in group if one is not mine]
            if min(len(group), (len(peers) - len(group)) or 99) < 5:
                assert told.suppressed
                continue
            better = sum(is_better(rulebook, one, mine) for one in others)
            worse = sum(is_better(rulebook, mine, one) for one in others)
            assert (told.size, told.rank, told.tied) == (len(group), better + 1, len(others) - better - worse)
            assert told.percentile == 100 * (len(others) - better) // len(others)
            for median in told.indicators:
                points = [value(one.indicators[median.id]) for one in group if median.id in one.indicators]
                assert value(median.median) == pytest.approx(statistics.median(points), abs=1e-9)
                assert median.yours == mine.indicators[median.id]


def key(one: Peer, name: str) -> str:
    return str(one.attributes["sort"] if name == "attribute:sort" else getattr(one, name))


def test_a_producer_is_placed_in_city_region_kind_and_its_choices(rulebook: Rulebook) -> None:
    mine = some_peers(rulebook, 1, 0)[0]
    sort = mine.attributes["sort"]
    wanted = [Group("city", ""), Group("region", mine.region), Group("kind", mine.kind), Group("attribute:sort", sort)]

    assert groups_of(rulebook, mine) == wanted
    assert groups_of(rulebook, replace(mine, region="", attributes={})) == [wanted[0], wanted[2]]


def test_what_is_lost_most_often_counts_who_lost_and_leaves_out_what_befell_few(rulebook: Rulebook) -> None:
    peers = some_peers(rulebook, 40, 3)
    unit = Unit(rulebook)

    told = places(rulebook, peers, peers[0])["city"].often

    counts = {
        name: sum(name in one.standards and unit.against(name, one.standards[name]) > 0 for one in peers)
        for name in rulebook.standards
    }
    assert [one.producers for one in told] == sorted((n for n in counts.values() if n >= 5), reverse=True)[:5]
    assert all(one.producers == counts[one.id] and one.share == 100 * counts[one.id] // 40 for one in told)
    few = [replace(one, standards={} if place >= 4 else one.standards) for place, one in enumerate(peers)]
    assert places(rulebook, few, few[0])["city"].often == ()


@pytest.mark.parametrize(("here", "elsewhere", "told"), [(4, 30, False), (5, 30, True), (30, 4, False), (30, 0, True)])
def test_too_few_here_or_elsewhere_are_not_told_of(here: int, elsewhere: int, told: bool) -> None:
    rulebook = with_choices(load_rulebook(ORCHARD))
    peers = [replace(one, region="1") for one in some_peers(rulebook, here, 1)]
    peers += [replace(one, region="2") for one in some_peers(rulebook, elsewhere, 2)]

    view = places(rulebook, peers, peers[0])["region"]

    assert view.suppressed != told
    if not told:
        assert (view.size, view.rank, view.tied, view.percentile) == (None, None, None, None)
        assert (view.indicators, view.often) == ((), ())
        assert not [digit for digit in str(here) if digit in view.sentence.text.replace("1 地区", "")]


def test_equals_share_a_rank_and_the_next_follows_after_all_of_them() -> None:
    rulebook = with_choices(load_rulebook(ORCHARD))
    grade = rulebook.bands[0].grade
    peers = [replace(one, grade=grade, score=score) for one, score in zip(
        some_peers(rulebook, 6, 1), (90, 80, 80, 70, 60, 50), strict=True
    )]  # fmt: skip

    told = [places(rulebook, peers, one)["city"] for one in peers]

    assert [(one.rank, one.tied) for one in told] == [(1, 0), (2, 1), (2, 1), (4, 0), (5, 0), (6, 0)]
    assert "与另外 1 个并列" in told[1].sentence.text
    assert "level with 1 other)" in places(rulebook, peers, peers[1], "en")["city"].sentence.text


def test_a_better_grade_stands_before_a_better_score() -> None:
    rulebook = with_choices(load_rulebook(ORCHARD))
    best, next_best = rulebook.bands[0].grade, rulebook.bands[1].grade
    peers = [replace(one, grade=next_best, score=99) for one in some_peers(rulebook, 5, 1)]
    peers.append(replace(peers[0], id="held back by none", grade=best, score=10))

    assert places(rulebook, peers, peers[-1])["city"].rank == 1


def test_every_sentence_stands_on_the_grading_and_fills_its_slots(rulebook: Rulebook) -> None:
    peers = some_peers(rulebook, 40, 5)
    for lang in ("zh", "en"):
        for told in places(rulebook, peers, peers[0], lang).values():
            for sentence in (told.sentence, *(one.sentence for one in told.often)):
                assert sentence.stands_on == ("grading:" + "ab" * 32,)
                assert "{" not in sentence.text
    for zh, en in PLACES.values():
        assert sorted(zh.split("{")[1:]) != [] or "{" not in en
