"""`Q`, a query that was read, and `parse_q`, which reads it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from schemas.errors import BadRequestData, TooComplexQuery
from schemas.ngsi_ld.model import ENTITY_MEMBERS, SCALAR_MEMBERS
from schemas.ngsi_ld.q.ast import And, Comparison, Exists, Hop, Literal, Node, Or, Path, Range, Values, leaves
from schemas.ngsi_ld.q.evaluate import Test, build
from schemas.ngsi_ld.q.parse import MAX_LENGTH, Parser
from schemas.ngsi_ld.q.scan import CLAUSE
from schemas.ngsi_ld.q.text import write

if TYPE_CHECKING:
    from schemas.ngsi_ld.context import Context

_FIXED = ENTITY_MEMBERS | SCALAR_MEMBERS
_TIMESTAMPS = frozenset({"createdAt", "modifiedAt", "deletedAt"})


@dataclass(frozen=True)
class Q:
    """A query in one context: its names compare with the names of entities in that same context.

    `expand_values`: attributes whose values in the query are terms of that context (parameter expandValues); it must go
    along with `text` wherever that is sent.
    """

    root: Node
    expand_values: frozenset[str] = frozenset()

    def matches(self, entity: Mapping[str, Any]) -> bool:
        """Whether a normalized entity (clause 4.5.1) fulfils it.

        Raises OperationNotSupported where the path goes on in a linked entity that does not come with this one.
        """
        return self._test(entity)

    @cached_property
    def _test(self) -> Test:
        return build(self.root)

    @cached_property
    def text(self) -> str:
        """Canonical text: `parse_q` makes the same query of it."""
        return write(self.root)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes of the entity itself that are looked at (not id, type, scope and timestamps)."""
        return frozenset(leaf.path.attribute for leaf in leaves(self.root)) - ENTITY_MEMBERS

    @cached_property
    def sys_attrs(self) -> bool:
        """Whether it looks at createdAt, modifiedAt or deletedAt, which sources give only when asked to."""
        return any(not _TIMESTAMPS.isdisjoint(leaf.path.names) for leaf in leaves(self.root))

    @cached_property
    def operators(self) -> frozenset[str]:
        """What a source must be able to do: operators, "exists", "range", "list", "and", "or", "path" (sub-attributes
        or members), and, beyond what `Capabilities` lists, "not" (`!attr`) and "join" (linked entities)."""
        found: set[str] = set()
        for leaf in leaves(self.root):
            found |= _operators(leaf)
        return frozenset(found | _logic(self.root))

    def rename(self, fn: Callable[[str], str]) -> Q:
        """The same query with every attribute, sub-attribute, type and vocab name replaced by `fn(name)`."""
        expand = frozenset(fn(name) for name in self.expand_values)
        return replace(self, root=_renamed(self.root, fn, self.expand_values), expand_values=expand)


def parse_q(
    text: str,
    *,
    context: Context | None = None,
    expand_values: Collection[str] = (),
    max_length: int = MAX_LENGTH,
) -> Q:
    """Read a q text (decoded from the URL). Names become canonical in `context`, if one is given.

    Raises BadRequestData (parameter, position and clause named) or TooComplexQuery: more than `max_length` characters,
    256 terms, 1024 values or a depth of 32.
    """
    if len(text) > max_length:
        raise TooComplexQuery(
            f"q has {len(text)} characters; at most {max_length} are taken.", field="q", value=text[:200], clause=CLAUSE
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequestData("q is not valid Unicode.", field="q", clause=CLAUSE) from None
    canonical = context.canonical if context else None
    expand = frozenset(canonical(name) if canonical else name for name in expand_values)
    return Q(Parser(text, canonical, expand).parse(), expand)


def _operators(leaf: Comparison | Exists) -> set[str]:
    found = {"path"} if len(leaf.path.names) > 1 or leaf.path.members else set()
    if leaf.path.hops:
        found.add("join")
    if isinstance(leaf, Exists):
        return found | ({"exists", "not"} if leaf.negated else {"exists"})
    found.add(leaf.op)
    if isinstance(leaf.value, Values):
        found.add("list")
    elif isinstance(leaf.value, Range):
        found.add("range")
    return found


def _logic(node: Node) -> set[str]:
    if not isinstance(node, And | Or):
        return set()
    return set().union({"and"} if isinstance(node, And) else {"or"}, *(_logic(term) for term in node.terms))


def _renamed(node: Node, fn: Callable[[str], str], expand: frozenset[str]) -> Node:
    if isinstance(node, And | Or):
        return replace(node, terms=tuple(_renamed(term, fn, expand) for term in node.terms))
    path = Path(
        tuple(_name(name, fn) for name in node.path.names),
        node.path.members,
        tuple(Hop(_name(hop.relationship, fn), tuple(fn(name) for name in hop.types)) for hop in node.path.hops),
    )
    if isinstance(node, Exists):
        return replace(node, path=path)
    # A value under expandValues is itself a name, so it is renamed; any other stays and only its term follows.
    named = node.path.attribute in expand
    value = node.value
    if isinstance(value, Literal):
        value = _literal(value, fn, named)
    elif isinstance(value, Values):
        value = Values(tuple(_literal(item, fn, named) for item in value.items))
    elif isinstance(value, Range):
        value = Range(_literal(value.low, fn, named), _literal(value.high, fn, named))
    return replace(node, path=path, value=value)


def _name(name: str, fn: Callable[[str], str]) -> str:
    return name if name in _FIXED else fn(name)


def _literal(item: Literal, fn: Callable[[str], str], named: bool) -> Literal:
    if item.term is None:
        return item
    term = fn(item.term)
    if not named:
        return replace(item, term=term)
    return item if term == item.value else Literal("string", term, term)
