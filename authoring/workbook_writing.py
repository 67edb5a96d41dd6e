"""Writes the rows of a rulebook as an XLSX workbook. Everything is text or a whole number; nothing is a formula."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from authoring import workbook_sheets as sheets
from authoring.workbook_cells import LONGEST, shown
from authoring.workbook_rows import Row
from authoring.workbook_sheets import COMMENT, FIRST_ROW, Column, Sheet
from knowledge.problems import Problem, ShuoliError

_MORE_ROWS: Final = 500
"""Rows below the last one that have drop-downs too."""
_LONGEST_LIST: Final = 250
_INTRODUCTION: Final = (
    "本工作簿是一整个规则包,每张表是它的一个方面。改好后用 shuoli rulebook import 文件.xlsx 目录 变回规则包。",
    "This workbook is a whole rulebook; each sheet is one aspect of it.",
    "Once it is edited, shuoli rulebook import FILE.xlsx DIR makes it a rulebook again.",
    "",
    "第1行是说明,第2行是键,请勿改动;从第3行起每行一条。要加一条就加一行,要删一条就删整行。行的次序有意义。",
    "Row 1 explains, row 2 holds keys (leave both); from row 3 on each row is one entry.",
    "Add or delete whole rows; their order counts.",
    "标识(规则、标准、类型……)把各表联系起来:例如 conditions 表的 rule 列写 rules 表的 id。",
    "Ids tie the sheets together: the column rule of conditions, for one, names an id of the sheet rules.",
    "浅黄色的列按规则语言书写(见规则包指南):每行一项,如 amount: {at_least: 1000};文字有歧义时加双引号。",
    "Columns in pale yellow are written in the language of rules (see the guide), one entry a line,",
    "such as amount: {at_least: 1000}; ambiguous text stands in double quotes.",
    "单元格不接受公式;以 = + - @ 开头的文字就是文字。批注会保留:批注和 comment 列在文件中都是 # 注释。",
    "Cells take no formulas; text that begins with = + - @ is just text.",
    "Comments are kept: those on cells, and those in the column comment, are # comments in the files.",
    "导入时检查整个规则包;有问题时逐条指出工作表和单元格,不写任何文件。",
    "An import checks the whole rulebook; whatever is wrong is told with sheet and cell, and no file is written.",
)


class CellTooLong(ShuoliError):
    """A value has more characters than a cell of a spreadsheet holds."""

    code = "workbook.cell_too_long"


def write_workbook(rows: Mapping[str, Sequence[Row]], titles: Sequence[str]) -> bytes:
    """Return the workbook; `titles` head its first sheet. The same rows always give the same bytes.

    Raises:
        CellTooLong: a value doesn't fit into a cell.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"title": titles[0], "created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    writer = _Writer(book)
    writer.introduce(titles, rows)
    for sheet in sheets.SHEETS:
        writer.sheet(sheet, rows.get(sheet.name, ()))
    book.close()
    return out.getvalue()


class _Writer:
    def __init__(self, book: Any) -> None:
        self._book = book
        top = {"text_wrap": True, "valign": "top", "num_format": "@"}
        self._plain, self._number = book.add_format(top), book.add_format({"valign": "top", "num_format": "0"})
        self._yaml = book.add_format({**top, "bg_color": "#FFFBE6", "font_name": "Consolas", "font_size": 10})
        self._comment = book.add_format({**top, "italic": True, "font_color": "#5B6770"})
        self._head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E3EFE6", "bottom": 1}
        )
        self._key = book.add_format({"font_color": "#7A7A7A", "font_size": 9, "bottom": 1})
        self._title = book.add_format({"bold": True, "font_size": 15})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})

    def introduce(self, titles: Sequence[str], rows: Mapping[str, Sequence[Row]]) -> None:
        """Write the first sheet."""
        page = self._book.add_worksheet(sheets.README)
        page.hide_gridlines(2)
        page.set_column(0, 0, 18)
        page.set_column(1, 1, 110)
        page.write_string(0, 0, titles[0], self._title)
        place = 1
        for line in titles[1:]:
            page.write_string(place, 1, line, self._wrapped)
            place += 1
        for line in ("", *_INTRODUCTION, ""):
            page.write_string(place, 1, line, self._wrapped)
            place += 1
        for sheet in sheets.SHEETS:
            count = len(rows.get(sheet.name, ()))
            page.write_url(place, 0, f"internal:'{sheet.name}'!A1", string=sheet.name)
            page.write_string(place, 1, f"{sheet.about}({count} 行 · rows)", self._wrapped)
            place += 1

    def sheet(self, sheet: Sheet, rows: Sequence[Row]) -> None:
        """Write one sheet with its drop-downs."""
        page = self._book.add_worksheet(sheet.name)
        page.freeze_panes(FIRST_ROW - 1, 2 if len(sheet.columns) > 4 else 1)
        page.set_comments_author("shuoli")
        for place, column in enumerate(sheet.columns):
            page.set_column(place, place, column.width, self._format(column))
            page.write_string(0, place, column.words, self._head)
            page.write_string(1, place, column.key, self._key)
        page.set_row(0, 45)
        last = FIRST_ROW - 1 + len(rows)
        for number, row in enumerate(rows, FIRST_ROW - 1):
            for place, column in enumerate(sheet.columns):
                self._cell(page, (number, place), column, row, sheet)
        for place, column in enumerate(sheet.columns):
            self._drop_down(page, place, column, last + _MORE_ROWS)
        page.autofilter(1, 0, max(last - 1, 1), len(sheet.columns) - 1)
        page.ignore_errors({"number_stored_as_text": f"A1:{xl_col_to_name(len(sheet.columns) - 1)}{last + 1}"})

    def _format(self, column: Column) -> Any:
        if column.key == COMMENT:
            return self._comment
        kinds = {"number": self._number, "yaml": self._yaml, "lines": self._yaml, "facts": self._yaml}
        return kinds.get(column.kind, self._plain)

    def _cell(self, page: Any, at: tuple[int, int], column: Column, row: Row, sheet: Sheet) -> None:
        if column.key in row.notes:
            page.write_comment(*at, row.notes[column.key], {"x_scale": 2})
        if column.key not in row.cells:
            return
        kind = column.kind
        if sheet is sheets.HEAD and column.key == "value":
            kind = sheets.HEAD_KINDS.get(str(row.cells["key"]), "lines")
        value = shown(kind, row.cells[column.key])
        if isinstance(value, int):
            page.write_number(*at, value, self._number)
        elif len(value) > LONGEST:
            place = f"{sheet.name}!{xl_col_to_name(at[1])}{at[0] + 1}"
            message = f"{len(value)} characters don't fit into a cell, which holds {LONGEST}"
            problem = Problem(place, CellTooLong.code, message, help="split what stands there into several entries")
            raise CellTooLong(problem.as_text(), problems=(problem,))
        else:
            page.write_string(*at, value, self._format(column))

    def _drop_down(self, page: Any, place: int, column: Column, last: int) -> None:
        if not column.of:
            return
        if isinstance(column.of, tuple):
            source: Any = list(column.of)
        else:
            name, _, key = column.of.partition(":")
            keys = [one.key for sheet in sheets.SHEETS if sheet.name == name for one in sheet.columns]
            letter = xl_col_to_name(keys.index(key))
            source = f"='{name}'!${letter}${FIRST_ROW}:${letter}$5000"
        warn = "stop" if isinstance(column.of, tuple) else "warning"
        rule = {"validate": "list", "source": source, "error_type": warn, "input_title": column.key[:32]}
        page.data_validation(FIRST_ROW - 1, place, last, place, {**rule, "input_message": column.words[:_LONGEST_LIST]})
