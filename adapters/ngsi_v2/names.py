"""Names and ids between NGSIv2 and NGSI-LD: pure, reversible, without a memory of what was seen.

A name of NGSI-LD is a letter followed by letters, numbers and `_` (clause 4.6.2); NGSIv2 takes most of ASCII. Any other
character becomes `_x` + its code in hexadecimal + `_`, at the beginning without the first `_`: `Blesensor.per3600` is
`Blesensor_x2E_per3600`. An id that is a URI stays; any other becomes `urn:ngsi-ld:<type>:v2:<id>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

from schemas.ngsi_ld.context import VOCAB, Context
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS

_RESERVED = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS
_INNER = re.compile(r"_x([0-9A-F]{1,6})_")
_LEADING = re.compile(r"x([0-9A-F]{1,6})_")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_MAPPED = re.compile(r"urn:ngsi-ld:([^:]+):v2:(.+)", re.DOTALL)
_V2 = re.compile(r"[!-~]{1,256}")
_V2_REFUSED = re.compile(r"[&?/#]")


def is_v2_field(text: str) -> bool:
    """Whether an NGSIv2 server can hold it as an id, a type or a name ("Field syntax restrictions")."""
    return _V2.fullmatch(text) is not None and _V2_REFUSED.search(text) is None


# --- ids --------------------------------------------------------------------------------------------------------------


def urn_of(id_: str, type_: str) -> str:
    """The URI of an entity. Different pairs of a non-URI id and a type give different URIs, and none that an id which
    is a URI keeps: one that looks mapped is mapped once more."""
    if _URI.fullmatch(id_) and not _MAPPED.match(id_):
        return id_
    return f"urn:ngsi-ld:{quote(type_, safe='')}:v2:{quote(id_, safe='')}"


def id_of(urn: str) -> tuple[str, str | None]:
    """The platform's id, and the type if the URI tells it."""
    found = _MAPPED.fullmatch(urn)
    return (urn, None) if found is None else (unquote(found[2]), unquote(found[1]))


# --- names ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def encode_name(text: str) -> str:
    """A valid name for any non-empty text; different texts give different names."""
    if not text:
        return "x_"
    rest = "".join(_escaped(c, text[i + 2 : i + 3]) for i, c in enumerate(text[1:]))
    name = text[0] + rest
    if not text[0].isalpha() or _LEADING.match(name) or name == "x_" or text in _RESERVED:
        return f"x{ord(text[0]):X}_{rest}"
    return name


def decode_name(name: str) -> str:
    """The text that `encode_name` made the name from."""
    if name == "x_":
        return ""
    leading = _LEADING.match(name)
    if leading is None:
        return _INNER.sub(_character, name)
    return _character(leading) + _INNER.sub(_character, name[leading.end() :])


def _escaped(character: str, following: str) -> str:
    if character == "_":
        # `_x` always begins an escape, so one in the text is escaped itself
        return "_x5F_" if following == "x" else "_"
    return character if character.isalnum() else f"_x{ord(character):X}_"


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code <= 0x10FFFF else match[0]


class Names:
    """One platform's names as IRIs and back. `source`: the @context in which the platform has its names; `renamed`:
    names of the platform that are to be others (`options.names`)."""

    def __init__(self, source: Context, renamed: Mapping[str, str]) -> None:
        self._source = source
        self._renamed = dict(renamed)
        self._by_iri: dict[str, list[str]] = {}
        for name in [*self._renamed, *source.terms]:
            if is_v2_field(name):
                self._by_iri.setdefault(self.iri_of(name), []).append(name)

    def iri_of(self, name: str) -> str:
        """The IRI of a name of the platform: of its new name, of the context's term, else of the encoded name."""
        other = self._renamed.get(name)
        if other is not None:
            return self._source.expand(other)
        if name in self._source.terms and name not in _RESERVED:
            return self._source.expand(name)
        return self._source.expand(encode_name(name))

    def v2_of(self, iri: str) -> tuple[str, ...]:
        """All names of the platform that mean an IRI; none if it can't have any."""
        found = dict.fromkeys(self._by_iri.get(iri, ()))
        if iri.startswith(VOCAB):
            name = decode_name(iri[len(VOCAB) :])
            if is_v2_field(name) and self.iri_of(name) == iri:
                found[name] = None
        return tuple(found)

    def __repr__(self) -> str:
        return f"<Names in {self._source!r}>"
