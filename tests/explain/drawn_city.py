"""The first producers of the sample city, with what is about everyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import msgspec

from batch.population import everyone, generate
from engine.case import CaseFile
from engine.reading import CaseReader, merge
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

DAY = date(2026, 11, 1)


def drawn(rulebook: Rulebook, producers: int) -> Iterator[CaseFile]:
    """Yield their cases as of one day."""
    reader, population, day = CaseReader(rulebook), load_population(rulebook), DAY.toordinal()
    shared = json.dumps({"facts": everyone(rulebook, population, seed=2021, as_of=DAY)}).encode()
    about_everyone = reader.facts(shared, today=day)
    for document in generate(rulebook, population, producers=producers, seed=2021, as_of=DAY):
        case = reader.case(json.dumps(document).encode(), as_of=day)
        yield msgspec.structs.replace(case, facts=merge((*case.facts, *about_everyone)))
