"""Refused lines: looked at, corrected and tried again, or dismissed. Whatever is done is added, nothing is removed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from casework.intake import Intake, Line, LineResult
from engine.jsontext import parse
from knowledge.problems import CaseRefused, JsonRefused, Problem, ShuoliError
from store.ledger import Store, Transaction
from store.quarantine import OPEN, Quarantined, act_on, quarantined_line

FILE, PULL = "file:", "pull:"
_WRAPPED: Final = (FILE, PULL)
"""How origins begin whose lines are kept as `wrapped` makes them."""
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class LineMissing(ShuoliError):
    """The quarantine has no line with this id."""

    code = "quarantine.missing"


class LineSettled(ShuoliError):
    """Something was done about the line already."""

    code = "quarantine.settled"


class LineUnreadable(ShuoliError):
    """The line tells no report, so that it can't be tried as it is."""

    code = "quarantine.unreadable"


class LineRefused(ShuoliError):
    """The line is refused again."""

    code = "quarantine.refused"


def wrapped(row: Any, report: Any) -> bytes:  # noqa: ANN401  any JSON
    """Return a row of a file or an item of a source as it is kept, beside the report that a mapping made of it."""
    return _canonical({"row": row, "report": report})


def came(line: Quarantined) -> tuple[Any, Any]:
    r"""Return a line as it came (a text, or the row by column), and the report that it tells, None where it tells none.

    Bytes that are no UTF-8 are shown as `\xNN`.
    """
    document = line.refused.document
    if line.refused.origin.startswith(_WRAPPED):
        kept = msgspec.json.decode(document)
        return kept["row"], kept["report"]
    try:
        report = parse(document)
    except JsonRefused:
        report = None
    return document.decode("utf-8", "backslashreplace"), report


def replay(intake: Intake, store: Store, line_id: int, actor: str, corrected: bytes = b"") -> LineResult:
    """Take a refused line in after all, corrected where a line is given and as it is otherwise; say what became of it.

    Raises:
        LineMissing: there is none with this id.
        LineSettled: it was replayed or dismissed before.
        LineUnreadable: it tells no report, and no corrected line is given.
        JsonRefused: the corrected line isn't JSON.
        LineRefused: it is refused again; nothing is entered.
    """
    report = parse(corrected) if corrected.strip() else None
    with store.write() as transaction:
        kept = _open_line(transaction, line_id)
        if report is None:
            report = came(kept)[1]
        if report is None:
            raise LineUnreadable("the line can't be tried as it came", help="send the corrected line as the body")
        result = intake.enter_one(transaction, Line(kept.refused.line, kept.refused.document, report))
        if result.result == "refused":
            problems = tuple(
                Problem(one.pointer, one.code, one.message, one.given, one.expected, one.help) for one in result.errors
            )
            raise LineRefused("the line is refused again", problems=problems)
        act_on(transaction, line_id, "replayed", actor, corrected.strip() or _canonical(report))
    return result


def dismiss(store: Store, line_id: int, actor: str, body: bytes) -> None:
    """Enter that nothing is to be done about a refused line, for the reason that `{"reason": …}` gives.

    Raises:
        LineMissing, LineSettled: as `replay`.
        JsonRefused, CaseRefused: the body gives no reason.
    """
    told = parse(body)
    reason = told.get("reason") if isinstance(told, dict) and set(told) == {"reason"} else None
    if not isinstance(reason, str) or not 1 <= len(reason.strip()) <= 2000 or not reason.isprintable():
        expected = "a text of 1 to 2000 characters"
        problem = Problem("/reason", "shape.value", "`reason` says why nothing is to be done", None, expected)
        raise CaseRefused("the reason is missing", problems=(problem,))
    with store.write() as transaction:
        _open_line(transaction, line_id)
        act_on(transaction, line_id, "dismissed", actor, _canonical({"reason": reason.strip()}))


def _open_line(transaction: Transaction, line_id: int) -> Quarantined:
    kept = quarantined_line(transaction, line_id)
    if kept is None:
        raise LineMissing(f"no refused line {line_id}")
    if kept.state != OPEN:
        raise LineSettled(f"line {line_id} was {kept.state} by {kept.acts[-1].actor} at {kept.acts[-1].entered_at}")
    return kept
