"""NGSIv2's simple query language (`q` and `mq`), read and evaluated the way Orion on MongoDB does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import re2

Value = str | float | bool | None
Entity = dict[str, Any]
Test = Callable[[Entity], bool]

FORBIDDEN = frozenset("<>\"'=;()")
"""Orion refuses these in any field (protection against script injection)."""

_OPERATORS = ("==", "!=", ">=", "<=", "~=", ">", "<", ":")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?"
)
_MISSING = object()


class QueryError(ValueError):
    """The text is no query; the message is Orion's `description`."""


@dataclass(frozen=True, slots=True)
class _Statement:
    path: tuple[str, ...]
    op: str
    """Empty: the target exists. "!": it does not."""
    values: tuple[Value, ...] = ()
    upper: Value = None
    ranged: bool = False
    pattern: Any = None


def compile_query(text: str, *, metadata: bool = False) -> Test:
    """A test for stored entities. `metadata`: the second token of a path is a metadata name (`mq`)."""
    statements = [_statement(part, metadata) for part in text.split(";")]

    def test(entity: Entity) -> bool:
        return all(_holds(statement, _target(entity, statement.path, metadata)) for statement in statements)

    return test


def parse_instant(text: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 text; without a zone it is UTC, as Orion takes it. None if it is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        base = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        ).timestamp()
    except ValueError:
        return None
    if fraction:
        base += int(fraction[:6].ljust(6, "0")) / 1e6
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        base -= offset if zone[0] == "+" else -offset
    return base


def _statement(text: str, metadata: bool) -> _Statement:
    text = text.strip()
    if not text:
        raise QueryError("empty statement in a query expression")
    at, op = _find_operator(text)
    if not op:
        negated = text.startswith("!")
        return _Statement(_path(text[1:] if negated else text, metadata), "!" if negated else "")
    path = _path(text[:at], metadata)
    right = text[at + len(op) :]
    if op == ":":
        op = "=="
    if op == "~=":
        return _Statement(path, op, pattern=_pattern(right))
    if op in ("==", "!="):
        low, dots, high = _split_range(right)
        if dots:
            return _Statement(path, op, (_value(low),), _value(high), True)
        return _Statement(path, op, tuple(_value(part) for part in _split_list(right)))
    value = _value(right)
    if isinstance(value, bool) or value is None:
        raise QueryError(f"values of type {type(value).__name__} are not ordered")
    return _Statement(path, op, (value,))


def _find_operator(text: str) -> tuple[int, str]:
    quoted = False
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted and (at or char != "!"):
            for op in _OPERATORS:
                if text.startswith(op, at):
                    return at, op
    return -1, ""


def _path(text: str, metadata: bool) -> tuple[str, ...]:
    tokens = _split(text, ".")
    if any(not token or FORBIDDEN.intersection(token) for token in tokens):
        raise QueryError("invalid character or empty token in an attribute path")
    if metadata and len(tokens) < 2:
        raise QueryError("a metadata path has at least two tokens")
    return tuple(tokens)


def _split(text: str, separator: str) -> list[str]:
    """Parts between separators that stand outside single quotes; the quotes are taken off."""
    parts: list[str] = []
    current: list[str] = []
    quoted = False
    for char in text:
        if char == "'":
            quoted = not quoted
        elif char == separator and not quoted:
            parts.append("".join(current))
            current = []
            continue
        else:
            current.append(char)
    if quoted:
        raise QueryError("a single quote is not closed")
    parts.append("".join(current))
    return parts


def _split_list(text: str) -> list[str]:
    parts, start, quoted = [], 0, False
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def _split_range(text: str) -> tuple[str, bool, str]:
    outside = "'" not in text or (text.startswith("'") and "'..'" in text)
    low, dots, high = text.partition("..")
    return (low, True, high) if dots and outside else (text, False, "")


def _value(text: str) -> Value:
    if not text:
        raise QueryError("missing value in a query expression")
    if text[0] == "'":
        if len(text) < 2 or text[-1] != "'":
            raise QueryError("a single quote is not closed")
        text = text[1:-1]
        _refuse_forbidden(text)
        return text
    _refuse_forbidden(text)
    if text in ("true", "false"):
        return text == "true"
    if text == "null":
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    instant = parse_instant(text)
    return text if instant is None else instant


def _refuse_forbidden(text: str) -> None:
    if FORBIDDEN.intersection(text):
        raise QueryError("invalid characters in a query expression")


def _pattern(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error:
        raise QueryError("invalid regular expression") from None


def stored_value(attribute: dict[str, Any]) -> Any:
    """The value as the database has it: dates are numbers there."""
    value = attribute.get("value")
    if attribute.get("type") in ("DateTime", "ISO8601") and isinstance(value, str):
        instant = parse_instant(value)
        return value if instant is None else instant
    return value


def _target(entity: Entity, path: tuple[str, ...], metadata: bool) -> Any:
    holder = entity.get(path[0])
    rest = path[1:]
    if metadata and isinstance(holder, dict):
        holder = holder.get("metadata", {}).get(rest[0])
        rest = rest[1:]
    if not isinstance(holder, dict):
        return _MISSING
    value = stored_value(holder)
    for name in rest:
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _holds(statement: _Statement, target: Any) -> bool:
    if statement.op == "!":
        return target is _MISSING
    if target is _MISSING:
        return False
    if not statement.op:
        return True
    candidates: Iterable[Any] = target if isinstance(target, list) else (target,)
    if statement.op == "~=":
        return any(isinstance(c, str) and statement.pattern.search(c) is not None for c in candidates)
    if statement.op in ("==", "!="):
        if statement.ranged:
            found = any(
                _ordered(c, ">=", statement.values[0]) and _ordered(c, "<=", statement.upper) for c in candidates
            )
        else:
            found = any(_same(c, value) for c in candidates for value in statement.values)
        return found if statement.op == "==" else not found
    return any(_ordered(c, statement.op, statement.values[0]) for c in candidates)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(a: Any, b: Any) -> bool:
    return a == b if _is_number(a) and _is_number(b) else type(a) is type(b) and bool(a == b)


def _ordered(a: Any, op: str, b: Any) -> bool:
    if not (_is_number(a) and _is_number(b)) and not (isinstance(a, str) and isinstance(b, str)):
        return False
    match op:
        case ">":
            return bool(a > b)
        case ">=":
            return bool(a >= b)
        case "<":
            return bool(a < b)
        case _:
            return bool(a <= b)
