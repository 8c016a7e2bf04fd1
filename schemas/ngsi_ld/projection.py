"""The attribute projection language (clause 4.21): the lists of `pick`, `omit` and the older `attrs`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from schemas.errors import BadRequestData
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.names import encodable, printable

if TYPE_CHECKING:
    from schemas.ngsi_ld.context import Context

CLAUSE = "4.21"
MAX_LENGTH = 8192

_FIXED = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS
_NAME = re.compile(r"[^\s,|{}()\[\]\"<>\\^`;\x00-\x1f\x7f]+")
_SPACED_NAME = re.compile(rf" *({_NAME.pattern}) *")


MAX_DEPTH = 16
Paths: TypeAlias = tuple[tuple[str, ...], ...]
"""Ways to sub-attributes: an attribute's name, and the names below it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is shown of attributes that `a.b` was said of: of those in `pick` nothing below them but this, of those in
    `omit` all but this. The attribute's own value stays."""

    pick: Paths = ()
    omit: Paths = ()


@dataclass(frozen=True, slots=True)
class Projection:
    """`names` of members, in order; `inner`: for some of them, which are Relationships, what to take (or leave) of the
    entities that they lead to; `paths`: the sub-attributes that are named."""

    names: tuple[str, ...] = ()
    inner: tuple[tuple[str, Projection], ...] = ()
    paths: Paths = ()

    @property
    def depth(self) -> int:
        """How many Relationships it goes along."""
        return 1 + max(projection.depth for _, projection in self.inner) if self.inner else 0

    @property
    def plain(self) -> tuple[str, ...]:
        """The names that nothing more is said about."""
        within = {name for name, _ in self.inner}
        return tuple(name for name in self.names if name not in within)

    @property
    def with_heads(self) -> tuple[str, ...]:
        """The names, and the attributes that the paths lead into."""
        return (*self.names, *heads(self.paths))

    def of(self, relationship: str) -> Projection:
        """What is said about the entities that a Relationship leads to."""
        return next((projection for name, projection in self.inner if name == relationship), NOTHING)


NOTHING = Projection()


def parse_linked_projection(text: str, *, field: str, context: Context | None = None) -> Projection:
    """`name,relationship{name,…}`, as deep as `MAX_DEPTH`. Raises BadRequestData that names `field`."""
    if len(text) > MAX_LENGTH:
        raise _bad(field, f"it has more than {MAX_LENGTH} characters", text)
    found, at = _terms(text, 0, 0, field, context)
    if at < len(text):
        raise _bad(field, "a brace is closed that was not opened", text)
    return found


def _terms(text: str, at: int, depth: int, field: str, context: Context | None) -> tuple[Projection, int]:
    if depth > MAX_DEPTH:
        raise _bad(field, f"it is nested more than {MAX_DEPTH} deep", text)
    names: dict[str, None] = {}
    inner: dict[str, Projection] = {}
    while True:
        seen = _SPACED_NAME.match(text, at)
        if seen is None or not encodable(seen[1]):
            raise _bad(field, "it is a list of attribute names, parted by commas", text)
        name = seen[1] if context is None or seen[1] in ENTITY_MEMBERS else context.canonical(seen[1])
        names[name] = None
        at = seen.end()
        if text[at : at + 1] == "{":
            inner[name], at = _terms(text, at + 1, depth + 1, field, context)
            if text[at : at + 1] != "}":
                raise _bad(field, "a brace is not closed", text)
            at += 1
        if text[at : at + 1] not in (",", "|"):
            return Projection(tuple(names), tuple(inner.items()), paths_of(names, context)), at
        at += 1


def parse_projection(text: str, *, field: str, context: Context | None = None) -> tuple[str, ...]:
    """Names parted by `,` or `|`, canonical in `context`, each once; id, type and scope stay as they are.

    Raises BadRequestData that names `field`, also for the attributes of linked entities (`rel{name}`), which need a
    join that nobody asked for (clause 5.7.2.4): `parse_linked_projection` reads those.
    """
    if len(text) > MAX_LENGTH:
        raise _bad(field, f"it has more than {MAX_LENGTH} characters", text)
    if "{" in text:
        raise _bad(field, "attributes of linked entities need parameter join", text)
    found: dict[str, None] = {}
    for part in re.split("[,|]", text):
        name = part.strip(" ")
        if not _NAME.fullmatch(name) or not encodable(name):
            raise _bad(field, "it is a list of attribute names, parted by commas", part)
        found[name if context is None or name in ENTITY_MEMBERS else context.canonical(name)] = None
    return tuple(found)


def paths_of(names: Collection[str], context: Context | None) -> Paths:
    """Those of the names of a projection that lead to a sub-attribute (`a.b`, as in clause 4.9), unless all of the
    attribute is named too. Dots of an IRI part nothing; an attribute that has such a name itself is taken by its name.
    """
    paths = []
    for name in names:
        parts = name.split(".")
        if len(parts) > 1 and all(parts) and ":" not in name and "/" not in name and parts[0] not in names:
            below = (part if context is None or part in _FIXED else context.canonical(part) for part in parts)
            paths.append(tuple(below))
    return tuple(paths)


def heads(paths: Paths) -> tuple[str, ...]:
    """The attributes that paths lead into, each once."""
    return tuple(dict.fromkeys(path[0] for path in paths))


def _bad(field: str, what: str, value: str) -> BadRequestData:
    return BadRequestData(f"{field} can't be read: {what}.", field=field, value=printable(value), clause=CLAUSE)
