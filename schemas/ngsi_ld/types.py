"""The entity type selection language (clause 4.17). Parentheses may be nested, which the grammar does not ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from schemas.errors import BadRequestData, TooComplexQuery

if TYPE_CHECKING:
    from schemas.ngsi_ld.context import Context

CLAUSE = "4.17"
MAX_LENGTH = 8192
MAX_DEPTH = 16
MAX_ALTERNATIVES = 256

_NAME = re.compile(r"[^\s,;|()\"<>{}\\^`\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class TypeSelection:
    """Which entity types are wanted: any of the `alternatives`, each of which asks for all its types at once."""

    alternatives: tuple[frozenset[str], ...]

    def matches(self, types: Collection[str]) -> bool:
        """Whether an entity of these types is selected."""
        if self.simple is not None:
            return not self.simple.isdisjoint(types)
        return any(wanted.issubset(types) for wanted in self.alternatives)

    @cached_property
    def simple(self) -> frozenset[str] | None:
        """The types, if any one of them is enough; None where some are wanted together."""
        return self.names if all(len(wanted) == 1 for wanted in self.alternatives) else None

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for wanted in self.alternatives for name in wanted)

    @cached_property
    def text(self) -> str:
        """Canonical text; `parse_type_selection` makes an equal selection of it."""
        return ",".join(
            next(iter(wanted)) if len(wanted) == 1 else f"({';'.join(sorted(wanted))})" for wanted in self.alternatives
        )

    def rename(self, fn: Callable[[str], str]) -> TypeSelection:
        """The same selection with `fn(name)` for every type name."""
        return TypeSelection(_unique([frozenset(fn(name) for name in wanted) for wanted in self.alternatives]))


def parse_type_selection(text: str, *, context: Context | None = None) -> TypeSelection:
    """Read a type selection: `,` and `|` are or, `;` is and (it binds tighter). Names become canonical in `context`.

    A name may be short, prefixed, dotted or a full IRI (one without the characters that the language itself uses).
    Raises BadRequestData or TooComplexQuery, which name parameter `type`.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(
            f"type has {len(text)} characters; at most {MAX_LENGTH} are taken.",
            field="type",
            value=text[:200],
            clause=CLAUSE,
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequestData("type is not valid Unicode.", field="type", clause=CLAUSE) from None
    return TypeSelection(_Reader(text, context.canonical if context else None).read())


class _Reader:
    """Recursive descent straight to alternatives (a disjunction of conjunctions), bounded in depth and size."""

    def __init__(self, text: str, canonical: Callable[[str], str] | None) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._canonical = canonical

    def read(self) -> tuple[frozenset[str], ...]:
        found = self._or()
        if self._peek():
            raise self._error("',', '|' or ';' is expected between two types")
        return _unique(found)

    def _or(self) -> list[frozenset[str]]:
        found = self._and()
        while self._peek() in (",", "|"):
            self._at += 1
            found += self._and()
            if len(found) > MAX_ALTERNATIVES:
                raise self._too_many()
        return found

    def _and(self) -> list[frozenset[str]]:
        found = self._one()
        while self._peek() == ";":
            self._at += 1
            others = self._one()
            if len(found) * len(others) > MAX_ALTERNATIVES:
                raise self._too_many()
            found = [left | right for left in found for right in others]
        return found

    def _one(self) -> list[frozenset[str]]:
        if self._peek() == "(":
            opened = self._at
            self._at += 1
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise TooComplexQuery(
                    f"type is nested more than {MAX_DEPTH} deep.", field="type", value=self._text, clause=CLAUSE
                )
            found = self._or()
            if self._peek() != ")":
                raise self._error("a parenthesis is not closed", opened)
            self._at += 1
            self._depth -= 1
            return found
        name = _NAME.match(self._text, self._at)
        if not name:
            raise self._error("the name of an entity type is expected")
        self._at = name.end()
        return [frozenset((name.group() if self._canonical is None else self._canonical(name.group()),))]

    def _peek(self) -> str:
        while self._text.startswith(" ", self._at):
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _error(self, what: str, at: int | None = None) -> BadRequestData:
        place = self._at if at is None else at
        return BadRequestData(
            f"type can't be read at character {place + 1}: {what}.", field="type", value=self._text, clause=CLAUSE
        )

    def _too_many(self) -> TooComplexQuery:
        return TooComplexQuery(
            f"type stands for more than {MAX_ALTERNATIVES} combinations of types.",
            field="type",
            value=self._text,
            clause=CLAUSE,
        )


def _unique(alternatives: list[frozenset[str]]) -> tuple[frozenset[str], ...]:
    return tuple(dict.fromkeys(alternatives))
