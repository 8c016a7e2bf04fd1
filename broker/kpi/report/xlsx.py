"""A report as XLSX: real formulas for rates, points and sums, frozen heads, a print area that fits A4, charts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any
from unicodedata import east_asian_width

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from broker.kpi.report.sheets import KPI_COLUMNS, Cell, Sheet, heading, sheets
from broker.kpi.report.texts import words_of
from schemas.language import Words

_WIDTHS = {
    "text": 30, "unmet_reason": 26, "improvement": 26, "query": 34, "evidence": 30, "sign": 36, "project": 28,
    "digest": 24, "checkpoint": 24, "name": 18, "provider": 20, "service": 20, "basis": 16, "remark": 14, "period": 14,
    "id": 13, "kind": 14, "areas": 20,
}  # fmt: skip
"""In characters; what is not named has 9. So the widest table can be read on A4."""
_LINE = 12.5
_DENSER = 1.2
"""A width is in characters of 11 points; ours have 9."""
_FONT = "BIZ UDPゴシック"


def to_xlsx(document: Mapping[str, Any], language: str) -> bytes:
    words = words_of(language)
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    # the day of the figures, not of the writing: the same report is the same file
    created = datetime.fromisoformat(document["as_of"])
    book.set_properties({"created": created, "title": words("title." + document["kind"])})
    form = _Form(book, document, words)
    for sheet in sheets(document, words):
        form.add(sheet)
    book.close()
    return buffer.getvalue()


class _Form:
    def __init__(self, book: Any, document: Mapping[str, Any], words: Words) -> None:
        self._book = book
        self._document = document
        self._words = words
        base = {"font_name": _FONT, "font_size": 9, "valign": "top"}
        self._title = book.add_format({**base, "bold": True, "font_size": 14})
        self._plain = book.add_format(base)
        self._head = book.add_format(
            {**base, "bold": True, "text_wrap": True, "bg_color": "#DCE6F1", "border": 1, "valign": "vcenter"}
        )
        self._text = book.add_format({**base, "text_wrap": True, "border": 1})
        self._number = book.add_format({**base, "num_format": "#,##0.######", "border": 1})
        self._whole = book.add_format({**base, "num_format": "#,##0", "border": 1})
        self._sum = book.add_format({**base, "bold": True, "num_format": "#,##0.##", "border": 1, "top": 2})

    def add(self, sheet: Sheet) -> None:
        words = self._words
        page = self._book.add_worksheet(words(sheet.id))
        page.set_row(0, 22)
        page.write_string(0, 0, words("title." + self._document["kind"]) + " — " + words(sheet.id), self._title)
        row = 1
        for name, value in heading(self._document, words):
            page.write_string(row, 0, name, self._plain)
            page.write_string(row, 1, value, self._plain)
            row += 1
        if sheet.note:
            page.write_string(row, 0, sheet.note, self._plain)
            row += 1
        head = row + 1
        for column, text in enumerate(sheet.heads(words)):
            page.write_string(head, column, text, self._head)
            page.set_column(column, column, _width(sheet.columns[column]))
        page.set_row(head, _height(sheet, sheet.heads(words)))
        for n, cells in enumerate(sheet.rows):
            page.set_row(head + 1 + n, _height(sheet, cells))
            for column, cell in enumerate(cells):
                self._write(page, head + 1 + n, column, cell)
        last = head + len(sheet.rows)
        if sheet.id == "sheet.kpis":
            last = self._kpi_formulas(page, head, sheet)
        elif sheet.id == "sheet.quarters":
            self._quarter_formulas(page, head)
        elif sheet.id == "sheet.months" and sheet.rows:
            last = self._chart(page, head, sheet)
        elif sheet.id == "sheet.pairs" and sheet.rows:
            last = self._pair_sums(page, head, sheet)
        page.freeze_panes(head + 1, 2 if len(sheet.columns) > 6 else 1)
        page.set_paper(9)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(head)
        page.set_margins(0.4, 0.4, 0.6, 0.6)
        page.set_footer("&L&A&R&P / &N")
        page.print_area(0, 0, max(last, head), max(len(sheet.columns) - 1, 1))

    def _write(self, page: Any, row: int, column: int, cell: Cell) -> None:
        if cell is None:
            page.write_blank(row, column, None, self._text)
        elif isinstance(cell, str):
            page.write_string(row, column, cell, self._text)
        else:
            page.write_number(row, column, float(cell), self._whole if cell == int(cell) else self._number)

    def _kpi_formulas(self, page: Any, head: int, sheet: Sheet) -> int:
        """Rates and points in terms of the cells beside them, with the same values as the document's."""
        at = {name: n for n, name in enumerate(KPI_COLUMNS)}
        number = self._document["year"] - self._document["project"]["first_year"] + 1
        for n, kpi in enumerate(self._document["kpis"]):
            row = head + 1 + n

            def cell(name: str, row: int = row) -> str:
                return str(xl_rowcol_to_cell(row, at[name]))

            if number in (1, 2):
                target, actual = cell(f"target{number}"), cell(f"actual{number}")
                formula = rate_formula(target, actual, cell("baseline") if kpi["lower_is_better"] else None)
                page.write_formula(row, at["achievement"], formula, self._number, _shown(kpi["achievement"]))
            rate, weight, most = cell("achievement"), cell("weight"), cell("most")
            formula = f'=IF({rate}="",0,ROUND({weight}*MIN({rate},{most})/100,2))'
            page.write_formula(row, at["points"], formula, self._number, float(kpi["points"]))
        total = head + 1 + len(sheet.rows)
        page.write_string(total, at["name"], self._words("total"), self._sum)
        for name, key in (("weight", "full"), ("points", "points")):
            first, last = (xl_rowcol_to_cell(r, at[name]) for r in (head + 1, max(total - 1, head + 1)))
            value = float(self._document["score"][key])
            page.write_formula(total, at[name], f"=SUM({first}:{last})", self._sum, value)
        return total

    def _quarter_formulas(self, page: Any, head: int) -> None:
        row = head
        for kpi in self._document["kpis"]:
            for quarter in kpi["quarters"]:
                row += 1
                if kpi["lower_is_better"]:
                    continue
                target, actual = xl_rowcol_to_cell(row, 5), xl_rowcol_to_cell(row, 4)
                page.write_formula(
                    row, 6, rate_formula(target, actual, None), self._number, _shown(quarter["achievement"])
                )

    def _pair_sums(self, page: Any, head: int, sheet: Sheet) -> int:
        total = head + 1 + len(sheet.rows)
        page.write_string(total, 0, self._words("total"), self._sum)
        for column in range(1, len(sheet.columns)):
            first, last = (xl_rowcol_to_cell(r, column) for r in (head + 1, total - 1))
            value = sum(cell for cell in (row[column] for row in sheet.rows) if isinstance(cell, int))
            page.write_formula(total, column, f"=SUM({first}:{last})", self._sum, value)
        return total

    def _chart(self, page: Any, head: int, sheet: Sheet) -> int:
        """Below the table; the last row that they reach."""
        name = self._words(sheet.id)
        told = [(at, row) for at, row in enumerate(sheet.rows, head + 1) if any(cell is not None for cell in row[3:])]
        for n, (at, row) in enumerate(told):
            chart = self._book.add_chart({"type": "column"})
            chart.add_series(
                {
                    "name": str(row[1]),
                    "categories": [name, head, 3, head, len(sheet.columns) - 1],
                    "values": [name, at, 3, at, len(sheet.columns) - 1],
                }
            )
            chart.set_title({"name": str(row[1]), "name_font": {"size": 10, "bold": False}})
            chart.set_x_axis({"num_font": {"size": 7, "rotation": -45}})
            chart.set_y_axis({"min": 0, "num_font": {"size": 7}})
            chart.set_legend({"none": True})
            chart.set_size({"width": 335, "height": 220})
            page.insert_chart(head + 3 + len(sheet.rows) + (n // 3) * 12, (0, 4, 9)[n % 3], chart)
        return head + 3 + len(sheet.rows) + -(-len(told) // 3) * 12


def rate_formula(target: str, actual: str, baseline: str | None) -> str:
    """`schemas.kpi.achievement` as a spreadsheet computes it; empty where a number is missing."""
    if baseline is None:
        way, gone, met = target, actual, f"{actual}>={target}"
    else:
        way, gone, met = f"({baseline}-{target})", f"({baseline}-{actual})", f"{actual}<={target}"
    return f'=IF(OR({target}="",{actual}=""),"",IF({way}<=0,IF({met},100,0),MAX(0,ROUND({gone}*100/{way},1))))'


def _shown(value: Decimal | None) -> float | str:
    return "" if value is None else float(value)


def _width(column: str) -> int:
    return _WIDTHS.get(column, 9)


def _height(sheet: Sheet, cells: Sequence[Cell]) -> float:
    """Of a row, so that nothing of its texts is cut off: spreadsheets don't all find that out by themselves."""
    lines = [
        sum(ceil(_reach(line) / (_width(column) * _DENSER)) or 1 for line in cell.split("\n"))
        for column, cell in zip(sheet.columns, cells, strict=True)
        if isinstance(cell, str)
    ]
    return min(_LINE * max(lines, default=1) + 3, 400.0)


def _reach(text: str) -> int:
    """In characters of the width of a digit; Japanese ones take two."""
    return sum(2 if east_asian_width(character) in "WFA" else 1 for character in text)
