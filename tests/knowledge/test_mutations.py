"""Whatever is done to a rulebook's files, reading them ends in a rulebook or in problems with their places."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.loader import bind_documents
from knowledge.problems import Problem
from knowledge.source import read_document
from tests.knowledge.bad_cases import BASE, HERE

HANGZHOU = HERE.parent.parent / "knowledge" / "rulebooks" / "hangzhou" / "2021.1"
SCALARS: tuple[Any, ...] = (
    None, True, False, "yes", "no", "on", 0, -1, 1, 10**18, 10**30, Decimal("0.5"), "", "a", "x.y", "this.number",
    "as_of - 3 months", "producer.kind", "2026-02-30", "0001-01-01", "9999-12-31", "12 months", "5 working days", "{a}",
    "any", "70%", "1 + 1", "失", [], {}, [[]], {"is": "a"}, {"text": "a.b"}, ["a", "a"], {"a": 1, "b": [2]}, "a" * 300,
)  # fmt: skip
TEXTS = (
    "\t",
    "\n",
    " ",
    ":",
    "- ",
    "&a ",
    "*a",
    "!!x ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "#",
    "\u202e",
    "\x00",
    "---\n",
    "é",
    "\r",
    "\u2028",
    "\ufeff",
)


class Mutated:
    """A rulebook's files, of which one is changed at a time."""

    def __init__(self, folder: Path) -> None:
        self.texts = {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in sorted(folder.rglob("*.yaml"))}
        self.documents = {name: read_document(name, text.encode(), []) for name, text in self.texts.items()}

    def problems(self, name: str, text: str) -> tuple[bool, list[Problem]]:
        """Return whether the files with this one changed make a rulebook, and their problems."""
        found: list[Problem] = []
        document = read_document(name, text.encode("utf-8", "surrogatepass"), found)
        rulebook = bind_documents(self.documents | {name: document}, found, with_scenarios=True)
        return rulebook is not None, found


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value."""
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in parts:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutate_data(draw: random.Random, data: Any) -> None:
    """Delete, replace, rename, repeat or move one value of some data, in place."""
    path = draw.choice(list(places(data)))
    holder = data
    for part in path[:-1]:
        holder = holder[part]
    key, value = path[-1], holder[path[-1]]
    match draw.choice(("delete", "replace", "replace", "rename", "repeat", "wrap", "move")):
        case "delete":
            del holder[key]
        case "rename" if isinstance(holder, dict):
            holder[draw.choice((f"{key}x", f"{key}"[:-1], "a", "is", "on", key.upper()))] = holder.pop(key)
        case "repeat" if isinstance(holder, list):
            holder.insert(key, copied(value))
        case "wrap":
            value = copied(value)
            holder[key] = draw.choice(([value], {"a": value}, {"is": value}, {"any": [value]}, {"not": value}))
        case "move":
            other = draw.choice([place for place in places(data) if place[: len(path)] != path] or [path])
            there = data
            for part in other[:-1]:
                there = there[part]
            holder[key] = copied(there[other[-1]])
        case _:
            holder[key] = copied(draw.choice(SCALARS))


def mutate_text(draw: random.Random, text: str) -> str:
    """Delete, repeat or insert something somewhere."""
    lines = text.split("\n")
    line, column = draw.randrange(len(lines)), draw.randrange(len(text) + 1)
    match draw.choice(("delete line", "repeat line", "swap lines", "cut", "insert", "break off")):
        case "delete line":
            del lines[line]
        case "repeat line":
            lines.insert(line, lines[line])
        case "swap lines":
            other = draw.randrange(len(lines))
            lines[line], lines[other] = lines[other], lines[line]
        case "cut":
            return text[:column] + text[column + draw.randrange(1, 30) :]
        case "insert":
            return text[:column] + draw.choice(TEXTS) + text[column:]
        case _:
            return text[:column]
    return "\n".join(lines)


class Dumper(yaml.SafeDumper):
    """Writes data back; the same value twice is written out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


Dumper.add_representer(
    Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value), style="")
)


def copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: copied(value) for key, value in data.items()}
    return [copied(value) for value in data] if isinstance(data, list) else data


def changed(book: Mutated, seed: int) -> tuple[str, str]:
    """Return the name of a file and its text with one to three changes."""
    draw = random.Random(seed)
    name = draw.choice(list(book.texts))
    text = book.texts[name]
    if draw.random() < 0.3:
        for _ in range(draw.randint(1, 3)):
            text = mutate_text(draw, text)
        return name, text
    data = copied(book.documents[name].data)
    for _ in range(draw.randint(1, 3)):
        if isinstance(data, dict | list) and data:
            mutate_data(draw, data)
    return name, yaml.dump(data, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=200)


def check(book: Mutated, seed: int) -> None:
    name, text = changed(book, seed)
    lines = {file: (text if file == name else book.texts[file]).split("\n") for file in book.texts}

    bound, problems = book.problems(name, text)

    assert bound or problems
    for problem in problems:
        found = re.fullmatch(r"(.+):([0-9]+):([0-9]+)", problem.place)
        assert found is not None, problem
        assert stands_in(lines.get(found[1], [""]), int(found[2]), int(found[3])), problem
        assert problem.message
        assert "\n" not in problem.message, problem


def stands_in(lines: list[str], line: int, column: int) -> bool:
    return 1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1


SMALL, LARGE = Mutated(BASE), Mutated(HANGZHOU)


@given(seed=st.integers(0, 10**9))
@settings(max_examples=500, deadline=None)
def test_a_changed_small_rulebook_is_read_or_refused(seed: int) -> None:
    check(SMALL, seed)


@given(seed=st.integers(0, 10**9))
@settings(max_examples=15, deadline=None)
def test_a_changed_large_rulebook_is_read_or_refused(seed: int) -> None:
    check(LARGE, seed)
