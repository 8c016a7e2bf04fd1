"""CSV as municipalities publish it: comma, tab or semicolon, title rows above the header, quoted line breaks."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import islice

from adapters.geojson.known import is_known
from adapters.geojson.reading.table import Record, Table
from schemas.errors import BadUpstream, SourceTooLarge

_DELIMITERS = (",", "\t", ";")
_WORDS = {",": "comma", "\t": "tab", ";": "semicolon"}
_HEADER_SEARCH = 30
_SAMPLE_CHARACTERS = 64 * 1024
MAX_COLUMNS = 2000


def read_csv(
    text: str, *, wanted: Collection[str] = (), header_row: int | None = None, guess: bool = False, max_rows: int
) -> Table:
    """The records below the header row.

    `wanted`: columns that the mapping names; the header is the row that has most of them (or, without a mapping, most
    of the customary names). `header_row`: its number if told, from 1. `guess`: nobody said that this is a CSV, so a
    text without any such name is none. BadUpstream if there is no header or the quotes don't match; SourceTooLarge
    beyond `max_rows`.
    """
    delimiter = sniff(text)
    top = list(islice(_rows(text[:_SAMPLE_CHARACTERS], delimiter, lenient=True), _HEADER_SEARCH))
    number = header_row or find_header(top, wanted)
    if number is None:
        if guess and not wanted:
            raise BadUpstream(
                "what came is no JSON, and no row of it has customary column names such as 名称, 緯度 or latitude; if "
                "it is a CSV, options.format and options.header_row can say so",
                field="options.header_row",
            )
        number = _fullest(top)
    rows = enumerate(_rows(text, delimiter), start=1)
    header = next((cells for n, cells in rows if n == number), None)
    if header is None or not any(c.strip() for c in header):
        raise BadUpstream(f"row {number} is no header row: it is empty or not there", field="options.header_row")
    if len(header) > MAX_COLUMNS:
        raise SourceTooLarge(f"the header row has {len(header)} columns, more than {MAX_COLUMNS}")
    names = column_names(header)
    records: list[Record] = []
    long_rows = 0
    for n, cells in rows:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if len(records) >= max_rows:
            raise SourceTooLarge(f"the file has more than {max_rows} rows (options.max_rows)", field="options.max_rows")
        long_rows += len(values) > len(names) and any(values[len(names) :])
        records.append(Record({name: v for name, v in zip(names, values, strict=False) if name}, n))
    notes = (f"{long_rows} row(s) have more cells than the header; the rest was left out.",) if long_rows else ()
    columns = tuple(name for name in names if name)
    return Table("csv", records, columns, number, notes, {"delimiter": _WORDS[delimiter]})


def sniff(text: str) -> str:
    """The delimiter that gives the most cells in the most rows of the beginning."""

    def score(delimiter: str) -> tuple[int, int]:
        rows = islice(_rows(text[:_SAMPLE_CHARACTERS], delimiter, lenient=True), 50)
        counts = Counter(len(cells) for cells in rows if len(cells) > 1)
        if not counts:
            return 0, 0
        width, times = max(counts.items(), key=lambda item: (item[1], item[0]))
        return times * width, width

    return max(_DELIMITERS, key=score)


def find_header(rows: list[list[str]], wanted: Collection[str]) -> int | None:
    """The number (from 1) of the first row with the most wanted or customary names; None if no row has any."""
    tests: tuple[Callable[[str], bool], ...] = (lambda c: c in wanted), is_known
    for test in tests:
        hits = [sum(1 for cell in cells if test(cell.strip())) for cells in rows]
        if any(hits):
            return hits.index(max(hits)) + 1
    return None


def _fullest(rows: list[list[str]]) -> int:
    widths = [sum(1 for cell in cells if cell.strip()) for cells in rows]
    widest = max(widths, default=0)
    return widths.index(widest) + 1 if widest else 1


def column_names(header: list[str]) -> list[str]:
    """Trimmed; the second 名称 is 名称_2; a column without a name stays without one and is left out."""
    names: list[str] = []
    seen: set[str] = set()
    for cell in header:
        base = name = cell.strip()
        n = 2
        while name and name in seen:
            name = f"{base}_{n}"
            n += 1
        seen.add(name)
        names.append(name)
    return names


def _rows(text: str, delimiter: str, *, lenient: bool = False) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as e:
        if not lenient:
            raise BadUpstream(f"the CSV can't be read beyond line {reader.line_num}: {e}") from None
