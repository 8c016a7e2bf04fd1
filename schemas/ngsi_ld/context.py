"""The @context as a value: what a name means (expand) and how an IRI is written (compact). Clauses 4.4 and 5.5.7.

PyLD is at work only while a user's context is built (`context_terms`); after that a name costs one look into a dict.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from schemas.ngsi_ld.core_context import LATEST, VOCAB, Term, core_terms, core_url, core_version_of

__all__ = ["CORE", "VOCAB", "Coercion", "Context", "Memo", "build", "core", "core_of", "differing_terms", "references"]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:\S*")
_UNCOERCED: Final = Term("")


class Coercion(NamedTuple):
    """How JSON-LD reads a term's value. `type`: "@id", "@vocab", "@json", an IRI or None."""

    type: str | None
    container: str | None


class Memo(dict[str, str]):
    """A function from name to name that remembers. Bounded: hostile names can't make it grow."""

    __slots__ = ("_make",)
    _LIMIT = 2048
    _LONGEST = 200

    def __init__(self, make: Callable[[str], str]) -> None:
        super().__init__()
        self._make = make

    def made(self, name: str) -> str:
        """The same, without remembering it."""
        return self._make(name)

    def __missing__(self, name: str) -> str:
        made = self._make(name)
        if len(name) <= self._LONGEST:
            if len(self) >= self._LIMIT:
                self.clear()
            self[name] = made
        return made


class Context:
    """An @context with the core at its end. Immutable, compared by identity; equal `key`s mean equal meaning.

    `url` stands in the Link header (None: it has no address). `core` is the version of its core @context. `terms` is
    the term map. `expanded` and `compacted` are `expand` and `compact` as mappings, for loops.
    """

    __slots__ = (
        "_best", "_canonical", "_lengths", "_prefixes", "_value", "compacted", "core", "expanded", "key", "terms", "url"
    )  # fmt: skip

    url: Final[str | None]
    key: Final[str]
    core: Final[str]
    terms: Final[Mapping[str, Term]]
    expanded: Final[Memo]
    compacted: Final[Memo]

    def __init__(self, terms: Mapping[str, Term], core: str, *, value: object = None, url: str | None = None) -> None:
        """`terms` with those of the core; `value` as the user gave it, without core references (None: core only)."""
        self.url = url
        self.core = core
        self.terms = terms
        self._value = value
        self.key = hashlib.sha256(json.dumps(sorted(terms.items())).encode()).hexdigest()
        self.expanded = Memo(self._expand)
        self.compacted = Memo(self._compact)
        self._canonical = Memo(lambda name: self.compacted[self.expanded[name]])
        own = {term.iri: name for name, term in core_terms(core).items()}
        self._best = _shortest((term.iri, name) for name, term in terms.items()) | own
        self._prefixes = _shortest((term.iri, name) for name, term in terms.items() if term.prefix)
        self._lengths = sorted({len(iri) for iri in self._prefixes}, reverse=True)

    def __repr__(self) -> str:
        return f"<Context {self.url or self.key[:12]}>"

    def expand(self, name: str) -> str:
        """The IRI of a term, of a compact IRI, of an IRI (itself), or of any other name (in the default vocabulary).

        `id` and `type` give `@id` and `@type`.
        """
        return self.expanded[name]

    def compact(self, iri: str) -> str:
        """The name to write for an IRI: a term, else a name of the default vocabulary, else the shortest compact IRI,
        else the IRI. Of several terms the core's, else the shortest, then the first by code point. `expand` gives the
        IRI back, unless it is one that no name expands to (an IRI whose scheme the context uses as a prefix).
        """
        return self.compacted[iri]

    def canonical(self, name: str) -> str:
        """`compact(expand(name))`: the one name among those that mean the same."""
        return self._canonical[name]

    def coercion(self, name: str) -> Coercion:
        """@type and @container of a term; `Coercion(None, None)` for any other name."""
        term = self.terms.get(name, _UNCOERCED)
        return Coercion(term.type, term.container)

    def document(self) -> Any:
        """The value of an @context member: the user's part and, last, the URL of the core (clause 4.4)."""
        core = core_url(self.core)
        if self._value is None:
            return core
        if self.url is not None:
            return [self.url, core]
        return [*(self._value if isinstance(self._value, list) else [self._value]), core]

    def at(self, url: str) -> Context:
        """The same context under an address of its own."""
        return Context(self.terms, self.core, value=self._value, url=url)

    def link_header(self) -> str:
        """Value of the Link header (clause 6.3.5). ValueError if the context has no address: give it one with `at`."""
        if self.url is None:
            raise ValueError("an inline @context has no address to link to")
        return f'<{self.url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'

    def _expand(self, name: str) -> str:
        term = self.terms.get(name)
        if term is not None:
            return term.iri
        if name.startswith("@"):
            return name
        prefix, colon, suffix = name.partition(":")
        if colon and prefix:
            if prefix == "_" or suffix.startswith("//"):
                return name
            term = self.terms.get(prefix)
            if term is not None and term.prefix:
                return term.iri + suffix
            if _ABSOLUTE.fullmatch(name):
                return name
        return VOCAB + name

    def _compact(self, iri: str) -> str:
        term = self._best.get(iri)
        if term is not None:
            return term
        if iri.startswith(VOCAB):
            name = iri[len(VOCAB) :]
            if name and self._expand(name) == iri:
                return name
            # else a compact IRI, as the compaction of JSON-LD makes it: ngsi-ld:default-context/…
        found = iri
        for length in self._lengths:
            prefix = self._prefixes.get(iri[:length])
            if prefix is not None and length < len(iri):
                candidate = f"{prefix}:{iri[length:]}"
                shorter = found is iri or (len(candidate), candidate) < (len(found), found)
                if shorter and self._expand(candidate) == iri:
                    found = candidate
        return found


def _shortest(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for iri, name in pairs:
        known = found.get(iri)
        if known is None or (len(name), name) < (len(known), known):
            found[iri] = name
    return found


@cache
def core(version: str) -> Context:
    """The core @context of a version ("1.6" … "1.9"). ValueError for any other."""
    return Context(core_terms(version), version, url=core_url(version))


CORE: Final = core(LATEST)


def core_of(url: str) -> Context | None:
    """The core @context that a URL names (http or https; older and newer versions give the nearest), else None."""
    version = core_version_of(url)
    return None if version is None else core(version)


def build(value: object, documents: Mapping[str, Any], *, url: str | None = None) -> Context:
    """A context from the value of an @context member or Link header and the documents that it leads to, by URL.

    The core comes last whether it is named or not, in the version that was named last, else the latest. A value that
    is one reference beside the core takes that reference as its `url`, unless one is given. Errors: BadRequestData
    (`@context`) for what is invalid or beyond the limits of `context_terms`; ContextNotAvailable for a document that
    is missing or no context.
    """
    from schemas.ngsi_ld import context_terms  # PyLD takes a third of a second to import; the core needs none of it

    user, version = context_terms.parse(value, documents, url)
    rest = [item for item in (value if isinstance(value, list) else [value]) if not _names_core(item)]
    if all(item is None for item in rest):
        return core(version)
    if url is None and len(rest) == 1 and isinstance(rest[0], str):
        url = rest[0]
    return Context(user | core_terms(version), version, value=rest, url=url)


def references(value: object, base: str | None = None) -> list[str]:
    """The absolute URLs that a context value names itself, core ones left out; see `context_terms.references`."""
    from schemas.ngsi_ld import context_terms

    return context_terms.references(value, base)


def _names_core(item: object) -> bool:
    return isinstance(item, str) and core_version_of(item) is not None


@lru_cache(maxsize=64)
def differing_terms(a: Context, b: Context) -> frozenset[str]:
    """Terms that expand or coerce differently in two contexts; compact IRIs differ only if their prefix is among them.

    A body in which none of these names occurs means the same under both.
    """
    return frozenset(
        name
        for name in a.terms.keys() | b.terms.keys()
        if a.expand(name) != b.expand(name)
        or a.coercion(name) != b.coercion(name)
        or (name in a.terms and a.terms[name].prefix) != (name in b.terms and b.terms[name].prefix)
    )
