"""The grammar of clause 4.9, by recursive descent with a bounded depth.

Two spellings beyond the grammar are taken because clients and brokers use them: `!attr` (there is no such attribute)
and blanks between the pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from schemas.errors import TooComplexQuery
from schemas.ngsi_ld.model import ENTITY_MEMBERS, SCALAR_MEMBERS
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.q.ast import (
    Comparison,
    Exists,
    Hop,
    Literal,
    Node,
    Operand,
    Operator,
    Path,
    Range,
    Regex,
    Values,
    conjunction,
    disjunction,
)
from schemas.ngsi_ld.q.scan import CLAUSE, Scanner

MAX_LENGTH = 8192
MAX_DEPTH = 32
MAX_TERMS = 256
MAX_VALUES = 1024

_FIXED = ENTITY_MEMBERS | SCALAR_MEMBERS
_ORDERED = frozenset({"number", "string", "datetime", "date", "time"})


def too_complex(what: str, text: str) -> TooComplexQuery:
    return TooComplexQuery(f"q is too complex: {what}.", field="q", value=text[:200], clause=CLAUSE)


class Parser:
    """Reads one text; `canonical` maps names of attributes and types, `expand` names the attributes whose values are
    terms (parameter expandValues)."""

    __slots__ = ("_canonical", "_depth", "_expand", "_scan", "_terms", "_values")

    def __init__(self, text: str, canonical: Callable[[str], str] | None, expand: frozenset[str]) -> None:
        self._scan = Scanner(text)
        self._canonical = canonical
        self._expand = expand
        self._depth = 0
        self._terms = 0
        self._values = 0

    def parse(self) -> Node:
        if not self._scan.peek():
            raise self._scan.error("it is empty")
        node = self._or()
        left = self._scan.peek()
        if left == ")":
            raise self._scan.error("this parenthesis was never opened")
        if left:
            raise self._scan.error("';' or '|' is expected between two terms")
        return node

    def _or(self) -> Node:
        terms = [self._and()]
        while self._scan.take("|"):
            terms.append(self._and())
        return disjunction(terms)

    def _and(self) -> Node:
        terms = [self._term()]
        while self._scan.take(";"):
            terms.append(self._term())
        return conjunction(terms)

    def _term(self) -> Node:
        scan = self._scan
        opened = scan.at
        if scan.take("("):
            self._deeper()
            node = self._or()
            if not scan.take(")"):
                raise scan.error(
                    "a parenthesis is not closed" if not scan.peek() else "';', '|' or ')' is expected", opened
                )
            self._depth -= 1
            return node
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise too_complex(f"more than {MAX_TERMS} terms", scan.text)
        if scan.take("!"):
            return Exists(self._path(), negated=True)
        path = self._path()
        at = scan.at
        operator = scan.operator()
        if operator is None:
            return Exists(path)
        return Comparison(path, cast(Operator, operator), self._operand(operator, at, path))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_complex(f"nested more than {MAX_DEPTH} deep", self._scan.text)

    # --- paths

    def _path(self) -> Path:
        scan = self._scan
        hops: list[Hop] = []
        first = scan.name()
        while scan.take("{"):
            if len(hops) == MAX_DEPTH:
                raise too_complex(f"more than {MAX_DEPTH} linked entities in one path", scan.text)
            types, following = self._linked()
            hops.append(Hop(self._named(first), types))
            first = following
        names = [first]
        while scan.take("."):
            names.append(scan.name())
        members = []
        if scan.take("["):
            members.append(scan.member())
            while scan.take("."):
                members.append(scan.member())
            scan.expect("]", "after the members of the value")
        for _ in hops:
            scan.expect("}", "after the path in the linked entity")
        return Path(tuple(self._named(name) for name in names), tuple(members), tuple(hops))

    def _linked(self) -> tuple[tuple[str, ...], str]:
        """After an opening brace: the hinted types, if any, and the first name of the path in the linked entity."""
        scan = self._scan
        found = [scan.name()]
        while scan.take(","):
            found.append(scan.name())
        # A colon belongs to a name where one may have a prefix, so the last of the names holds the separator.
        last, colon, name = found[-1].rpartition(":")
        if not colon:
            if len(found) > 1:
                raise scan.error("':' is expected after the entity types of the linked entity")
            return (), found[0]
        if not last or not name:
            raise scan.error("an entity type, ':' and an attribute name are expected")
        return tuple(self._named(type_) for type_ in (*found[:-1], last)), name

    def _named(self, spelling: str) -> str:
        name = self._scan.decoded(spelling)
        return name if self._canonical is None or name in _FIXED else self._canonical(name)

    # --- values

    def _operand(self, operator: str, at: int, path: Path) -> Operand:
        scan = self._scan
        if operator in ("~=", "!~="):
            start = scan.at
            pattern = scan.regex()
            if "\\Q" in pattern:
                raise scan.error("\\Q…\\E is not supported in patterns", start)
            compile_pattern(pattern, "q")
            return Regex(pattern)
        first = self._value(path)
        if operator not in ("==", "!="):
            if first.kind not in _ORDERED:
                raise scan.error(f"{operator} needs a number, a text in double quotes, a date or a time", at)
            if scan.peek() == "," or scan.text.startswith("..", scan.at):
                raise scan.error(f"{operator} takes one value; lists and ranges go with == and !=", at)
            return first
        if scan.take(".."):
            last = self._value(path)
            if first.kind != last.kind or first.kind not in _ORDERED:
                raise scan.error("a range needs two numbers, two texts, two dates or two times", at)
            return Range(first, last)
        if scan.peek() != ",":
            return first
        items = [first]
        while scan.take(","):
            items.append(self._value(path))
        return Values(tuple(items))

    def _value(self, path: Path) -> Literal:
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_complex(f"more than {MAX_VALUES} values", self._scan.text)
        literal = self._scan.value()
        value = literal.value
        if not isinstance(value, str) or literal.kind not in ("string", "uri", "word"):
            return literal
        if self._canonical is None:
            return Literal(literal.kind, value, value)
        # Clause 4.9: without expandValues a short name is not expanded, so that only an IRI can name a vocab term.
        expands = ":" in value or path.attribute in self._expand
        return Literal(literal.kind, value, self._canonical(value)) if expands else literal
