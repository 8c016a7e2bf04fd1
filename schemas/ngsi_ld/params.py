"""From URI parameters to `EntityQuery` and `Rendering` (clauses 6.4.3.2, 6.5.3.1, 6.3.7–6.3.13, 6.3.18, 6.3.20). Pure.

Every error names the parameter. A parameter that the operation does not know is an error (6.3.20), not ignored: a
misspelt filter would otherwise give too much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from schemas.errors import BadRequestData, InvalidRequest, UriTooLong
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.linked import Join
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.order import Order, parse_order
from schemas.ngsi_ld.param_filters import csf_of, datasets_of, join_of, q_of
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.projection import Parts, heads, parse_projection, paths_of
from schemas.ngsi_ld.query import EntityQuery, Format, Rendering, Selector
from schemas.ngsi_ld.scope import parse_scope_query
from schemas.ngsi_ld.types import TypeSelection, parse_type_selection

MAX_LIMIT = 1000
MAX_OFFSET = 1_000_000_000
MAX_NAMES = 1000
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
_NO_ATTRIBUTES = frozenset({"id", "type", "scope"})
_RENDERING = frozenset({"options", "format", "lang", "geometryProperty", "attrs", "pick", "omit", "local"}) | {
    *("datasetId", "join", "joinLevel", "containedBy"),
}
_QUERY = _RENDERING | {
    *("id", "type", "idPattern", "q", "georel", "geometry", "coordinates", "geoproperty"),
    *("limit", "offset", "count", "splitEntities"),
    *("scopeQ", "csf", "expandValues", "jsonKeys", "orderBy", "orderFrom", "orderGeometry", "collation"),
}
_RETRIEVE = _RENDERING | frozenset({"type"})
_FORMATS = {
    "normalized": Format.NORMALIZED,
    "concise": Format.CONCISE,
    "simplified": Format.SIMPLIFIED,
    "keyValues": Format.SIMPLIFIED,
}


def read_parameters(query_string: bytes, *, max_bytes: int) -> dict[str, str]:
    """The parameters of a query string. UriTooLong beyond `max_bytes`; InvalidRequest if it is not UTF-8, or has a
    parameter twice."""
    if len(query_string) > max_bytes:
        raise UriTooLong(f"the query string has more than the {max_bytes} bytes that are taken", field="query string")
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except UnicodeError:
        raise InvalidRequest("the query string is not percent-encoded UTF-8", field="query string") from None
    except ValueError as e:
        raise InvalidRequest(f"the query string can't be read: {e}", field="query string") from None
    params: dict[str, str] = {}
    for name, value in pairs:
        if name in params:
            raise InvalidRequest("the parameter stands twice", field=name)
        params[name] = value
    return params


def parse_query(
    params: Mapping[str, str],
    context: Context,
    *,
    tenant: str = "",
    geojson: bool = False,
    selectors: tuple[Selector, ...] = (),
    split: bool = False,
) -> tuple[EntityQuery, Rendering]:
    """Query Entities (clause 5.7.2). BadRequestData or InvalidRequest names the parameter.

    `selectors`: those of a Query object; `params` then have neither type, id nor idPattern. `split`: what holds where
    the question has no splitEntities.
    """
    _known(params, _QUERY, "Query Entities")
    options, rendering = _rendering(params, context, geojson)
    count = _flag(params, "count") or "count" in options
    limit = _whole(params, "limit", 20, MAX_LIMIT)
    if limit == 0 and not count:
        raise BadRequestData("limit=0 goes only with count=true", field="limit", value="0", clause="6.3.10")
    local = _flag(params, "local")
    types = params.get("type")
    if types == "*":
        if params.get("local") == "false":
            raise BadRequestData("type=* is local by itself", field="local", value="false", clause="6.4.3.2")
        types, local = None, True
    ids = _ids(params)
    pattern = params.get("idPattern")
    if pattern is not None:
        compile_pattern(pattern)
    attrs = _attributes(params, context)
    join = join_of(params, context)
    q = q_of(params, context, join)
    geo = _geo(params, context)
    narrowed = types is not None or selectors or attrs or (q is not None and q.attributes) or geo is not None
    if not narrowed and not local:
        raise BadRequestData(
            "at least one of type, georel, or attrs or q with an attribute is needed, or local=true",
            field="type",
            clause="5.7.2.4",
        )
    scope = params.get("scopeQ")
    query = EntityQuery(
        context=context,
        provenance="provenance" in options,
        ids=ids,
        types=None if types is None else parse_type_selection(types, context=context),
        id_pattern=pattern,
        attrs=attrs,
        pick=_names(params, "pick", context, join),
        omit=_names(params, "omit", context, join),
        q=q,
        geo=geo,
        scope=None if scope is None else parse_scope_query(scope),
        csf=csf_of(params, context),
        order=_order(params, context),
        join=join,
        limit=limit,
        offset=_whole(params, "offset", 0, MAX_OFFSET),
        count=count,
        sys_attrs=rendering.sys_attrs,
        datasets=rendering.datasets,
        split_entities=_flag(params, "splitEntities", split),
        local=local,
        tenant=tenant,
    )
    return _parted(_checked(_selected(query, selectors)), rendering)


def _selected(query: EntityQuery, selectors: tuple[Selector, ...]) -> EntityQuery:
    """With the selectors of a Query: one is the query's own, of several it has what any of them takes."""
    if not selectors:
        return query
    if len(selectors) == 1:
        (only,) = selectors
        return query.alter(types=only.types, ids=only.ids, id_pattern=None if only.ids else only.id_pattern)
    types = [selector.types for selector in selectors]
    union = None if None in types else tuple(dict.fromkeys(a for t in types if t is not None for a in t.alternatives))
    named = all(selector.ids for selector in selectors)
    return query.alter(
        types=None if union is None else TypeSelection(union),
        ids=tuple(dict.fromkeys(i for selector in selectors for i in selector.ids)) if named else (),
        selectors=selectors,
    )


def parse_retrieve(
    entity_id: str, params: Mapping[str, str], context: Context, *, tenant: str = "", geojson: bool = False
) -> tuple[EntityQuery, Rendering]:
    """Retrieve Entity (clause 5.7.1)."""
    _known(params, _RETRIEVE, "Retrieve Entity")
    options, rendering = _rendering(params, context, geojson)
    types = params.get("type")
    join = join_of(params, context)
    query = EntityQuery(
        context=context,
        provenance="provenance" in options,
        ids=(checked_id(entity_id),),
        types=None if types is None else parse_type_selection(types, context=context),
        attrs=_attributes(params, context),
        pick=_names(params, "pick", context, join),
        omit=_names(params, "omit", context, join),
        join=join,
        limit=1,
        retrieve=True,
        sys_attrs=rendering.sys_attrs,
        datasets=rendering.datasets,
        local=_flag(params, "local"),
        tenant=tenant,
    )
    return _parted(_checked(query), rendering)


def checked_id(entity_id: str) -> str:
    """The id of an entity to retrieve; BadRequestData if it is no URI."""
    if not _URI.fullmatch(entity_id):
        raise BadRequestData("an entity id is a URI", field="id", value=entity_id, clause="5.7.1")
    return entity_id


def _checked(query: EntityQuery) -> EntityQuery:
    if query.attrs and (query.pick or query.omit):
        raise BadRequestData("attrs excludes pick and omit", field="attrs", clause="4.21")
    both = set(query.pick) & set(query.omit)
    if both:
        raise BadRequestData("a member is both picked and omitted", field="omit", value=min(both), clause="4.21")
    return query


def _parted(query: EntityQuery, rendering: Rendering) -> tuple[EntityQuery, Rendering]:
    """Where sub-attributes are named (`a.b`), their attributes are asked for, and cut when they leave."""
    parts = Parts(paths_of(query.pick or query.attrs, query.context), paths_of(query.omit, query.context))
    if parts == Parts():
        return query, rendering
    member = "pick" if query.pick else "attrs"
    shown = dict.fromkeys((*(query.pick or query.attrs), *heads(parts.pick)))
    return query.alter(**{member: tuple(shown)}), msgspec.structs.replace(rendering, parts=parts)


def _known(params: Mapping[str, str], known: frozenset[str], operation: str) -> None:
    for name in params:
        if name not in known:
            raise InvalidRequest(f"{operation} has no such parameter", field=name[:80], clause="6.3.20")


def _rendering(params: Mapping[str, str], context: Context, geojson: bool) -> tuple[frozenset[str], Rendering]:
    options = frozenset(o for o in params.get("options", "").split(",") if o)
    format_ = params.get("format")
    if format_ is not None and format_ not in _FORMATS:
        raise InvalidRequest("no such format; normalized, concise, simplified", field="format", value=format_)
    chosen = [_FORMATS[o] for o in sorted(options) if o in _FORMATS]
    for option in options - _FORMATS.keys() - {"count", "sysAttrs", "provenance"}:
        raise InvalidRequest("no such option", field="options", value=option, clause="6.3.20")
    if format_ is not None:
        chosen = [_FORMATS[format_]]
    if len(set(chosen)) > 1:
        raise InvalidRequest("the options name two formats", field="options", value=params["options"])
    if "geometryProperty" in params and not geojson:
        raise BadRequestData(
            "geometryProperty goes with Accept: application/geo+json", field="geometryProperty", clause="5.7.2.4"
        )
    geometry = params.get("geometryProperty", "location")
    return options, Rendering(
        format=chosen[0] if chosen else Format.NORMALIZED,
        geojson=geojson,
        geometry_property=context.canonical(geometry) if geometry else "location",
        sys_attrs="sysAttrs" in options,
        lang=params.get("lang"),
        datasets=datasets_of(params),
    )


def _whole(params: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12) or int(text) > most:
        raise BadRequestData(f"{name} is a whole number from 0 to {most}", field=name, value=text, clause="6.3.10")
    return int(text)


def _flag(params: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = params.get(name)
    if text is None:
        return default
    if text == "false":
        return False
    if text == "true":
        return True
    raise InvalidRequest(f"{name} is true or false", field=name, value=text)


def _ids(params: Mapping[str, str]) -> tuple[str, ...]:
    text = params.get("id")
    if text is None:
        return ()
    ids = tuple(dict.fromkeys(text.split(",")))
    if len(ids) > MAX_NAMES:
        raise BadRequestData(f"more than {MAX_NAMES} ids", field="id")
    for one in ids:
        if not _URI.fullmatch(one):
            raise BadRequestData("an entity id is a URI", field="id", value=one, clause="6.4.3.2")
    return ids


def _names(params: Mapping[str, str], name: str, context: Context, join: Join | None = None) -> tuple[str, ...]:
    """What is shown of the entities themselves; with a join, what their own part of the projection says."""
    if join is not None:
        return join.pick.names if name == "pick" else join.omit.plain
    text = params.get(name)
    return () if text is None else parse_projection(text, field=name, context=context)


def _attributes(params: Mapping[str, str], context: Context) -> tuple[str, ...]:
    names = _names(params, "attrs", context)
    if not _NO_ATTRIBUTES.isdisjoint(names) or (names and ENTITY_MEMBERS.issuperset(names)):
        raise BadRequestData(
            "attrs is a list of attributes; id, type and scope are none, and timestamps alone are not enough",
            field="attrs",
            value=params["attrs"],
            clause="5.7.2.4",
        )
    return names


def _order(params: Mapping[str, str], context: Context) -> Order | None:
    text = params.get("orderBy")
    if text is None:
        for name in ("orderFrom", "orderGeometry", "collation"):
            if name in params:
                raise BadRequestData(f"{name} goes only with orderBy", field=name, clause="6.4.3.2")
        return None
    return parse_order(
        text,
        context=context,
        collation=params.get("collation"),
        order_from=params.get("orderFrom"),
        order_geometry=params.get("orderGeometry"),
    )


def _geo(params: Mapping[str, str], context: Context) -> GeoQuery | None:
    georel, geometry, coordinates = (params.get(n) for n in ("georel", "geometry", "coordinates"))
    if georel is None and geometry is None and coordinates is None:
        return None
    for name, value in (("georel", georel), ("geometry", geometry), ("coordinates", coordinates)):
        if value is None:
            raise BadRequestData("a geoquery needs georel, geometry and coordinates", field=name, clause="4.10")
    return parse_geo(
        georel or "", geometry or "", coordinates or "", context.canonical(params.get("geoproperty") or "location")
    )
