"""From one @context into another on the bytes of an answer, where that provably gives what the walk of `rename` gives.

Most answers need a handful of names changed: those of attributes, and types. Where every place at which such a name
stands in quotes is known to be an attribute's name or an entity's type, it is replaced in the text, and nothing is
built. Any other answer is left to the walk.

How it is known: a structural reading counts the attributes and types of each name; the text has as many places with
that name in quotes; and one pass of RE2 finds nothing else that the walk could change, names spelled otherwise
(escapes) and keywords included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson
import re2
from msgspec import UNSET, UnsetType

from schemas.ngsi_ld.context import VOCAB, Context
from schemas.ngsi_ld.core_context import PREFIXES
from schemas.ngsi_ld.head import Head, check_utf8
from schemas.ngsi_ld.rename import Renaming, renaming

_BETWEEN = frozenset(" \t\r\n,:[]{}")
"""What can follow the end of a string: no name that begins so is looked for, so that what stands between two strings
is never taken for a name."""
_KEYWORDS = frozenset({"id", "type"})
_MOST_NAMES: Final = 24
_MOST_KINDS: Final = 16
_MOST_TERMS: Final = 20_000
_PROGRAM_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class _Recipe:
    """For answers in which these names, and no others, move."""

    names: tuple[tuple[str, bytes], ...]
    """Each with its form in quotes."""
    decoder: Any
    """To heads with `name0`, `name1` …: the attributes of these names."""
    stray: Any
    """Finds what may not be there."""


class TextRenaming:
    """What it learns of one kind of answer (the type of its first entity) it keeps: which names move in it."""

    __slots__ = ("_families", "_moving", "_recipes", "_walk", "_workable")

    def __init__(self, source: Context, target: Context) -> None:
        self._walk = renaming(source, target)
        self._moving: dict[bytes, str] = {}
        self._families: tuple[bytes, ...] = ()
        self._recipes: dict[bytes, _Recipe | None] = {}
        self._workable = len(source.terms) + len(target.terms) <= _MOST_TERMS
        if self._workable and not self._walk.identity:
            moving = [name for name in _candidates(source, target) if _moves(name, self._walk)]
            self._workable = all(map(_is_plain, moving))
            self._moving = {orjson.dumps(name): name for name in moving}
            self._families = tuple(sorted(orjson.dumps(start)[:-1] for start in _families(source, target)))

    def apply(self, body: bytes) -> tuple[bytes, list[Head]] | None:
        """The array of normalized entities in the target's names with its heads, or None if it must be walked (which
        also says what is wrong with a body that is no such array)."""
        if not self._workable:
            return None
        kind = _kind(body)
        recipe = self._recipes.get(kind, _UNKNOWN)
        if recipe is _UNKNOWN:
            if len(self._recipes) >= _MOST_KINDS:
                return None
            recipe = self._recipes[kind] = self._recipe(())
        while recipe is not None:
            stray = recipe.stray.search(body)
            if stray is None:
                return self._changed(body, recipe)
            name = self._moving.get(stray[0])
            if name is None:
                return None
            known = [name for name, _ in recipe.names]
            if name in known:
                return None
            recipe = self._recipes[kind] = self._recipe((*known, name))
        return None

    def _recipe(self, names: tuple[str, ...]) -> _Recipe | None:
        """None if there are too many names, or one becomes another."""
        walk = self._walk.walk
        made = {new for name in names for new in (walk.top.made(name), walk.value.made(name)) if new != name}
        if len(names) > _MOST_NAMES or made.intersection(names):
            return None
        fields: list[Any] = [
            (f"name{i}", msgspec.Raw | UnsetType, msgspec.field(default=UNSET, name=name))
            for i, name in enumerate(names)
        ]
        named = msgspec.defstruct("Named", fields, bases=(Head,), gc=False)
        others = {quoted for quoted, name in self._moving.items() if name not in names} | set(map(orjson.dumps, made))
        try:
            stray = _alternatives([rb"\\[u/]", b'"@', *map(re2.escape, self._families), *map(re2.escape, others)])
        except re2.error:
            return None
        quoted = tuple((name, orjson.dumps(name)) for name in names)
        return _Recipe(quoted, msgspec.json.Decoder(list[named]), stray)  # type: ignore[valid-type]

    def _changed(self, body: bytes, recipe: _Recipe) -> tuple[bytes, list[Head]] | None:
        try:
            check_utf8(body)
            heads: list[Any] = recipe.decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        types = _count(heads)
        top, value = self._walk.walk.top, self._walk.walk.value
        if self._walk.identity:
            return body, heads
        for i, (name, quoted) in enumerate(recipe.names):
            field = f"name{i}"
            as_attribute = len(heads) - [getattr(head, field) for head in heads].count(UNSET)
            as_type = types.get(name, 0)
            pieces = body.split(quoted)
            if len(pieces) - 1 != as_attribute + as_type or (as_attribute and as_type and top[name] != value[name]):
                return None
            if as_attribute or as_type:
                body = orjson.dumps(top[name] if as_attribute else value[name]).join(pieces)
        if any(value[name] != name for name in types):
            for head in heads:
                head.type = self._walk.walk.names(head.type)
        return body, heads


_UNKNOWN: Final = _Recipe((), None, None)


@lru_cache(maxsize=128)
def text_renaming(source: Context, target: Context) -> TextRenaming:
    """Kept for as long as it is in use."""
    return TextRenaming(source, target)


def _alternatives(patterns: Sequence[bytes]) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _PROGRAM_BYTES
    return re2.compile(b"|".join(patterns), options)


def _kind(body: bytes) -> bytes:
    """What stands behind the first "type": alike for answers of one kind, no matter what it is."""
    start = body.find(b'"type"')
    return body[start : body.find(b",", start, start + 200)] if start >= 0 else b""


def _count(heads: Iterable[Head]) -> dict[str, int]:
    found: dict[str, int] = {}
    for head in heads:
        kind = head.type
        for name in (kind,) if isinstance(kind, str) else kind:
            found[name] = found.get(name, 0) + 1
    return found


def _candidates(source: Context, target: Context) -> set[str]:
    """All names of which source and target may think differently, families of them apart."""
    iris = {term.iri for context in (source, target) for term in context.terms.values()}
    default = {iri[len(VOCAB) :] for iri in iris if iri.startswith(VOCAB)}
    found = {*source.terms, *target.terms, *iris, *default}
    return {name for name in found if name and not name.startswith("@") and name not in _KEYWORDS}


def _moves(name: str, renaming: Renaming) -> bool:
    walk = renaming.walk
    return any(memo.made(name) != name for memo in (walk.top, walk.sub, walk.value))


def _families(source: Context, target: Context) -> set[str]:
    """Beginnings of names of which there is no end: compact IRIs, and IRIs that could become compact."""
    prefixes = [(name, term.iri) for context in (source, target) for name, term in context.terms.items() if term.prefix]
    return {f"{name}:" for name, _ in prefixes} | {iri for _, iri in prefixes} | {PREFIXES["ngsi-ld"]}


def _is_plain(name: str) -> bool:
    return name[0] not in _BETWEEN and name.isprintable() and '"' not in name and "\\" not in name
