"""Python source that this package writes, compiled."""

from __future__ import annotations

from functools import lru_cache
from types import CodeType


@lru_cache(maxsize=8192)
def code_of(source: str) -> CodeType:
    """Return a source compiled; each is compiled once, as rulebooks that differ in one rule share all the others."""
    return compile(source, "<rulebook>", "exec")
