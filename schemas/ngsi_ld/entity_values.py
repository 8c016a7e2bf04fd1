"""The values that each kind of attribute takes from a provider, and what no JSON from outside may hold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geometry import GEOMETRIES, GeometryError, check
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.names import MAX_NAME, encodable, is_uri, printable

_TAG = re.compile(r"@none|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_TERM = re.compile(r"[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]+")
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one entity may hold."""

    attributes: int = 5000
    """Attributes, sub-attributes and instances, all together."""
    depth: int = 16
    """Sub-attributes of sub-attributes."""
    value_depth: int = 64
    """Arrays and objects inside a value."""
    string: int = 1_000_000
    """Characters of one string."""
    nodes: int = 500_000
    """JSON values inside values, all together."""


def bad(path: str, what: str, value: object, clause: str) -> BadRequestData:
    """For raising: `path` says where, `what` completes the sentence."""
    field = printable(path)
    return BadRequestData(f"{field}: {what}.", field=field, value=_shown(value), clause=clause)


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool | float) or (isinstance(value, int) and _SMALLEST <= value <= _LARGEST):
        return repr(value)
    return type(value).__name__


class Values:
    """Reads values in one context; counts what it has seen."""

    def __init__(self, context: Context, limits: Limits) -> None:
        self._context = context
        self._limits = limits
        self._nodes = 0

    def read(self, kind: str, value: Any, path: str) -> Any:
        """The value of an attribute of this kind, normalized. Raises BadRequestData that names `path`."""
        if kind == "GeoProperty" and isinstance(value, str):
            value = _decoded(value, path, self._limits.string)
        self._plain(value, path, raw=kind == "JsonProperty")
        if kind == "GeoProperty":
            return _geometry(value, path)
        if kind == "LanguageProperty":
            return _language_map(value, path)
        if kind == "JsonProperty":
            if not isinstance(value, dict | list):
                raise bad(path, "it must be an object or an array", value, "4.5.24")
            return value
        if kind == "VocabProperty":
            if isinstance(value, list) and value:
                return [self.term(item, f"{path}[{at}]") for at, item in enumerate(value)]
            return self.term(value, path)
        if kind == "ListProperty":
            if not isinstance(value, list):
                raise bad(path, "it must be an array", value, "4.5.21")
            return value
        if kind == "Relationship":
            return _objects(value, path)
        return _object_list(value, path) if kind == "ListRelationship" else value

    def text(self, value: Any, path: str) -> str:
        self._plain(value, path)
        if not isinstance(value, str) or not value:
            raise bad(path, "it must be a text", value, "5.2.5")
        return value

    def term(self, value: Any, path: str) -> str:
        """A term or IRI, expanded."""
        if not isinstance(value, str) or len(value) > MAX_NAME or value == NULL or not _TERM.fullmatch(value):
            raise bad(path, "it must be a term or an IRI", value, "4.5.20")
        self._plain(value, path)
        return self._context.expand(value)

    def _plain(self, value: Any, path: str, *, raw: bool = False) -> None:
        """Refuses what can't be kept or given back: null (unless `raw`), U+0000, lone surrogates, numbers beyond what
        JSON libraries read, and too much of anything. Not recursive, so that no depth can exhaust the stack."""
        pending = [(value, 0, raw)]
        while pending:
            item, depth, free = pending.pop()
            self._nodes += 1
            if self._nodes > self._limits.nodes:
                raise bad(path, f"the entity holds more than {self._limits.nodes} values", None, "5.2.4")
            if isinstance(item, str):
                self._string(item, path, free)
            elif isinstance(item, dict | list):
                if depth >= self._limits.value_depth:
                    raise bad(path, f"it is nested more than {self._limits.value_depth} deep", None, "4.6.3")
                if isinstance(item, dict):
                    for key in item:
                        self._string(key, path, True)
                    # A JSON literal (clause 4.5.0) is the one place where JSON-LD keeps a null.
                    free = free or item.get("@type") == "@json"
                inner = item.values() if isinstance(item, dict) else item
                pending.extend((one, depth + 1, free) for one in inner)
            elif item is None and not free:
                raise bad(path, "null is no NGSI-LD value; leave it out, or use a JsonProperty", "null", "4.5.0")
            elif isinstance(item, float) and not math.isfinite(item):
                raise bad(path, "a number must be finite", str(item), "4.6.3")
            elif isinstance(item, int) and not _SMALLEST <= item <= _LARGEST:
                raise bad(path, "an integer must fit in 64 bits", None, "4.6.3")

    def _string(self, text: str, path: str, free: bool) -> None:
        if len(text) > self._limits.string:
            raise bad(path, f"a text has more than {self._limits.string} characters", text, "4.6.3")
        if text == NULL and not free:
            raise bad(path, "NGSI-LD Null deletes; it can't be stored", text, "5.5.4")
        if "\x00" in text:
            raise bad(path, "a text must not hold U+0000", None, "4.6.4")
        if not encodable(text):
            raise bad(path, "a text is not valid Unicode", None, "4.6.1")


def _decoded(text: str, path: str, longest: int) -> Any:
    try:
        return orjson.loads(text) if len(text) <= longest else None
    except orjson.JSONDecodeError:
        raise bad(path, "a geometry in a text must be JSON", text, "4.7.2") from None


def _geometry(value: Any, path: str) -> Any:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in GEOMETRIES:
        raise bad(path, f"it must be a GeoJSON {', '.join(sorted(GEOMETRIES))}", kind, "4.7.1")
    try:
        check(kind, value.get("coordinates"))
    except GeometryError as error:
        raise bad(f"{path}.coordinates", str(error), None, "4.7.1") from None
    return value


def _language_map(value: Any, path: str) -> Any:
    if not isinstance(value, dict) or not value:
        raise bad(path, "it must be an object of language tags and texts", value, "4.6.5")
    for tag, text in value.items():
        if not _TAG.fullmatch(tag):
            raise bad(f"{path}.{tag}", "it is no language tag (RFC 5646) or @none", tag, "4.6.5")
        texts = text if isinstance(text, list) else [text]
        if not all(isinstance(one, str) for one in texts):
            raise bad(f"{path}.{tag}", "it must be a text or an array of texts", text, "4.6.5")
    return value


def _uri(value: Any, path: str) -> str:
    if not is_uri(value) or value == NULL:
        raise bad(path, "it must be a URI", value, "4.5.3")
    return str(value)


def _objects(value: Any, path: str) -> str | list[str]:
    if isinstance(value, list) and value:
        return [_uri(item, f"{path}[{at}]") for at, item in enumerate(value)]
    return _uri(value, path)


def _object_list(value: Any, path: str) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise bad(path, "it must be an array", value, "4.5.22")
    found = []
    for at, item in enumerate(value):
        wrapped = isinstance(item, dict) and item.keys() == {"object"}
        found.append({"object": _uri(item["object"] if wrapped else item, f"{path}[{at}]")})
    return found
