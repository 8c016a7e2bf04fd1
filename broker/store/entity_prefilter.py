"""What SQL can see of a q (clause 4.9) and of a scope query, as one jsonpath predicate over a stored entity. Pure.

The predicate holds for every entity that the query matches and for some that it doesn't: the caller looks at those that
are left (`schemas.ngsi_ld.q`). So whatever is not certain is no condition: negations (what has expired is still
stored), times (one instant has several texts), linked entities, members that the standard fixes. It is in lax mode,
which looks into arrays: several instances of an attribute and values that are arrays are found like single ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Final

from broker.store.entity_spans import iris, vocab_names
from broker.store.text import storable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.q import And, Comparison, Exists, Literal, Node, Or, Path, Q, Range, Values
from schemas.ngsi_ld.scope import ScopePattern, ScopeQuery

_HOLDERS: Final = ("value", "json", "valueList")
"""Members whose values may be compound."""
_EXACT: Final = 2**53
"""Up to here every whole number is a double of its own, and reads alike as JSON's integer and as its float."""
_MOST: Final = 256
"""Comparisons that one predicate has at most."""
_DEEPEST: Final = 3
_ANCHORED: Final = re.compile(r"\^([A-Za-z0-9:_/-]+)")
_FIXED: Final = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS


def prefilter(query: Q, context: Context) -> str | None:
    """The predicate, for `Where.predicate`; None if SQL can't see anything. Entities have names as IRIs and every
    instance of an attribute has its type; the query's names are terms of `context`."""
    made = _node(query.root, context)
    return None if made is None or made.count(" == ") > _MOST else made


def scoped(query: ScopeQuery) -> str | None:
    """The same of a scope query (clause 4.19), for its wildcards too; None if it takes any entity with a scope."""
    tests = []
    for wanted in query.alternatives:
        told = [f'$."scope" like_regex {_quoted(_scope_regex(pattern))}' for pattern in wanted if pattern.levels]
        if not told:
            return None
        tests.append(told[0] if len(told) == 1 else f"({' && '.join(told)})")
    return _any(iter(tests))


def _scope_regex(pattern: ScopePattern) -> str:
    """Levels are letters, digits and _, so nothing has to be escaped; slashes that part nothing count for nothing."""
    levels = "/+".join("[^/]+" if level == "+" else level for level in pattern.levels)
    return f"^/*{levels}({'/.*' if pattern.below else '/*'})?$"


def id_prefix(pattern: str) -> str:
    """What every text begins with in which the pattern (RE2) is found; empty if that is not certain."""
    found = _ANCHORED.match(pattern)
    if not found or "|" in pattern:
        return ""
    prefix = found.group(1)
    # A quantifier after it speaks of its last character.
    return prefix[:-1] if pattern[found.end() : found.end() + 1] in ("*", "?", "{") else prefix


def _node(node: Node, context: Context) -> str | None:
    if isinstance(node, And):
        known = [made for term in node.terms if (made := _node(term, context)) is not None]
        return f"({' && '.join(known)})" if known else None
    if isinstance(node, Or):
        terms = [_node(term, context) for term in node.terms]
        return None if None in terms else _any(term for term in terms if term is not None)
    return _leaf(node, context)


def _leaf(leaf: Comparison | Exists, context: Context) -> str | None:
    roots = _roots(leaf.path, context)
    if not roots or (isinstance(leaf, Exists) and leaf.negated):
        return None
    there = _any(f"exists({root})" for root in roots)
    if isinstance(leaf, Exists):
        return there
    operand = leaf.value
    if leaf.op == "==":
        if isinstance(operand, Range):
            return _within(roots, operand) or there
        literals = operand.items if isinstance(operand, Values) else (operand,)
        return _equal(roots, leaf.path.members, literals, context) or there
    if leaf.op in (">", ">=", "<", "<=") and isinstance(operand, Literal) and _certain_number(operand):
        return _any(f"{root}.** {leaf.op} {_number(operand)}" for root in roots)
    # What does not fulfil the comparison can still be told from what has no such attribute.
    return there


def _roots(path: Path, context: Context) -> list[str]:
    """The attributes, as jsonpath; none if what the path starts from or leads through is not certain."""
    if path.hops or len(path.names) > _DEEPEST or not all(map(storable, (*path.names, *path.members))):
        return []
    if any(name in _FIXED or name.startswith("@") for name in path.names):
        return []
    ways = product(*(iris(name, context) for name in path.names))
    return ["$" + "".join(f".{_quoted(name)}" for name in way) for way in ways]


def _equal(roots: list[str], members: tuple[str, ...], literals: tuple[object, ...], context: Context) -> str | None:
    if not all(isinstance(item, Literal) and _certain(item) for item in literals):
        return None
    inner = "".join(f".{_quoted(member)}" for member in members)
    tests: list[str] = []
    for root in roots:
        # Which language it is does not matter here: tags compare without case.
        tests.append(f'{root}."type" == "LanguageProperty"')
        for item in literals:
            if isinstance(item, Literal):
                wanted = _number(item) if item.kind == "number" else json.dumps(item.value)
                for holder in _HOLDERS:
                    tests += [f'{root}."{holder}"{inner} == {wanted}', f'{root}."{holder}"{inner}."@value" == {wanted}']
                if isinstance(item.value, str) and not members:
                    tests += [f'{root}."object" == {wanted}', f'{root}."objectList" == {wanted}']
                    tests += [f'{root}."objectList"."object" == {wanted}']
                    tests += [f'{root}."vocab" == {_quoted(name)}' for name in sorted(vocab_names(item, context))]
    return _any(iter(tests))


def _within(roots: list[str], wanted: Range) -> str | None:
    if not (_certain_number(wanted.low) and _certain_number(wanted.high)):
        return None
    low, high = _number(wanted.low), _number(wanted.high)
    return _any(f"exists({root}.** ? (@ >= {low} && @ <= {high}))" for root in roots)


def _certain(item: Literal) -> bool:
    if item.kind == "number":
        return _certain_number(item)
    if item.kind == "boolean":
        return True
    text = str(item.value)
    # Two texts of one instant are equal.
    return item.kind in ("string", "uri", "word") and storable(text) and read_datetime(text) is None


def _certain_number(item: Literal) -> bool:
    return item.kind == "number" and isinstance(item.value, int | float) and abs(item.value) <= _EXACT


def _number(item: Literal) -> str:
    return json.dumps(item.value)


def _quoted(text: str) -> str:
    return json.dumps(text)


def _any(tests: Iterator[str]) -> str:
    found = list(tests)
    return found[0] if len(found) == 1 else f"({' || '.join(found)})"
