"""Files through a mapping: what can be read is taken, and each refusal names row, column, what stood there and why."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import xlsxwriter

from casework.decisions import Decisions
from casework.files import Tally, ingest_file
from casework.intake import Intake
from casework.quarantine import came, replay
from casework.sheets import FileRefused, read_file
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.mapping import load_mapping
from store.ledger import Store
from store.quarantine import quarantined

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
DAY = date(2026, 6, 1).toordinal()
MAPPING = """\
format: csv
producer: 主体
type: test
source: {system: lab, ref: 编号}
recorded_at: {column: 录入, format: "%Y-%m-%d %H:%M"}
fields:
  number: 编号
  result: {column: 结论, values: {合格: pass, 不合格: fail}}
  residue: {column: 残留, blank: ["-"]}
  count: 次数
  taken_on: {column: 日期, format: ["%Y/%m/%d", "%Y年%m月%d日"]}
"""
HEADER = "主体,编号,结论,残留,次数,日期,录入"
ROWS = [
    "A,T1,合格,-,,2026/3/5,2026-03-09 10:30",
    'A,T2,不合格,0.080,3,2026年3月5日,"2026-03-09 10:30"',
    "B,T3, 合格 ,,0,2026/03/05,",
]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def intake(store: Store, workers: Workers) -> Intake:
    with store.write() as transaction:
        for name in "AB":
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
    return Intake(Decisions(ORCHARD, store, workers), store, as_of=DAY)


Take = Callable[..., Tally]


@pytest.fixture
def take(intake: Intake, tmp_path: Path) -> Take:
    def taken(content: bytes | Path, mapping: str = MAPPING) -> Tally:
        path = content if isinstance(content, Path) else tmp_path / "f.csv"
        if isinstance(content, bytes):
            path.write_bytes(content)
        (tmp_path / "m.yaml").write_text(mapping, "utf-8")
        bound = load_mapping(tmp_path / "m.yaml", ORCHARD)
        tally = Tally()
        ingest_file(path, read_file(path, bound), bound, intake, tally, lambda _: None)
        return tally

    return taken


def csv(*rows: str, encoding: str = "utf-8") -> bytes:
    return "\r\n".join([HEADER, *(rows or ROWS), ""]).encode(encoding)


def facts(store: Store, name: str) -> list[dict[str, Any]]:
    with store.read() as transaction:
        return [msgspec.json.decode(one) for one in transaction.facts(name)]


def refusals(tally: Tally) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.pointer, one.code, one.given, one.expected) for _, errors in tally.refused for one in errors]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_is_taken_whatever_its_encoding(take: Take, store: Store, encoding: str) -> None:
    tally = take(csv(encoding=encoding))

    assert tally.counts == {"stored": 3}
    assert facts(store, "A")[0] == {
        "type": "test",
        "fields": {"number": "T1", "result": "pass", "taken_on": "2026-03-05"},
        "status": "effective",
        "source": {"system": "lab", "ref": "T1"},
        "recorded_at": "2026-03-09T02:30:00.000000Z",
    }
    assert facts(store, "A")[1]["fields"]["residue"] == "0.08"
    assert facts(store, "B")[0]["fields"] == {
        "number": "T3",
        "result": "pass",
        "count": 0,
        "taken_on": "2026-03-05",
    }


def test_the_same_file_again_changes_nothing(take: Take, store: Store) -> None:
    content = csv(*ROWS, "A,T4,也许,,,2026/3/5,", "C,T1,合格,,,2026/3/5,")

    first, second = take(content), take(content)

    with store.read() as transaction:
        kept = quarantined(transaction)
    assert (first.counts, second.counts) == ({"stored": 3, "refused": 2}, {"duplicate": 3, "refused": 2})
    assert [(one.refused.origin, one.refused.line) for one in kept] == [("file:f.csv", 5), ("file:f.csv", 6)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,T1,也许,,,2026/3/5,", ("f.csv:2:结论", "value.unknown_choice", "也许", "one of 合格, 不合格")),
        ("A,T1,合格,,,2026/2/30,", ("f.csv:2:日期", "type.mismatch", "2026/2/30", "%Y/%m/%d or %Y年%m月%d日")),
        ("A,T1,合格,,,,", ("f.csv:2:日期", "shape.missing_key", None, "date")),
        ("A,T1,合格,0.081,,2026/3/5,", ("f.csv:2:残留", "value.too_precise", "0.081", "at most 2 places")),
        ("A,T1,合格,,三,2026/3/5,", ("f.csv:2:次数", "type.mismatch", "三", "a whole number")),
        ("A,T1,合格,,101,2026/3/5,", ("f.csv:2:次数", "value.out_of_bounds", "101", "from 0 to 100")),
        ("A,T1,合格,,,2026/7/1,", ("f.csv:2:日期", "fact.future", "2026/7/1", "no later than 2026-06-01")),
        ("Z,T1,合格,,,2026/3/5,", ("f.csv:2:主体", "producer.missing", "Z", None)),
        (",T1,合格,,,2026/3/5,", ("f.csv:2:主体", "shape.missing_key", None, None)),
        ("A,T1,合格", ("f.csv:2", "file.width", "3", "7 cells")),
        ("A,T1,合格,,,2026/3/5,,,x", ("f.csv:2", "file.width", "9", "7 cells")),
    ],
)
def test_a_refused_row_names_row_column_what_stood_there_and_what_is_expected(
    take: Take, row: str, said: tuple[str, ...]
) -> None:
    tally = take(csv(row, "A,T9,合格,,,2026/3/5,"))

    assert tally.counts == {"stored": 1, "refused": 1}
    assert said in refusals(tally)


def test_bytes_that_cannot_be_decoded_cost_their_row_where_the_encoding_is_declared(take: Take, store: Store) -> None:
    rows = csv(*ROWS).replace(b"T2", b"T\xff2")

    tally = take(rows, MAPPING + "encoding: utf-8\n")

    with store.read() as transaction:
        kept = quarantined(transaction)
    assert tally.counts == {"stored": 2, "refused": 1}
    assert refusals(tally) == [("f.csv:3:编号", "file.encoding", "T\\xff2", "utf-8")]
    assert came(kept[0])[0]["编号"] == "T\\xff2"


def test_bytes_that_cannot_be_decoded_refuse_the_file_where_the_encoding_is_to_be_told(take: Take) -> None:
    with pytest.raises(FileRefused) as refused:
        take(csv(*ROWS).replace(b"T2", b"T\xff2"))

    assert [(one.place, one.code) for one in refused.value.problems] == [("f.csv:3", "file.encoding")]


def test_a_row_with_a_line_break_keeps_the_numbers_of_rows_right(take: Take) -> None:
    tally = take(csv('A,"T\n1",合格,,,2026/3/5,', "A,T2,也许,,,2026/3/5,"))

    assert {place for place, *_ in refusals(tally)} == {"f.csv:2:编号", "f.csv:4:结论"}


def test_a_quotation_mark_that_is_not_closed_ends_the_file(take: Take) -> None:
    with pytest.raises(FileRefused, match=r"f\.csv:3"):
        take(csv(ROWS[0], 'A,"T2,合格'))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace("结论", "结果"), "there is no column `结论`"),
        (HEADER + ",结论", "column `结论` stands there twice"),
    ],
)
def test_a_file_without_a_column_of_the_mapping_is_refused(take: Take, header: str, said: str) -> None:
    with pytest.raises(FileRefused) as refused:
        take(csv().replace(HEADER.encode(), header.encode()))

    assert said in [one.message for one in refused.value.problems]


def test_a_row_is_replayed_as_it_came_once_its_producer_is_known(take: Take, intake: Intake, store: Store) -> None:
    tally = take(csv("C,T1,合格,,,2026/3/5,"))
    with store.write() as transaction:
        transaction.put_producer("C", b'{"id":"C","kind":"farm","region":""}')

    result = replay(intake, store, int(str(tally.refused[0][0])), "zhang")

    assert (result.result, len(facts(store, "C"))) == ("stored", 1)


XLSX = MAPPING.replace("format: csv", "format: xlsx")


def workbook(path: Path, *rows: list[Any], header: int = 0, sheet: str = "数据") -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        page = book.add_worksheet(sheet)
        page.write_row(header, 0, HEADER.split(","))
        for number, row in enumerate(rows, header + 1):
            for place, cell in enumerate(row):
                if isinstance(cell, tuple):
                    page.write_formula(number, place, cell[0], None, cell[1])
                elif isinstance(cell, date):
                    page.write_datetime(number, place, cell)
                else:
                    page.write(number, place, cell)
    return path


def test_a_workbook_is_read_by_the_values_of_its_cells(take: Take, store: Store, tmp_path: Path) -> None:
    book = workbook(
        tmp_path / "f.xlsx",
        ["A", 1001, "合格", 0.1 + 0.2, 3, date(2026, 3, 5), datetime(2026, 3, 9, 10, 30)],  # noqa: DTZ001  as people write them
        [],
        ["B", "T2", ('=IF(1,"合格","")', "合格"), ("=0.04*2", 0.08), ("=1+1", 2), "2026年3月6日", ""],
    )

    tally = take(book, XLSX)

    assert tally.counts == {"stored": 2}
    assert facts(store, "A")[0]["fields"] == {
        "number": "1001",
        "result": "pass",
        "residue": "0.30",
        "count": 3,
        "taken_on": "2026-03-05",
    }
    assert facts(store, "A")[0]["recorded_at"] == "2026-03-09T02:30:00.000000Z"
    assert facts(store, "B")[0]["fields"]["residue"] == "0.08"


def test_a_workbook_has_its_sheet_and_header_where_the_mapping_says(take: Take, tmp_path: Path) -> None:
    book = workbook(tmp_path / "f.xlsx", ["A", "T1", "也许", "", "", "2026/3/5", ""], header=2)

    tally = take(book, XLSX + "header: 3\nsheet: 数据\n")

    assert [place for place, *_ in refusals(tally)] == ["f.xlsx:4:结论"]
    with pytest.raises(FileRefused, match="there is no sheet"):
        take(book, XLSX + "sheet: 另一个\n")


def test_a_formula_that_came_to_an_error_is_not_taken_for_a_blank(take: Take, tmp_path: Path) -> None:
    book = workbook(tmp_path / "f.xlsx", ["A", "T1", "合格", ("=1/0", "#DIV/0!"), "", "2026/3/5", ""])

    assert [(place, code) for place, code, *_ in refusals(take(book, XLSX))] == [("f.xlsx:2:残留", "file.formula")]


def test_a_workbook_that_reaches_too_far_is_refused_before_it_is_laid_out(take: Take, tmp_path: Path) -> None:
    far = tmp_path / "far.xlsx"
    with xlsxwriter.Workbook(far) as book:
        page = book.add_worksheet()
        page.write(0, 0, "主体")
        page.write(1_048_575, 16_383, "x")

    with pytest.raises(FileRefused, match="reaches to row 1048576"):
        take(far, XLSX)


def test_a_workbook_that_unpacks_to_too_much_is_refused(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b" " * 60_000_001)

    with pytest.raises(FileRefused, match="unpacks to more"):
        take(path, XLSX)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"a,b,c\n", b"x" * 5_000_001])
def test_what_is_no_workbook_is_refused(take: Take, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)

    with pytest.raises(FileRefused):
        take(path, XLSX)


def test_a_file_that_is_not_there_is_said_so(take: Take, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="No such file"):
        take(tmp_path / "none.csv")
