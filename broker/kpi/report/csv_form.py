"""A report as CSV: UTF-8 with a byte order mark, as spreadsheets in Japan expect it; one table after another. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from broker.kpi.report.sheets import Cell, heading, sheets
from broker.kpi.report.texts import words_of

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(document: Mapping[str, Any], language: str) -> bytes:
    words = words_of(language)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([words("title." + document["kind"])])
    writer.writerows([safe(name), safe(value)] for name, value in heading(document, words))
    for sheet in sheets(document, words):
        writer.writerow([])
        writer.writerow([words(sheet.id)])
        if sheet.note:
            writer.writerow([sheet.note])
        writer.writerow([safe(head) for head in sheet.heads(words)])
        writer.writerows([safe(cell) for cell in row] for row in sheet.rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def safe(cell: Cell) -> str:
    """Text from outside that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return "'" + cell if cell.startswith(_FORMULA) else cell
    return f"{cell:f}" if not isinstance(cell, int) else str(cell)
