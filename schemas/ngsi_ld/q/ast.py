"""The tree that a q text stands for. Small and frozen, so that adapters and the store can translate it.

And and Or hold at least two terms and never one of their own kind directly (`conjunction` and `disjunction` see to it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

Ordering = OneOf[">", ">=", "<", "<="]
Operator = OneOf["==", "!=", ">", ">=", "<", "<=", "~=", "!~="]
Kind = OneOf["number", "string", "boolean", "datetime", "date", "time", "uri", "word"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One step over a Relationship to the linked entity; `types` are the hinted entity types, none for any."""

    relationship: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """`hops{…}`, then attribute and sub-attributes (`names`), then the members in square brackets (`members`).

    `members` lead into a compound value; for a LanguageProperty the only one is a language tag or `*`.
    """

    names: tuple[str, ...]
    members: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()

    @property
    def attribute(self) -> str:
        """The entity's own member that the path starts from."""
        return self.hops[0].relationship if self.hops else self.names[0]


@dataclass(frozen=True, slots=True)
class Literal:
    """One value. `value` is a number for "number", a bool for "boolean", else the text (without quotes).

    "uri" and "word" stood without quotes; a word is what example 12 of the clause has (`gender==Male`). `term` is the
    value as the working context names it, for comparison with a VocabProperty; None where it was not to be expanded.
    """

    kind: Kind
    value: str | int | float | bool
    term: str | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """A list: any of them for `==`, none of them for `!=`."""

    items: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`low..high`, both included; both of one kind."""

    low: Literal
    high: Literal


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression (RE2), searched for. It has no unescaped double quote."""

    text: str


Operand: TypeAlias = Literal | Values | Range | Regex


@dataclass(frozen=True, slots=True)
class Exists:
    """The target element is there, whatever its value; with `negated` (`!attr`) it is not."""

    path: Path
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Values and Range come with `==` and `!=` only, Regex with `~=` and `!~=` only."""

    path: Path
    op: Operator
    value: Operand


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple[Node, ...]


Node: TypeAlias = And | Or | Comparison | Exists


def conjunction(terms: list[Node]) -> Node:
    flat = tuple(inner for term in terms for inner in (term.terms if isinstance(term, And) else (term,)))
    return flat[0] if len(flat) == 1 else And(flat)


def disjunction(terms: list[Node]) -> Node:
    flat = tuple(inner for term in terms for inner in (term.terms if isinstance(term, Or) else (term,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def leaves(node: Node) -> list[Comparison | Exists]:
    """Every term of the tree, from left to right."""
    if isinstance(node, And | Or):
        return [leaf for term in node.terms for leaf in leaves(term)]
    return [node]
