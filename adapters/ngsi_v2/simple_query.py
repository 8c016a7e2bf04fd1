"""NGSI-LD `q` (clause 4.9) in NGSIv2's simple query language. Pure.

What is pushed must take at least what `q` takes, for the whole `q` is applied again to what comes. So a term is left
out (never bent) where Orion may take less:

- `|`, `!attr` (null is "there" for Orion and left out by us), `!~=`, linked entities;
- texts with characters that Orion refuses, or that read like a date: a `DateTime` attribute is a number to Orion;
- `!=` with numbers, for a `DateTime` attribute could be just that number of seconds;
- order of texts, and times unless the operator names the attribute in `options.datetime_attributes`;
- patterns that RE2 and PCRE read differently, or that a date could match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS, SCALAR_MEMBERS
from schemas.ngsi_ld.q import And, Comparison, Exists, Literal, Node, Operand, Path, Range, Regex, Values

NameOf = Callable[[str], str | None]
"""A term of the working context → the platform's one name for it, or None."""

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_QUOTED_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_\-.]*")
_TEXT_REFUSED = re.compile(r"[<>\"'=;()\\\x00-\x1f\x7f]|\.\.")
_PATTERN_TAKEN = re.compile(r"[\w .*+?^$\[\]\-,:]+")
_REWRITTEN = frozenset({"type", "coordinates", "bbox", "@type", "@value"})
"""Members of values whose shape the translation changes."""


@dataclass(frozen=True, slots=True)
class SimpleQuery:
    """`q` and `mq` (on metadata) to send; empty where nothing can be pushed."""

    q: str = ""
    mq: str = ""


def simple_query(node: Node, name_of: NameOf, datetimes: Collection[str]) -> SimpleQuery:
    """The terms of a conjunction that can be pushed. `datetimes`: attributes that are always DateTime."""
    terms = node.terms if isinstance(node, And) else (node,)
    on_values: list[str] = []
    on_metadata: list[str] = []
    for term in terms:
        if isinstance(term, Exists | Comparison):
            path = _path(term.path, name_of)
            text = None if path is None else _term(term, path, datetimes)
            if text is not None:
                (on_metadata if len(term.path.names) == 2 else on_values).append(text)
    return SimpleQuery(";".join(on_values), ";".join(on_metadata))


def _path(path: Path, name_of: NameOf) -> list[str] | None:
    if path.hops or len(path.names) > 2 or path.names[0] in ENTITY_MEMBERS or path.names[-1] in SCALAR_MEMBERS:
        return None
    if _REWRITTEN.intersection(path.members):
        return None
    tokens: list[str] = []
    for name in path.names:
        own = name_of(name)
        if own is None:
            return None
        tokens.append(own)
    tokens += path.members
    return tokens if all(map(_QUOTED_TOKEN.fullmatch, tokens)) else None


def _term(term: Exists | Comparison, path: list[str], datetimes: Collection[str]) -> str | None:
    target = ".".join(token if _TOKEN.fullmatch(token) else f"'{token}'" for token in path)
    if isinstance(term, Exists):
        return None if term.negated else target
    dated = len(path) == 1 and path[0] in datetimes
    value = _operand(term.op, term.value, dated)
    return None if value is None else f"{target}{term.op}{value}"


def _operand(op: str, operand: Operand, dated: bool) -> str | None:
    if isinstance(operand, Regex):
        return operand.text if op == "~=" and _same_pattern(operand.text) else None
    if op == "!=" and not _never_a_time(operand):
        return None
    if isinstance(operand, Values):
        items = [_literal(item, dated) for item in operand.items]
        return None if None in items else ",".join(item for item in items if item is not None)
    if isinstance(operand, Range):
        low, high = _ordered(operand.low, dated), _ordered(operand.high, dated)
        return None if low is None or high is None else f"{low}..{high}"
    return _literal(operand, dated) if op in ("==", "!=") else _ordered(operand, dated)


def _never_a_time(operand: Operand) -> bool:
    items = operand.items if isinstance(operand, Values) else (operand,)
    return all(isinstance(item, Literal) and item.kind not in ("number", "datetime") for item in items)


def _ordered(literal: Literal, dated: bool) -> str | None:
    return _literal(literal, dated) if literal.kind in ("number", "datetime") else None


def _literal(literal: Literal, dated: bool) -> str | None:
    value = literal.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if literal.kind == "datetime":
        return _instant(value) if dated else None
    if literal.kind in ("string", "uri", "word") and _plain_text(value):
        return f"'{value}'"
    return None


def _number(value: int | float) -> str | None:
    # beyond this a number is written with an exponent, or doubles are not exact any more
    if value != 0 and not 1e-4 <= abs(value) < 1e15:
        return None
    return str(value)


def _instant(text: str) -> str | None:
    moment = read_datetime(text)
    if moment is None or moment.microsecond % 1000:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain_text(text: str) -> bool:
    if not text or text != text.strip() or len(text) > 512 or _TEXT_REFUSED.search(text):
        return False
    return not re.match(r"[0-9]{4}-[0-9]{2}", text)


def _same_pattern(text: str) -> bool:
    if len(text) > 256 or not _PATTERN_TAKEN.fullmatch(text) or text != text.strip():
        return False
    if "[[" in text or "[:" in text or any(c.isspace() and c != " " for c in text):
        return False
    # something that must be there and that no timestamp has
    outside = re.sub(r"\[[^\]]*\]", "", text)
    required = re.findall(r"([^\W\dTZ_])(?![*?])", outside)
    return bool(required) and "|" not in text
