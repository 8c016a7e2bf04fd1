"""Entities from one @context into another, and to and from the stored form (names as IRIs), by one walk over the names.

Renamed are entity types, attribute and sub-attribute names, and the values that are names themselves (`vocab`,
`objectType`, `valueType`). Members that the standard fixes stay as they are, whatever a context says, and values of
Properties are not looked into (clause 5.5.7). A walk makes new dicts for what it renames and shares the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE, Context, Memo
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS, KIND_OF_MEMBER, VALUE_MEMBER

Entity = dict[str, Any]
_Rename = Callable[[str], str]

MAX_DEPTH: Final = 32
"""Attributes of attributes of …"""

_KINDS = frozenset(VALUE_MEMBER) | {"VocabularyProperty"}
_SERIES = frozenset({"values", "objects", "languageMaps", "vocabs", "valueLists", "objectsLists", "jsons"})
"""Where the simplified temporal representation has its [value, time] pairs (clause 4.5.9)."""
_SIGNS = frozenset(KIND_OF_MEMBER) | _SERIES
"""One of them makes an object without a type an attribute in concise form."""
_NAMES = frozenset({"vocab", "previousVocab", "objectType", "valueType", "entityTypeSealed"})
_LINKED = frozenset({"entity", "entityList"})
_FIXED = ATTRIBUTE_MEMBERS | _SERIES
_PLAIN = _FIXED - _NAMES - _LINKED - {"vocabs", "@context"}


class _Walk:
    """`top` renames members of an entity, `sub` members of an attribute, `value` types and other values that are names.

    `strict`: two members with one meaning are an error instead of the last one winning.
    """

    __slots__ = ("strict", "sub", "top", "value")

    def __init__(self, expand: _Rename, compact: _Rename, value: Memo, *, strict: bool = False) -> None:
        self.top = Memo(_around(ENTITY_MEMBERS, expand, compact))
        self.sub = Memo(_around(_FIXED, expand, compact))
        self.value = value
        self.strict = strict

    def entity(self, entity: Entity, depth: int = 0) -> Entity:
        top = self.top
        out: Entity = {}
        for name, value in entity.items():
            new = top[name]
            if new == "type":
                out["type"] = self.names(value)
            elif new in ENTITY_MEMBERS:
                out[new] = value
            else:
                kind = type(value)
                out[new] = self.member(value, depth) if kind is dict or kind is list else value
        if self.strict and len(out) != len(entity):
            raise _twice(entity, top)
        out.pop("@context", None)
        return out

    def simplified(self, entity: Entity) -> Entity:
        out: Entity = {}
        for name, value in entity.items():
            new = self.top[name]
            if new == "type":
                value = self.names(value)
            elif type(value) is dict and len(value) == 1 and new not in ENTITY_MEMBERS:
                value = self.simplified_value(value)
            out[new] = value
        out.pop("@context", None)
        return out

    def simplified_value(self, value: Entity) -> Entity:
        if "vocab" in value:
            return {"vocab": self.names(value["vocab"])}
        several = value.get("dataset")
        if type(several) is dict:
            return {"dataset": {k: self.simplified_value(v) if type(v) is dict else v for k, v in several.items()}}
        return value

    def member(self, value: Any, depth: int) -> Any:
        """An attribute, an array of its instances, or a value in concise form, which stays as it is."""
        if type(value) is list:
            return [self.member(item, depth) if type(item) is dict else item for item in value]
        kind = value.get("type") or value.get("@type")
        if kind in _KINDS if type(kind) is str else not _SIGNS.isdisjoint(value):
            return self.attribute(value, depth + 1)
        return value

    def attribute(self, attribute: Entity, depth: int) -> Entity:
        if depth > MAX_DEPTH:
            raise BadRequestData(f"attributes are nested more than {MAX_DEPTH} deep", clause="4.5.1")
        if _PLAIN.issuperset(attribute):
            return attribute
        out: Entity = {}
        for name, value in attribute.items():
            if name in _PLAIN:
                out[name] = value
                continue
            new = self.sub[name]
            kind = type(value)
            if new in _NAMES:
                out[new] = self.names(value)
            elif new in _LINKED:
                out[new] = self.linked(value, depth)
            elif new == "vocabs":
                out[new] = self.pairs(value)
            elif new in _FIXED:
                out[new] = value
            else:
                out[new] = self.member(value, depth) if kind is dict or kind is list else value
        if self.strict and len(out) != len(attribute):
            raise _twice(attribute, self.sub)
        out.pop("@context", None)
        return out

    def linked(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise BadRequestData(f"linked entities are nested more than {MAX_DEPTH} deep", clause="4.5.23.2")
        if type(value) is list:
            return [self.linked(item, depth + 1) for item in value]
        return self.entity(value, depth + 1) if type(value) is dict else value

    def pairs(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        return [[self.pair(pair[0]), *pair[1:]] if type(pair) is list and pair else pair for pair in value]

    def pair(self, first: Any) -> Any:
        return {**first, "vocab": self.names(first["vocab"])} if type(first) is dict and "vocab" in first else first

    def names(self, value: Any) -> Any:
        if type(value) is str:
            return self.value[value]
        if type(value) is list:
            return [self.value[item] if type(item) is str else item for item in value]
        return value


def _around(fixed: frozenset[str], expand: _Rename, compact: _Rename) -> _Rename:
    """`compact(expand(name))`, but what means a fixed member becomes that member, and nothing else does."""
    by_iri = {CORE.expand(name): name for name in fixed} | {"@id": "id", "@type": "type"}

    def renamed(name: str) -> str:
        if name in fixed:
            return name
        iri = expand(name)
        known = by_iri.get(iri)
        if known is not None:
            return known
        new = compact(iri)
        return iri if new in fixed else new

    return renamed


def _same(name: str) -> str:
    return name


def _twice(members: Entity, renamed: Memo) -> BadRequestData:
    seen: set[str] = set()
    for name in members:
        if renamed[name] in seen:
            break
        seen.add(renamed[name])
    return BadRequestData("two members have the same meaning in this @context", field=name, clause="4.5.1")


class Renaming:
    """Names of the context `source` to and from those of `target`; cached both ways. `identity`: nothing to do."""

    __slots__ = ("_back", "_forth", "identity", "source", "target", "walk")

    def __init__(self, source: Context, target: Context) -> None:
        self.source = source
        self.target = target
        self.identity = source.key == target.key
        self._forth = Memo(lambda name: target.compacted[source.expanded[name]])
        self._back = Memo(lambda name: source.compacted[target.expanded[name]])
        self.walk = _Walk(source.expand, target.compact, self._forth)

    def to_target(self, name: str) -> str:
        return self._forth[name]

    def to_source(self, name: str) -> str:
        return self._back[name]


@lru_cache(maxsize=128)
def renaming(source: Context, target: Context) -> Renaming:
    """The `Renaming` of two contexts, kept for as long as it is in use."""
    return Renaming(source, target)


@lru_cache(maxsize=64)
def _expander(ctx: Context) -> _Walk:
    return _Walk(ctx.expand, _same, ctx.expanded, strict=True)


@lru_cache(maxsize=64)
def _compacter(ctx: Context) -> _Walk:
    return _Walk(_same, ctx.compact, ctx.compacted)


def translate(entity: Entity, renaming: Renaming, *, simplified: bool = False) -> Entity:
    """An entity (normalized, concise or temporal; `simplified`: key-values) of one context in another's names.

    Without its @context member, which would be wrong. Values of unexpected shapes pass as they are. Of two members
    that mean the same the later one stays. Errors: BadRequestData beyond `MAX_DEPTH`.
    """
    if renaming.identity and "@context" not in entity:
        return entity
    return renaming.walk.simplified(entity) if simplified else renaming.walk.entity(entity)


def expand_entity(entity: Entity, ctx: Context) -> Entity:
    """The stored form: types, attribute names and values that are names as IRIs; fixed members as NGSI-LD terms.

    Errors: BadRequestData for two members with one meaning, and beyond `MAX_DEPTH`.
    """
    return _expander(ctx).entity(entity)


def compact_entity(entity: Entity, ctx: Context, *, simplified: bool = False) -> Entity:
    """A stored entity (in any representation; `simplified`: key-values) in the names of a context."""
    walk = _compacter(ctx)
    return walk.simplified(entity) if simplified else walk.entity(entity)
