"""Do the braces in texts name something?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from knowledge.notes import Notes
from knowledge.problems import nearest
from knowledge.rulebook import Rulebook
from knowledge.rules import Match, Rule
from knowledge.source import Path
from knowledge.strata import clauses_of

_BRACE = re.compile(r"\{([^{}]*)\}|[{}]")
_ALWAYS = ("points", "as_of", "group")
_TEXTS = ("zh", "en", "title", "notice", "label", "word", "colour_word", "ask", "until")
_WITH_TEXT = ("remedies.yaml", "rulebook.yaml")
"""The files in which the key `text` holds prose."""
_EXPECTED = "alias.field of `for_each`, a measure, points, as_of, group or producer.attribute"


def check_because(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note braces of a rule's `because` that name nothing which the rule reads."""
    if rule.because is None:
        return
    fields = {pattern.alias: rulebook.types[pattern.type].fields for pattern in rule.for_each}
    elsewhere = {clause.pattern.alias for clause in clauses_of(rule.when) if isinstance(clause, Match)}
    known = [f"{alias}.{name}" for alias, names in fields.items() for name in names]
    known += [*rulebook.measures, *_ALWAYS]
    known += [f"producer.{name}" for name in ("kind", "region", *rulebook.attributes)]
    for lang, words in (("zh", rule.because.zh), ("en", rule.because.en or "")):
        for found in _BRACE.finditer(words):
            name = found[1]
            if name in known or (name is not None and name in notes.broken):
                continue
            near = nearest(name, known) if name else None
            message = f"`{found[0]}` names nothing" if name is not None else f"`{found[0]}` stands alone"
            line = f"did you mean `{{{near}}}`?" if near else None
            if name is not None and name.partition(".")[0] in elsewhere:
                line = "several facts may fit a pattern of `when`; move it to `for_each`"
            at = (*path, "because", lang)
            notes.add(at, "text.brace", message, given=found[0], expected=_EXPECTED, help=line)


def check_texts(notes: Notes) -> None:
    """Note braces in all other texts, because nothing is ever put in there."""
    for name, document in notes.documents.items():
        if name.startswith("scenarios/"):
            continue
        for path, words in _texts(document.data, (name,), name in _WITH_TEXT):
            found = _BRACE.search(words)
            if found is not None:
                line = "only `because` of a rule has values put in"
                notes.add(path, "text.brace", f"`{found[0]}` stands as it is", given=found[0], help=line)


def _texts(data: Any, path: Path, with_text: bool) -> Iterator[tuple[Path, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            at = (*path, key)
            if key in ("because", "where"):
                continue
            if not isinstance(value, str):
                yield from _texts(value, at, with_text)
            elif key in _TEXTS or (with_text and key == "text"):
                yield at, value
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from _texts(value, (*path, place), with_text)
