"""Where the entities that a q or a scope query matches stand in the order of keys (`entity_keys`). Pure.

A cover is a set of spans in which every match has a key, and some entities that are none; the caller decides on those.
Of a conjunction each term gives covers, of which one is enough. As in `entity_prefilter`, what is not certain gives
none: negations, existence, patterns, linked entities, and the order of texts, which q has by code point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from broker.store.entity_keys import DEEPEST, scalar_keys, scope_key, way
from broker.store.text import storable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.instants import read_date, read_datetime, read_time
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.q import And, Comparison, Literal, Node, Or, Path, Q, Range, Values
from schemas.ngsi_ld.scope import ScopePattern, ScopeQuery
from schemas.ngsi_ld.sort_key import plain_key, rank_ends


class Span(NamedTuple):
    """Keys from `low` to `high`, both included, on one way."""

    path: str
    low: bytes
    high: bytes


Cover: TypeAlias = tuple[Span, ...]

_MOST: Final = 256
"""Spans that one cover has at most."""
_TIMES: Final = ("createdAt", "modifiedAt")
_FIXED: Final = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS
_READERS: Final = {"datetime": read_datetime, "date": read_date, "time": read_time}
_At: TypeAlias = datetime | date | time | int | float


def covers(query: Q, context: Context) -> list[Cover]:
    """Those of a q; the names in it are terms of `context`."""
    return [cover for cover in _node(query.root, context) if 0 < len(cover) <= _MOST]


def scope_covers(query: ScopeQuery) -> list[Cover]:
    """Those of a scope query."""
    spans: list[Span] = []
    for wanted in query.alternatives:
        told = [span for pattern in wanted if (span := _scope(pattern)) is not None]
        if not told:
            return []
        # What is told in full is told best.
        spans.append(min(told, key=lambda span: span.low != span.high))
    return [tuple(spans)] if len(spans) <= _MOST else []


def attribute_ways(names: Sequence[str], context: Context) -> list[str]:
    """The ways that names of the context may stand for; none if keys know nothing of it."""
    if not 0 < len(names) <= DEEPEST or not all(map(storable, names)):
        return []
    if len(names) == 1 and names[0] in _TIMES:
        return [names[0]]
    *inner, last = names
    observed = bool(inner) and last == "observedAt"
    named = inner if observed else list(names)
    if any(name in _FIXED or name.startswith("@") for name in named):
        return []
    ways = product(*(iris(name, context) for name in named))
    return [way(*found, "observedAt") if observed else way(*found) for found in ways]


def iris(name: str, context: Context) -> tuple[str, ...]:
    """What a name of the context may stand for: its IRI, and itself where it may be an IRI that has no other name."""
    iri = context.expand(name)
    return (iri,) if iri == name or ":" not in name else (iri, name)


def vocab_names(item: Literal, context: Context) -> Iterator[str]:
    """What of a VocabProperty equals the literal."""
    text = str(item.value)
    for name in {item.term, text} if ":" in text else {item.term}:
        if name is not None:
            yield from {context.expand(name), name}


def _node(node: Node, context: Context) -> list[Cover]:
    if isinstance(node, And):
        return [cover for term in node.terms for cover in _node(term, context)]
    if isinstance(node, Or):
        spans: list[Span] = []
        for term in node.terms:
            found = _node(term, context)
            if not found:
                return []
            spans += min(found, key=_breadth)
        return [tuple(spans)]
    cover = _leaf(node, context) if isinstance(node, Comparison) else ()
    return [cover] if cover else []


def _breadth(cover: Iterable[Span]) -> tuple[bool, int]:
    spans = list(cover)
    return any(span.low != span.high for span in spans), len(spans)


def _leaf(leaf: Comparison, context: Context) -> Cover:
    ways = _ways(leaf.path, context)
    if not ways:
        return ()
    if leaf.op == "==":
        ends = _between(leaf.value) if isinstance(leaf.value, Range) else _equal(leaf.value, context)
    elif leaf.op in (">", ">=", "<", "<=") and isinstance(leaf.value, Literal):
        ends = _beyond(leaf.op, leaf.value, timed=leaf.path.names[-1] in (*_TIMES, "observedAt"))
    else:
        return ()
    return tuple(Span(path, low, high) for path in ways for low, high in ends)


def _ways(path: Path, context: Context) -> list[str]:
    return [] if path.hops else attribute_ways(path.names, context)


def _equal(value: object, context: Context) -> list[tuple[bytes, bytes]]:
    keys: set[bytes] = set()
    for item in value.items if isinstance(value, Values) else (value,):
        found = _keys(item, context) if isinstance(item, Literal) else set()
        if not found:
            return []
        keys |= found
    return [(key, key) for key in sorted(keys)]


def _keys(item: Literal, context: Context) -> set[bytes]:
    if item.kind in _READERS:
        at = _at(item)
        return set() if at is None else {plain_key(at)}
    if isinstance(item.value, str) and not storable(item.value):
        return set()
    found = scalar_keys(item.value)
    if isinstance(item.value, str):
        found |= {key for name in vocab_names(item, context) if storable(name) for key in scalar_keys(name)}
    return found


def _between(wanted: Range) -> list[tuple[bytes, bytes]]:
    low, high = _at(wanted.low), _at(wanted.high)
    if low is None or high is None or wanted.low.kind != wanted.high.kind:
        return []
    return [(plain_key(low), plain_key(high))]


def _beyond(op: str, item: Literal, *, timed: bool) -> list[tuple[bytes, bytes]]:
    at = _at(item)
    if at is None and timed and isinstance(item.value, str):
        # Where all are times, those in quotes are meant as such.
        at = read_datetime(item.value)
    if at is None:
        return []
    key = plain_key(at)
    first, last = rank_ends(key[0])
    return [(key, last)] if op.startswith(">") else [(first, key)]


def _at(item: Literal) -> _At | None:
    """What stands in an order that keys have too."""
    if item.kind == "number":
        return item.value if isinstance(item.value, int | float) else None
    read = _READERS.get(item.kind)
    return None if read is None else read(str(item.value))


def _scope(pattern: ScopePattern) -> Span | None:
    if not pattern.levels or pattern.levels[0] == "+":
        return None
    levels: Iterable[str] = pattern.levels
    if "+" in pattern.levels:
        levels = pattern.levels[: pattern.levels.index("+")]
    elif not pattern.below:
        key = scope_key("/".join(levels))
        return Span("scope", key, key)
    first = "/".join(levels)
    return Span("scope", scope_key(first), scope_key(first) + b"/\xff")
