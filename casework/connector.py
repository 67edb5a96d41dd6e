"""Pulls facts from another system's HTTP interface, as a mapping describes it: page by page, from where it stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from casework.files import Tally
from casework.intake import Intake, Line, LineResult
from casework.lines import CHUNK_LINES, LONGEST_LINE
from casework.quarantine import PULL, wrapped
from casework.rows import Row, RowReader, Written
from engine.jsontext import LARGEST, Inexact, parse
from knowledge.mapping import FactMapping
from knowledge.problems import JsonRefused, Problem, ShuoliError
from knowledge.writtenmapping import WrittenHeader
from store.ledger import Transaction
from store.sources import cursor as stored_cursor
from store.sources import move

_LONGEST_WAIT: Final = 60.0
_AGAIN_LATER: Final = (408, 425, 429)
_SLOW: Final = 10
"""Times the time-out that a whole answer may take, however its parts come."""


class SourceAway(ShuoliError):
    """A source didn't answer, however often it was asked; what came before is taken."""

    code = "source.away"


class SourceRefused(ShuoliError):
    """A source doesn't take the request as the mapping describes it."""

    code = "source.refused"


@dataclass(frozen=True, slots=True)
class _Page:
    items: Sequence[Any]
    goes_on_at: str | None
    """What to store as the cursor."""
    more: str | None
    """The cursor of the page that follows, None where none does."""


class _Changed(Exception):
    """An answer isn't laid out as the mapping says."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Connector:
    """Pulls what a mapping with `pull` describes.

    Whatever was committed is never lost or asked for in vain: the cursor moves in the transaction that takes a page,
    and a page that comes again changes nothing.
    """

    def __init__(
        self,
        mapping: FactMapping,
        intake: Intake,
        *,
        sleep: Callable[[float], None] = time.sleep,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        if mapping.pull is None or mapping.system is None:
            raise SourceRefused(f"the mapping `{mapping.name}` has no `pull`", help="see docs/ingest.md")
        self._mapping, self._pull, self._system = mapping, mapping.pull, str(mapping.system.constant)
        self._intake, self._sleep = intake, sleep
        self._headers = {name: _header(name, environment, one) for name, one in self._pull.headers.items()}

    def pull(self, tally: Tally) -> bool:
        """Take in everything that is new, and count it; return whether the source spoke as the mapping says.

        A page that isn't laid out so goes into the quarantine as it came, and ends the pull.

        Raises:
            SourceAway: the source is away, or answers too slowly or only with errors.
            SourceRefused: it refuses the request, or gives the same page over and over.
        """
        with self._intake.store.read() as transaction:
            at = stored_cursor(transaction, self._system)
        before = b""
        with httpx.Client(timeout=self._pull.timeout_seconds, headers=self._headers, trust_env=False) as client:
            while True:
                body = self._fetch(client, at)
                try:
                    page = self._page(body, at)
                except _Changed as changed:
                    came = wrapped(body[:LONGEST_LINE].decode("utf-8", "backslashreplace"), None)
                    line = Line(1, came, None, (changed.problem,))
                    tally.add(self._intake.take([line], origin=self._origin(at)))
                    return False
                if page.items and body == before:
                    raise SourceRefused(f"`{self._system}` gives the same page again and again")
                self._take(page, at, tally)
                if page.more is None:
                    return True
                at, before = page.more, body

    def _take(self, page: _Page, at: str | None, tally: Tally) -> None:
        def moved(transaction: Transaction, _results: Sequence[LineResult]) -> None:
            move(transaction, self._system, page.goes_on_at)

        if not page.items:
            with self._intake.store.write() as transaction:
                moved(transaction, ())
            return
        reader = RowReader(self._mapping, self._intake.desk.rulebook, self._origin(at).removeprefix(PULL))
        lines = [self._line(reader, number, item, at) for number, item in enumerate(page.items, 1)]
        for place in range(0, len(lines), CHUNK_LINES):
            last = place + CHUNK_LINES >= len(lines)
            chunk = lines[place : place + CHUNK_LINES]
            tally.add(self._intake.take(chunk, origin=self._origin(at), within=moved if last else None))

    def _line(self, reader: RowReader, number: int, item: Any, at: str | None) -> Line:  # noqa: ANN401  any JSON
        place = f"{self._origin(at).removeprefix(PULL)}:{number}"
        if not isinstance(item, dict):
            problem = Problem(place, "source.changed", "the item is no object", expected="an object")
            return Line(number, wrapped(_plain(item), None), None, (problem,))
        cells: dict[str, Written] = {}
        problems: list[Problem] = []
        optional = self._mapping.optional_columns()
        for column in sorted(self._mapping.columns()):
            found, value = _at(item, column)
            if isinstance(value, Inexact):
                value = value.text
            if isinstance(value, dict | list):
                message = f"`{column}` is no single value"
                problems.append(Problem(f"{place}:{column}", "source.changed", message, expected="a text or a number"))
            elif found:
                cells[column] = value
            elif column not in optional:
                message, help_ = f"`{column}` isn't there", "declare it `optional: yes` if it may be left out"
                problems.append(Problem(f"{place}:{column}", "source.changed", message, help=help_))
        return reader.line(Row(number, cells, tuple(problems)), _plain(item))

    def _page(self, body: bytes, at: str | None) -> _Page:
        place = self._origin(at).removeprefix(PULL)
        try:
            document = parse(body)
        except JsonRefused as refused:
            problem = refused.problems[0]
            raise _Changed(
                Problem(place, problem.code, problem.message, problem.given, problem.expected, problem.help)
            ) from refused
        items = _at(document, self._pull.items)[1]
        if not isinstance(items, list):
            message = f"there is no list at `{self._pull.items}`"
            raise _Changed(Problem(place, "source.changed", message, expected=f"a list at `{self._pull.items}`"))
        if self._pull.cursor is not None:
            found, told = _at(document, self._pull.cursor.next)
            if not found or not (told is None or type(told) in (str, int)):
                message = f"there is no cursor at `{self._pull.cursor.next}`"
                raise _Changed(Problem(place, "source.changed", message, expected="a text, a whole number, or null"))
            following = None if told in (None, "") else str(told)
            more = following if items and following != at else None
            return _Page(items, at if following is None else following, more)
        if self._pull.pages is not None:
            return self._numbered(items, self._number(at), self._pull.pages.size)
        return _Page(items, None, None)

    def _numbered(self, items: Sequence[Any], number: int, size: int | None) -> _Page:
        if not items:
            # What comes next may still be put on the page before.
            first = 1 if self._pull.pages is None else self._pull.pages.first
            return _Page(items, str(number if size is not None else max(number - 1, first)), None)
        if size is not None:
            full = len(items) >= size
            return _Page(items, str(number + full), str(number + 1) if full else None)
        return _Page(items, str(number), str(number + 1))

    def _number(self, at: str | None) -> int:
        pages = self._pull.pages
        return int(at) if at is not None and at.isdigit() else 1 if pages is None else pages.first

    def _fetch(self, client: httpx.Client, at: str | None) -> bytes:
        """Return the body of a page, asked for as often as the mapping allows.

        Raises:
            SourceAway, SourceRefused: as `pull`.
        """
        url = httpx.URL(self._pull.url).copy_merge_params(self._parameters(at))
        trouble, wait = "", float(self._pull.wait_seconds)
        for attempt in range(self._pull.attempts):
            if attempt:
                self._sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
            try:
                with client.stream("GET", url) as response:
                    if response.status_code == 200:
                        return self._body(response)
                    trouble = f"it answers {response.status_code}"
                    if response.status_code < 500 and response.status_code not in _AGAIN_LATER:
                        help_ = "look at `url`, `parameters` and `headers` of the mapping"
                        raise SourceRefused(f"`{self._system}`: {trouble}", help=help_)
                    wait = max(wait, min(_seconds(response.headers.get("retry-after")), _LONGEST_WAIT))
            except (httpx.RequestError, _TooSlow) as error:
                trouble = str(error) or type(error).__name__
        message = f"`{self._system}` is away: asked {self._pull.attempts} times; {trouble}"
        raise SourceAway(message, help="what came before is taken; pull again later")

    def _body(self, response: httpx.Response) -> bytes:
        """Return the body, or as much of it as shows that it is too large."""
        body = bytearray()
        until = time.monotonic() + _SLOW * self._pull.timeout_seconds
        for part in response.iter_bytes():
            body += part
            if len(body) > LARGEST:
                break
            if time.monotonic() > until:
                raise _TooSlow(f"its answer takes longer than {_SLOW * self._pull.timeout_seconds} seconds")
        return bytes(body)

    def _parameters(self, at: str | None) -> dict[str, str]:
        parameters = dict(self._pull.parameters)
        if self._pull.cursor is not None and at is not None:
            parameters[self._pull.cursor.parameter] = at
        if self._pull.pages is not None:
            parameters[self._pull.pages.parameter] = str(self._number(at))
            if self._pull.pages.size is not None and self._pull.pages.size_parameter is not None:
                parameters[self._pull.pages.size_parameter] = str(self._pull.pages.size)
        return parameters

    def _origin(self, at: str | None) -> str:
        return f"{PULL}{self._system}" if at is None else f"{PULL}{self._system}@{at}"[:200]


class _TooSlow(Exception):
    """An answer takes too long."""


def _header(name: str, environment: Mapping[str, str], told: WrittenHeader) -> str:
    value = environment.get(told.environment)
    if not value:
        raise SourceRefused(f"the variable {told.environment} is not set", help=f"it holds the header {name}")
    return f"{told.prefix}{value}"


def _at(data: Any, path: str) -> tuple[bool, Any]:  # noqa: ANN401  any JSON
    """Return whether something stands at a path such as `data.list`, and what; `.` is the whole."""
    for part in path.split(".") if path != "." else ():
        if not isinstance(data, dict) or part not in data:
            return False, None
        data = data[part]
    return True, data


def _plain(data: Any) -> Any:  # noqa: ANN401  any JSON
    """Return JSON with numbers that aren't whole as text."""
    if isinstance(data, dict):
        return {name: _plain(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data.text if isinstance(data, Inexact) else data


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else 0.0
