"""Files that the KPI commands read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadRequestData

_MOST = 4_000_000


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
