"""A producer and its facts as of a day: the only thing that a grading is made from."""

from __future__ import annotations

import msgspec

from knowledge.rules import Value

MOST_FACTS = 5_000
"""Facts of one producer."""


class Source(msgspec.Struct, frozen=True, order=True):
    """Where a fact came from: a system and its own reference."""

    system: str
    ref: str = ""


class Fact(msgspec.Struct, frozen=True):
    """One thing recorded about a producer.

    `id` is `F-` and 16 hex digits: SHA-256 over the type and its `same_when` values, or over all
    values where the type has no `same_when`. So the order of arrival never matters, and the same
    sample from two levels of government is one fact with two sources.
    `values` are encoded as in `knowledge.rules`; missing fields are absent from it.
    """

    id: str
    type: str
    values: dict[str, Value]
    status: str
    sources: tuple[Source, ...]
    recorded_at: str | None
    """RFC 3339 with offset, normalised to UTC (`…Z`); None where the source gave none."""


class Producer(msgspec.Struct, frozen=True):
    """Who is graded. `attributes` are encoded as the rulebook's `attributes` say."""

    id: str
    kind: str
    region: str
    attributes: dict[str, Value]


class CaseFile(msgspec.Struct, frozen=True):
    """A producer, the merged facts known at `known_at`, and the day the grade is for.

    `facts` are sorted by (type, id) and unique by id. `as_of` is an ordinal.
    """

    producer: Producer
    facts: tuple[Fact, ...]
    as_of: int
    known_at: str | None = None
