"""How an NGSIv2 server selects and renders entities: parameters of `GET /v2/entities` in, JSON values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import re2

from broker.demo.orion_geo import NotSupportedQuery, compile_geo, location_of
from broker.demo.orion_query import FORBIDDEN, QueryError, compile_query, stored_value
from broker.demo.orion_store import Refusal, Stored, bad_request

MAX_LIMIT = 1000
DEFAULT_LIMIT = 20
_UNCHECKED = frozenset({"q", "mq"})
_FORMS = ("keyValues", "values", "unique")


def check_parameters(params: Mapping[str, str]) -> None:
    """Refuse what Orion refuses in any parameter: forbidden characters, empty values."""
    for name, value in params.items():
        if not value:
            raise bad_request(f"Empty right-hand-side for URI param /{name}/")
        allowed = frozenset(";") if name in ("georel", "coords") else frozenset()
        if name not in _UNCHECKED and (FORBIDDEN - allowed).intersection(value):
            raise bad_request(f"Invalid characters in URI param /{name}/")


def select(rows: Iterable[Stored], params: Mapping[str, str]) -> list[Stored]:
    """All that match, in the order of their creation or of `orderBy`."""
    tests = [*_identity_tests(params), *_content_tests(params)]
    found = [row for row in rows if all(test(row) for test in tests)]
    return _ordered(found, params["orderBy"]) if "orderBy" in params else found


def page_of(params: Mapping[str, str]) -> tuple[int, int]:
    """offset and limit."""
    limit = _whole(params.get("limit"), DEFAULT_LIMIT, "limit")
    if limit > MAX_LIMIT:
        raise bad_request(f"Bad pagination limit: /{limit}/ [max: {MAX_LIMIT}]")
    if limit == 0:
        raise bad_request("Bad pagination limit: /0/ [a value of ZERO is unacceptable]")
    return _whole(params.get("offset"), 0, "offset"), limit


def _whole(text: str | None, default: int, name: str) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad_request(f"Bad pagination {name}: /{text}/ [must be a decimal number]")
    return int(text)


def _identity_tests(params: Mapping[str, str]) -> list[Callable[[Stored], bool]]:
    tests: list[Callable[[Stored], bool]] = []
    for name, member in (("id", "id"), ("type", "type")):
        if name in params and f"{name}Pattern" in params:
            raise bad_request(f"Incompatible parameters: {name}, {name}Pattern")
        if name in params:
            tests.append(_in(member, frozenset(params[name].split(","))))
        if f"{name}Pattern" in params:
            tests.append(_matching(member, params[f"{name}Pattern"]))
    return tests


def _in(member: str, values: frozenset[str]) -> Callable[[Stored], bool]:
    return lambda row: row.entity[member] in values


def _matching(member: str, text: str) -> Callable[[Stored], bool]:
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(text, options)
    except re2.error:
        raise bad_request(f"Invalid regex for entity {member} pattern") from None
    return lambda row: pattern.search(row.entity[member]) is not None


def _content_tests(params: Mapping[str, str]) -> list[Callable[[Stored], bool]]:
    tests: list[Callable[[Stored], bool]] = []
    try:
        tests.extend(_by_query(params[name], name == "mq") for name in ("q", "mq") if name in params)
        if "georel" in params:
            if "geometry" not in params or "coords" not in params:
                raise bad_request("Invalid query: georel needs geometry and coords")
            tests.append(_by_place(params["georel"], params["geometry"], params["coords"]))
        elif "geometry" in params or "coords" in params:
            raise bad_request("Invalid query: geometry and coords need georel")
    except QueryError as e:
        raise bad_request(str(e)) from None
    except NotSupportedQuery as e:
        raise Refusal(422, "NotSupportedQuery", str(e)) from None
    return tests


def _by_query(text: str, metadata: bool) -> Callable[[Stored], bool]:
    test = compile_query(text, metadata=metadata)
    builtin = "dateCreated" in text or "dateModified" in text
    return lambda row: test(_with_builtin(row) if builtin else row.entity)


def _with_builtin(row: Stored) -> dict[str, Any]:
    return {
        **row.entity,
        "dateCreated": {"type": "DateTime", "value": row.created},
        "dateModified": {"type": "DateTime", "value": row.modified},
    }


def _by_place(georel: str, geometry: str, coords: str) -> Callable[[Stored], bool]:
    test = compile_geo(georel, geometry, coords)

    def matches(row: Stored) -> bool:
        location = location_of(row.entity)
        return location is not None and test(location)

    return matches


def _ordered(rows: list[Stored], order: str) -> list[Stored]:
    # each sort is stable, so the first criterion goes last
    for name in reversed(order.split(",")):
        down = name.startswith("!")
        rows = sorted(rows, key=_sort_key(name[1:] if down else name), reverse=down)
    return rows


def _sort_key(name: str) -> Callable[[Stored], tuple[int, Any]]:
    def key(row: Stored) -> tuple[int, Any]:
        if name in ("id", "type"):
            return 2, row.entity[name]
        value = stored_value(_with_builtin(row).get(name, {}))
        if isinstance(value, bool):
            return 5, value
        if isinstance(value, int | float):
            return 1, value
        if isinstance(value, str):
            return 2, value
        return (0, 0) if value is None else (3, 0)

    return key


def render(row: Stored, params: Mapping[str, str]) -> Any:
    """One entity as `attrs`, `metadata` and `options` ask for it."""
    options = params.get("options", "").split(",")
    attributes = _attributes(row, params)
    form = next((o for o in options if o in _FORMS), None)
    if form is None:
        return {"id": row.entity["id"], "type": row.entity["type"], **attributes}
    if form == "keyValues":
        values = {name: attribute["value"] for name, attribute in attributes.items()}
        return {"id": row.entity["id"], "type": row.entity["type"], **values}
    listed = [attribute["value"] for attribute in attributes.values()]
    if form == "values":
        return listed
    return [value for at, value in enumerate(listed) if value not in listed[:at]]


def render_attributes(row: Stored, params: Mapping[str, str]) -> dict[str, Any]:
    attributes = _attributes(row, params)
    if "keyValues" in params.get("options", ""):
        return {name: attribute["value"] for name, attribute in attributes.items()}
    return attributes


def _attributes(row: Stored, params: Mapping[str, str]) -> dict[str, Any]:
    wanted = params["attrs"].split(",") if "attrs" in params else ["*"]
    own = {name: a for name, a in row.entity.items() if name not in ("id", "type")}
    chosen: dict[str, Any] = {}
    for name in wanted:
        if name == "*":
            chosen.update(own)
        elif name in own:
            chosen[name] = own[name]
        elif name in ("dateCreated", "dateModified"):
            value = row.created if name == "dateCreated" else row.modified
            chosen[name] = {"type": "DateTime", "value": value, "metadata": {}}
    if "metadata" not in params:
        return chosen
    metadata = params["metadata"].split(",")
    return {name: {**a, "metadata": _metadata(row, name, a, metadata)} for name, a in chosen.items()}


def _metadata(row: Stored, name: str, attribute: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    own = attribute["metadata"]
    times = row.attribute_times.get(name)
    chosen: dict[str, Any] = {}
    for item in wanted:
        if item == "*":
            chosen.update(own)
        elif item in own:
            chosen[item] = own[item]
        elif times is not None and item in ("dateCreated", "dateModified"):
            chosen[item] = {"type": "DateTime", "value": times[item == "dateModified"]}
    return chosen


def types_of(rows: Iterable[Stored]) -> list[dict[str, Any]]:
    """`GET /v2/types`: each type with its attributes' types and how many entities it has, by name."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(row.entity["type"], {"type": row.entity["type"], "attrs": {}, "count": 0})
        entry["count"] += 1
        for name, attribute in row.entity.items():
            if name not in ("id", "type"):
                kinds = entry["attrs"].setdefault(name, {"types": []})["types"]
                if attribute["type"] not in kinds:
                    kinds.append(attribute["type"])
    return [found[name] for name in sorted(found)]
