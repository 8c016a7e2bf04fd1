"""Whether target values fulfil one comparison. Values of different kinds are unequal and have no order."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeAlias

from schemas.ngsi_ld.instants import read_date, read_datetime, read_time
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.q.ast import Literal, Operand, Operator, Range, Regex, Values


@dataclass(slots=True)
class Target:
    """What a path leads to in one instance: one value, or those of all languages of a LanguageProperty."""

    values: tuple[Any, ...]
    relationship: bool = False
    vocab: bool = False


Judge: TypeAlias = Callable[[Target], bool]
_One: TypeAlias = Callable[[Any, bool], bool]
"""(value, is it a vocab term) → does this single value do."""

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_READERS: dict[str, Callable[[str], datetime | date | time | None]] = {
    "datetime": read_datetime,
    "date": read_date,
    "time": read_time,
}


def judge(op: Operator, operand: Operand) -> Judge:
    """The test of a term `path op operand` on a target."""
    if op in ("==", "!="):
        return _membership(_equals(operand), wanted=op == "==")
    if isinstance(operand, Regex):
        pattern = compile_pattern(operand.text, "q")
        found = op == "~="
        return lambda target: (
            not target.relationship
            and any(isinstance(text, str) and pattern.found_in(text) is found for text in map(plain, target.values))
        )
    holds = _ordered(op, operand)
    return lambda target: not target.relationship and any(holds(value, target.vocab) for value in target.values)


def plain(value: Any) -> Any:
    """A JSON-LD typed value (`{"@type": "DateTime", "@value": …}`, annex C.6) counts as what it wraps."""
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def _membership(equal: _One, *, wanted: bool) -> Judge:
    def holds(target: Target) -> bool:
        vocab = target.vocab
        for value in target.values:
            if isinstance(value, list):
                for member in value:
                    if equal(member, vocab):
                        return wanted
            elif equal(value, vocab):
                return wanted
        return not wanted

    return holds


def _equals(operand: Operand) -> _One:
    if isinstance(operand, Literal):
        return _equal(operand)
    if isinstance(operand, Values):
        tests = [_equal(item) for item in operand.items]
        return lambda value, vocab: any(test(value, vocab) for test in tests)
    if isinstance(operand, Range):
        above, below = _ordered(">=", operand.low), _ordered("<=", operand.high)
        return lambda value, vocab: above(value, vocab) and below(value, vocab)
    raise AssertionError("a pattern is no operand of == and !=")


def _equal(literal: Literal) -> _One:
    wanted = literal.value
    if literal.kind in _READERS:
        return _ordered_by(operator.eq, literal)
    if literal.kind == "boolean":
        return lambda value, vocab: plain(value) is wanted
    if literal.kind == "number":
        return lambda value, vocab: _is_number(inner := plain(value)) and inner == wanted
    term = literal.term
    same = _ordered_by(operator.eq, literal)
    named = {term, wanted} if ":" in str(wanted) else {term}
    return lambda value, vocab: (isinstance(value, str) and value in named) if vocab else same(value, vocab)


def _ordered(op: str, operand: Operand) -> _One:
    if not isinstance(operand, Literal):
        raise AssertionError("ordering operators take one value")
    return _ordered_by(_ORDERS[op], operand)


def _ordered_by(compare: Callable[[Any, Any], bool], literal: Literal) -> _One:
    wanted = literal.value
    if isinstance(wanted, int | float):
        return lambda value, vocab: _is_number(inner := plain(value)) and compare(inner, wanted)
    read = _READERS.get(literal.kind)
    if read is not None:
        return _by_time(compare, read, read(wanted))
    instant = read_datetime(wanted)
    by_time = None if instant is None else _by_time(compare, read_datetime, instant)

    def by_text(value: Any, vocab: bool) -> bool:
        inner = plain(value)
        if not isinstance(inner, str):
            return False
        # Many clients put timestamps in quotes; two timestamps compare as such (`…00Z` equals `…00.000Z`).
        if by_time is not None and read_datetime(inner) is not None:
            return by_time(inner, vocab)
        return compare(inner, wanted)

    return by_text


def _by_time(compare: Callable[[Any, Any], bool], read: Callable[[str], Any], wanted: Any) -> _One:
    def holds(value: Any, vocab: bool) -> bool:
        inner = plain(value)
        instant = read(inner) if isinstance(inner, str) else None
        return instant is not None and compare(instant, wanted)

    return holds


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
