"""The one way in: bytes of a file to a `Table`, with the format found or as told."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from adapters.geojson.reading.csv_text import read_csv
from adapters.geojson.reading.decoding import decode
from adapters.geojson.reading.json_text import read_json
from adapters.geojson.reading.table import Table
from schemas.errors import BadUpstream

_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """As the registration has them; None and "auto" are found out."""

    format: str = "auto"
    encoding: str | None = None
    header_row: int | None = None
    records: str | None = None
    max_rows: int = 200_000


def read(data: bytes, options: ReadingOptions, wanted: Collection[str] = ()) -> tuple[Table, str]:
    """The records and the encoding in words. BadUpstream and SourceTooLarge say in plain words what came instead."""
    text, encoding = decode(data, options.encoding)
    start = text[:2000].lstrip("\ufeff\x1e \t\r\n")
    if not start:
        raise BadUpstream("the file is empty")
    if start.startswith("<"):
        raise BadUpstream(_markup(start))
    kind = options.format
    if kind == "auto":
        kind = "json" if start[0] in "{[" else "csv"
        table = (
            read_json(text, path=options.records, max_rows=options.max_rows)
            if kind == "json"
            else _csv(text, options, wanted, guess=True)
        )
    elif kind == "csv":
        table = _csv(text, options, wanted, guess=False)
    else:
        table = read_json(text, wanted_format=kind, path=options.records, max_rows=options.max_rows)
    return table, encoding


def _csv(text: str, options: ReadingOptions, wanted: Collection[str], *, guess: bool) -> Table:
    told = options.header_row
    table = read_csv(text, wanted=wanted, header_row=told, guess=guess and told is None, max_rows=options.max_rows)
    if len(table.columns) < 2:
        raise BadUpstream("what came is neither JSON nor a CSV with several columns", field="endpoint")
    return table


def _markup(start: str) -> str:
    title = _TITLE.search(start)
    if "<html" in start.lower() or start.lower().startswith("<!doctype html") or title:
        return "an HTML page came instead of data" + (f" (“{title.group(1).strip()}”)" if title else "")
    return "XML came instead of GeoJSON, JSON or CSV"
