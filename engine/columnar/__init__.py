"""A rulebook applied to a whole population at once, in columns; equal to the traced engine, without its trails."""

from engine.columnar.grader import Columnar, Graded
from engine.columnar.population import Gathering, Population, population_of
from engine.columnar.probing import Probe

__all__ = ["Columnar", "Gathering", "Graded", "Population", "Probe", "population_of"]
