"""What somebody sends becomes a struct, or a BadRequestData that names the member at fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from schemas.errors import BadRequestData

T = TypeVar("T")
_MOST = Decimal(10) ** 15
_PLACES = -6


def read(kind: type[T], document: object) -> T:
    """`document`: decoded JSON. Numbers are finite, below 10^15, with at most six decimals; texts have no NUL."""
    try:
        found = msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        field = path.rstrip("`").lstrip(".") or _named(text) or "body"
        raise BadRequestData(text, field=field) from None
    for field, value in _leaves(msgspec.to_builtins(found, builtin_types=(Decimal,)), ""):
        _check(field, value)
    return found


def dump(value: Any) -> Any:
    """JSON-able; decimals are strings, so that nothing of them is lost."""
    return msgspec.to_builtins(value)


def _named(text: str) -> str:
    found = re.search(r"(?:field|argument) `([^`]*)`", text)
    return found[1] if found else ""


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path or "body", name
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def _check(field: str, value: Any) -> None:
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise BadRequestData("Text with a NUL character or half a surrogate pair can't be stored.", field=field)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value) >= _MOST:
            raise BadRequestData("A number is finite and below 10^15.", field=field, value=str(value))
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < _PLACES:
            raise BadRequestData("A number has at most six decimals.", field=field, value=str(value)[:40])
