"""The first rows of a file: CSV, JSON, GeoJSON and XLSX, in whatever encoding. Pure; slow for large files."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from itertools import islice
from typing import Any

import charset_normalizer

from adapters.geojson.reading.csv_text import column_names, find_header, sniff
from adapters.geojson.reading.decoding import decode
from adapters.geojson.reading.json_text import read_json
from catalog.spreadsheet import first_sheet
from schemas.errors import BadUpstream, SourceUnsupported

_MOST_COLUMNS = 200
_MOST_CELL = 500
_HEADER_SEARCH = 30


@dataclass(frozen=True, slots=True)
class Preview:
    """`rows` are lists of text in the order of `columns`; `more`: the file goes on beyond what is shown."""

    format: str
    encoding: str
    columns: list[str]
    rows: list[list[str]]
    more: bool
    header_row: int | None = None


def preview(data: bytes, *, whole: bool, rows: int) -> Preview:
    """`whole`: `data` is all of the file. BadUpstream says what can't be read, SourceUnsupported what is not shown."""
    if not data:
        raise BadUpstream("the file is empty")
    if data.startswith(b"PK\x03\x04"):
        if not whole:
            raise SourceUnsupported("the file is too large to be shown")
        return _spreadsheet(data, rows)
    if data.startswith((b"%PDF", b"\x89PNG", b"\xff\xd8", b"\xd0\xcf\x11\xe0", b"GIF8", b"\x1f\x8b")):
        raise SourceUnsupported("files of this format are not shown")
    text, encoding = _decoded(data if whole else _cut(data))
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    start = text[:500].lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        raise SourceUnsupported("HTML and XML are not shown")
    if start[:1] in ("{", "["):
        if not whole:
            raise SourceUnsupported("the file is too large to be shown")
        return _json(text, encoding, rows)
    return _csv(text, encoding, rows, whole)


def _cut(data: bytes) -> bytes:
    """Without the broken end: to the last line break, which is no part of another character in any of the encodings
    but UTF-16, where it is to the last whole pair of bytes."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data[: len(data) & ~1]
    end = data.rfind(b"\n") + 1
    return data[:end] if end else data


def _decoded(data: bytes) -> tuple[str, str]:
    try:
        return decode(data)
    except BadUpstream:
        # the usual ones of Japan don't fit; among the others a guess is better than nothing, as nothing is kept of it
        found = charset_normalizer.from_bytes(data[:200_000]).best()
        if found is None:
            raise
        return data.decode(found.encoding, "replace"), f"{found.encoding} (guessed)"


def _csv(text: str, encoding: str, rows: int, whole: bool) -> Preview:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sniff(text))
    try:
        lines = list(islice(reader, _HEADER_SEARCH + rows + 1))
    except csv.Error as e:
        raise BadUpstream(f"the CSV can't be read: {e}") from None
    top = [[cell.strip() for cell in line] for line in lines]
    number = find_header(top[:_HEADER_SEARCH], ()) or _fullest(top[:_HEADER_SEARCH])
    columns = column_names(top[number - 1])[:_MOST_COLUMNS]
    filled = [line for line in top[number:] if any(line)]
    shown = [_padded(line, len(columns)) for line in filled[:rows]]
    more = len(filled) > rows or not whole or next(reader, None) is not None
    return Preview("CSV", encoding, columns, shown, more, number)


def _json(text: str, encoding: str, rows: int) -> Preview:
    table = read_json(text, max_rows=10_000_000)
    columns = list(table.columns)[:_MOST_COLUMNS]
    shown = [[_cell(record.values.get(name)) for name in columns] for record in table.records[:rows]]
    return Preview(table.format.upper(), encoding, columns, shown, len(table.records) > rows)


def _spreadsheet(data: bytes, rows: int) -> Preview:
    sheet = first_sheet(data, _HEADER_SEARCH + rows + 1)
    if not sheet:
        raise BadUpstream("the first sheet is empty")
    number = find_header(sheet[:_HEADER_SEARCH], ()) or _fullest(sheet[:_HEADER_SEARCH])
    columns = column_names(sheet[number - 1])[:_MOST_COLUMNS]
    filled = [line for line in sheet[number:] if any(line)]
    shown = [_padded(line, len(columns)) for line in filled[:rows]]
    return Preview("XLSX", "UTF-8", columns, shown, len(filled) > rows, number)


def _fullest(lines: list[list[str]]) -> int:
    widths = [sum(1 for cell in line if cell) for line in lines]
    return widths.index(max(widths)) + 1


def _padded(line: list[str], width: int) -> list[str]:
    return [cell[:_MOST_CELL] for cell in line[:width]] + [""] * (width - len(line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)[:_MOST_CELL]
