"""The Query data type (clauses 5.2.23, 5.2.33, 5.2.13, 5.2.43), read as the URI parameters that say the same. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.names import is_uri, printable
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import Selector
from schemas.ngsi_ld.types import parse_type_selection

CLAUSE = "5.2.23"
MAX_SELECTORS = 100

_SELECTOR: Final = frozenset({"type", "id", "idPattern"})
_GEO: Final = ("georel", "geometry", "coordinates", "geoproperty")
_ORDERING: Final = {
    "collation": "collation",
    "coordinates": "orderFrom",
    "geometry": "orderGeometry",
    "orderBy": "orderBy",
}


def read_query_object(document: object, context: Context) -> tuple[dict[str, str], tuple[Selector, ...]]:
    """The parameters and the selectors of a Query. Raises BadRequestData that names the member.

    A type of `*` makes the query a local one, as it does in the URI (clause 6.4.3.2).
    """
    if not isinstance(document, dict) or document.get("type") != "Query":
        raise _bad(
            "type", "a Query is an object of type Query", document.get("type") if isinstance(document, dict) else None
        )
    params: dict[str, str] = {}
    for name, value in document.items():
        if name in ("type", "@context", "entities", "geoQ", "ordering"):
            continue
        read = _READERS.get(name)
        if read is None:
            raise _bad(name[:80], "a Query has no such member here", None)
        params[name] = read(name, value)
    if "geoQ" in document:
        params |= _geo(document["geoQ"])
    if "ordering" in document:
        params |= ordering_params(document["ordering"])
    selectors: tuple[Selector, ...] = ()
    if "entities" in document:
        selectors = _selectors(document["entities"], context)
        if any(selector.types is None for selector in selectors):
            params["local"] = "true"
    return params, selectors


def _selectors(given: object, context: Context) -> tuple[Selector, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_SELECTORS:
        raise _bad("entities", f"it is an array of 1 to {MAX_SELECTORS} selectors", None)
    return tuple(_selector(one, context) for one in given)


def _selector(given: object, context: Context) -> Selector:
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise _bad("entities.type", "every selector has a type", None, "5.2.33")
    for name in given:
        if name not in _SELECTOR:
            raise _bad(f"entities.{name[:80]}", "a selector has type, id and idPattern", None, "5.2.33")
    ids = given.get("id", [])
    listed = [ids] if isinstance(ids, str) else ids
    if not isinstance(listed, list) or ("id" in given and not listed) or not all(map(is_uri, listed)):
        raise _bad("entities.id", "it is a URI or an array of them", None, "5.2.33")
    pattern = given.get("idPattern")
    if pattern is not None:
        if not isinstance(pattern, str):
            raise _bad("entities.idPattern", "it is a regular expression", None, "5.2.33")
        compile_pattern(pattern)
    types = None if given["type"] == "*" else parse_type_selection(given["type"], context=context)
    return Selector(types, tuple(dict.fromkeys(listed)), pattern)


def _geo(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise _bad("geoQ", "it is an object", None, "5.2.13")
    found: dict[str, str] = {}
    for name, value in given.items():
        if name == "type" and value == "GeoQuery":
            continue
        if name not in _GEO:
            raise _bad(
                f"geoQ.{name[:80]}", "a GeoQuery has georel, geometry, coordinates and geoproperty", None, "5.2.13"
            )
        if name == "coordinates" and isinstance(value, list):
            found[name] = _json(value)
        else:
            found[name] = _text(f"geoQ.{name}", value)
    return found


def ordering_params(given: object) -> dict[str, str]:
    """Of an OrderingParams (clause 5.2.43). BadRequestData names the member."""
    if not isinstance(given, dict):
        raise _bad("ordering", "it is an object", None, "5.2.43")
    found: dict[str, str] = {}
    for name, value in given.items():
        if name == "type" and value == "OrderingParams":
            continue
        if name not in _ORDERING:
            raise _bad(f"ordering.{name[:80]}", f"it has {', '.join(_ORDERING)}", None, "5.2.43")
        if name == "coordinates":
            if not isinstance(value, list):
                raise _bad("ordering.coordinates", "it is an array", None, "5.2.43")
            found["orderFrom"] = _json(value)
        elif name == "orderBy":
            found["orderBy"] = _listed("ordering.orderBy", value)
        else:
            found[_ORDERING[name]] = _text(f"ordering.{name}", value)
    if "orderBy" not in found:
        raise _bad("ordering.orderBy", "an ordering needs it", None, "5.2.43")
    return found


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _bad(name, "it is a text", None)
    return value


def _listed(name: str, value: object) -> str:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise _bad(name, "it is an array of texts that is not empty", None)
    return ",".join(value)


def _either(name: str, value: object) -> str:
    return _text(name, value) if isinstance(value, str) else _listed(name, value)


def _flag(name: str, value: object) -> str:
    if not isinstance(value, bool):
        raise _bad(name, "it is true or false", None)
    return "true" if value else "false"


def _whole(name: str, value: object) -> str:
    # clients of the GET send it as a text
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(name, "it is a whole number", None)
    return str(value)


def _json(value: list[Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        raise _bad("coordinates", "they are nested too deep", None) from None


_READERS: Final[dict[str, Callable[[str, object], str]]] = {
    "q": _text,
    "scopeQ": _text,
    "csf": _text,
    "lang": _text,
    "join": _text,
    "geometryProperty": _text,
    "attrs": _listed,
    "pick": _listed,
    "omit": _listed,
    "containedBy": _listed,
    "datasetId": _listed,
    "expandValues": _either,
    "jsonKeys": _either,
    "joinLevel": _whole,
    "splitEntities": _flag,
}


def _bad(field: str, what: str, value: object, clause: str = CLAUSE) -> BadRequestData:
    shown = printable(value) if isinstance(value, str) else value
    return BadRequestData(f"the Query can't be read: {what}.", field=field, value=shown, clause=clause)
