"""What the readers of subscriptions share: texts, names, flags, and how a fault is told. Pure."""

from __future__ import annotations

from typing import Final

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.names import encodable, is_name, printable

CLAUSE: Final = "5.2.12"
MAX_NAMES: Final = 1000
MAX_TEXT: Final = 8192


def names_of(name: str, value: object, context: Context) -> list[str]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_NAMES or not all(map(is_name, value)):
        raise bad(name, "an array of attribute names that is not empty", None)
    return list(dict.fromkeys(map(context.expand, value)))


def text_of(name: str, value: object, context: Context) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_TEXT or not encodable(value) or "\0" in value:
        raise bad(name, f"a text of 1 to {MAX_TEXT} characters", None)
    return value


def flag_of(name: str, value: object, context: Context) -> bool:
    if not isinstance(value, bool):
        raise bad(name, "it is true or false", value)
    return value


def bad(field: str, what: str, value: object, clause: str = CLAUSE) -> BadRequestData:
    shown = printable(value) if isinstance(value, str) else value
    return BadRequestData(f"{field}: {what}.", field=field, value=shown, clause=clause)
