"""Files that the KPI commands read and write."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from broker.cli.session import Session
from schemas.errors import BadRequestData

_MOST = 4_000_000


class FileForm(StrEnum):
    JSON = "json"
    CSV = "csv"


def write_out(session: Session, made: bytes, out: Path | None) -> None:
    """To a file, or to standard output. BadRequestData if it can't be written."""
    if out is None:
        sys.stdout.buffer.write(made)
        sys.stdout.flush()
        return
    try:
        out.write_bytes(made)
    except OSError as error:
        raise BadRequestData(error.strerror or str(error), field="--out", value=str(out)) from None
    session.note("kpi.report.written", "green", file=str(out), bytes=f"{len(made):,}")


def read_json(name: str) -> Any:
    """The JSON of a file, - for standard input. BadRequestData says what is wrong with it."""
    try:
        data = sys.stdin.buffer.read(_MOST + 1) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadRequestData(f"{error.strerror or error}", field="--from", value=name) from None
    if len(data) > _MOST:
        raise BadRequestData("The file is too large.", field="--from", value=name)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequestData(f"This is no JSON: {error}", field="--from", value=name) from None
