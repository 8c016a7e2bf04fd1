"""The scope query language (clause 4.19): entities within given scopes of a hierarchy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schemas.errors import BadRequestData, TooComplexQuery
from schemas.ngsi_ld.names import encodable, printable

CLAUSE = "4.19"
MAX_LENGTH = 8192
MAX_PATTERNS = 256

_LEVEL = r"(?:\+|[^\W\d_]\w*)"
_PATTERN = re.compile(rf"/?({_LEVEL}(?:/{_LEVEL})*)(/#)?")
_ANY = "/#"


@dataclass(frozen=True, slots=True)
class ScopePattern:
    """`levels` of which `+` stands for any one; with `below` also everything under them. No levels: any scope."""

    levels: tuple[str, ...]
    below: bool = False

    def takes(self, levels: Sequence[str]) -> bool:
        if len(levels) < len(self.levels) or (len(levels) > len(self.levels) and not self.below):
            return False
        return all(wanted in ("+", level) for wanted, level in zip(self.levels, levels, strict=False))

    @property
    def text(self) -> str:
        return ("/" + "/".join(self.levels) if self.levels else "") + ("/#" if self.below else "")


@dataclass(frozen=True)
class ScopeQuery:
    """Any of the `alternatives`, each of which asks for all its patterns at once."""

    alternatives: tuple[tuple[ScopePattern, ...], ...]

    def matches(self, scope: Any) -> bool:
        """Whether the `scope` member of an entity (a text, an array of them, or None) is within."""
        texts = [scope] if isinstance(scope, str) else scope if isinstance(scope, list) else []
        held = [levels for text in texts if isinstance(text, str) and (levels := levels_of(text))]
        return any(
            all(any(pattern.takes(levels) for levels in held) for pattern in wanted) for wanted in self.alternatives
        )

    @cached_property
    def text(self) -> str:
        """Canonical text; `parse_scope_query` makes an equal query of it."""
        return ",".join(
            wanted[0].text if len(wanted) == 1 else f"({';'.join(pattern.text for pattern in wanted)})"
            for wanted in self.alternatives
        )


def parse_scope_query(text: str) -> ScopeQuery:
    """Read a scopeQ: `,` and `|` are or, `;` is and. The parentheses that the grammar puts around an `and` may be left
    out, and so may the first slash of a scope. Raises BadRequestData or TooComplexQuery that name `scopeQ`."""
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(
            f"scopeQ has more than {MAX_LENGTH} characters.", field="scopeQ", value=printable(text), clause=CLAUSE
        )
    alternatives = tuple(_conjunction(part, text) for part in re.split("[,|]", text))
    if sum(map(len, alternatives)) > MAX_PATTERNS:
        raise TooComplexQuery(
            f"scopeQ has more than {MAX_PATTERNS} scopes.", field="scopeQ", value=printable(text), clause=CLAUSE
        )
    return ScopeQuery(alternatives)


def _conjunction(part: str, whole: str) -> tuple[ScopePattern, ...]:
    part = part.strip(" ")
    if part.startswith("(") and part.endswith(")"):
        part = part[1:-1]
    return tuple(_pattern(one.strip(" "), whole) for one in part.split(";"))


def _pattern(text: str, whole: str) -> ScopePattern:
    if text == _ANY:
        return ScopePattern((), below=True)
    seen = _PATTERN.fullmatch(text)
    if seen is None or not encodable(text):
        raise BadRequestData(
            "scopeQ can't be read: scopes such as /Tokyo/Minato, /Tokyo/+/Shelters or /Tokyo/# are expected, parted by "
            "',' (or) and ';' (and).",
            field="scopeQ",
            value=printable(whole),
            clause=CLAUSE,
        )
    return ScopePattern(tuple(seen[1].split("/")), seen[2] is not None)


def levels_of(scope: str) -> tuple[str, ...]:
    """The levels of a scope; slashes that part nothing count for nothing."""
    return tuple(level for level in scope.split("/") if level)
