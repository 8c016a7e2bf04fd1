"""URI parameters and Query bodies to `TemporalQuery` (clauses 5.2.21, 5.2.23, 5.2.44, 6.18.3.2, 6.19.3.1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.collation import parse_collation
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.language import read_language
from schemas.ngsi_ld.model import SYSTEM_MEMBERS
from schemas.ngsi_ld.names import is_uri, printable
from schemas.ngsi_ld.param_filters import csf_of
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.projection import Parts, heads, parse_projection, paths_of
from schemas.ngsi_ld.q import Q, parse_q
from schemas.ngsi_ld.query_object import ordering_params
from schemas.ngsi_ld.scope import parse_scope_query
from schemas.ngsi_ld.temporal import Form, Selector, TemporalQuery, Window
from schemas.ngsi_ld.temporal_aggregate import Aggregation, parse_aggregation
from schemas.ngsi_ld.temporal_members import flag_text, geo_members, joined, temporal_members, text_of
from schemas.ngsi_ld.types import parse_type_selection

MAX_LIMIT: Final = 1000
MAX_LAST_N: Final = 100_000
PROPERTIES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
_MAX_NAMES: Final = 1000
_TIMERELS: Final = ("before", "after", "between")
_FORMS: Final = {
    "normalized": Form.NORMALIZED,
    "concise": Form.CONCISE,
    "temporalValues": Form.VALUES,
    "simplified": Form.VALUES,
    "keyValues": Form.VALUES,
    "aggregatedValues": Form.AGGREGATED,
}
_RETRIEVE: Final = frozenset(
    {
        *("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "datasetId", "attrs", "pick", "omit"),
        *("options", "format", "lang", "aggrMethods", "aggrPeriodDuration", "local"),
    }
)
_QUERY: Final = _RETRIEVE | {
    *(
        "id",
        "type",
        "idPattern",
        "q",
        "csf",
        "scopeQ",
        "georel",
        "geometry",
        "coordinates",
        "geoproperty",
        "expandValues",
    ),
    *("expandValues", "jsonKeys", "orderBy", "collation", "limit", "offset", "count", "splitEntities"),
}
_BODY_TEXTS: Final = frozenset({"q", "csf", "scopeQ", "lang", "expandValues", "jsonKeys"})
_BODY_LISTS: Final = frozenset({"attrs", "pick", "omit", "datasetId"})


def parse_temporal_retrieve(params: Mapping[str, str], context: Context) -> TemporalQuery:
    """Retrieve Temporal Evolution of an Entity (clause 5.7.3). Errors name the parameter."""
    _known(params, _RETRIEVE, "Retrieve Temporal Evolution")
    return _common(params, context)


def parse_temporal_query(params: Mapping[str, str], context: Context) -> TemporalQuery:
    """Query Temporal Evolution of Entities (clause 5.7.4)."""
    _known(params, _QUERY, "Query Temporal Evolution")
    if params.get("type") == "*" and params.get("local") == "false":
        raise _local_by_itself("6.18.3.2")
    selector = _selector(params.get("id"), params.get("type"), params.get("idPattern"), context)
    return _finish(params, (selector,), context)


def parse_temporal_body(body: object, params: Mapping[str, str], context: Context) -> TemporalQuery:
    """The same from a Query document (clause 5.2.23), with limit, offset, count, options, format, lang and local as
    URI parameters."""
    given = read_temporal_body(body, params)
    selectors = _selectors(body.get("entities"), context) if isinstance(body, dict) and "entities" in body else ()
    return _finish(given, selectors, context)


def read_temporal_body(body: object, params: Mapping[str, str]) -> dict[str, str]:
    """What a Query document and the URI say, the selectors of entities apart, as the URI parameters that say the
    same."""
    _known(params, frozenset({"limit", "offset", "count", "options", "format", "lang", "local"}), "this query")
    if not isinstance(body, dict) or body.get("type") != "Query":
        raise BadRequestData("the body is an object of type Query", field="type", clause="5.2.23")
    given = dict(params)
    for name, value in body.items():
        if name in ("temporalQ", "aggrParams"):
            given.update(temporal_members(name, value))
        elif name == "geoQ":
            given.update(geo_members(value))
        elif name == "ordering":
            given.update(ordering_params(value))
        elif name in _BODY_TEXTS:
            given[name] = text_of(name, value)
        elif name in _BODY_LISTS:
            given[name] = joined(name, value)
        elif name == "splitEntities":
            given[name] = flag_text(name, value)
        elif name not in ("type", "@context", "entities"):
            raise BadRequestData("a Query has no such member here", field=printable(name), clause="5.2.23")
    if any(isinstance(one, dict) and one.get("type") == "*" for one in _listed(body.get("entities"))):
        if given.get("local") == "false":
            raise _local_by_itself("5.2.33")
        given["local"] = "true"
    if "aggrMethods" in given and "format" not in given and "options" not in given:
        given["format"] = "aggregatedValues"
    return given


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _local_by_itself(clause: str) -> BadRequestData:
    return BadRequestData("a type of * is local by itself", field="local", value="false", clause=clause)


def _finish(params: Mapping[str, str], selectors: tuple[Selector, ...], context: Context) -> TemporalQuery:
    query = _common(params, context)
    if "timerel" not in params:
        raise BadRequestData("a temporal query is needed: timerel and timeAt", field="timerel", clause="5.7.4.4")
    q = _q(params, context)
    geo = _geo(params, context)
    typed = any(one.types is not None for one in selectors)
    named = set(query.attrs) | (set() if q is None else q.attributes)
    wide = not (typed or named - SYSTEM_MEMBERS or geo is not None)
    if wide and not _flag(params, "local") and params.get("type") != "*":
        raise BadRequestData(
            "at least one of type, attrs, q, georel or local=true is needed", field="type", clause="5.7.4.4"
        )
    count = _flag(params, "count") or "count" in params.get("options", "").split(",")
    limit = _whole(params, "limit", 20, MAX_LIMIT)
    if limit == 0 and not count:
        raise BadRequestData("limit=0 goes only with count=true", field="limit", value="0", clause="6.3.10")
    _flag(params, "splitEntities")
    order = _order(params)
    return replace(
        query,
        selectors=tuple(one for one in selectors if one != Selector()),
        q=q,
        geo=geo,
        scope=parse_scope_query(params["scopeQ"]) if "scopeQ" in params else None,
        csf=csf_of(params, context),
        limit=limit,
        offset=_whole(params, "offset", 0, 1_000_000_000),
        count=count,
        descending=order == "id;desc",
    )


def _order(params: Mapping[str, str]) -> str:
    """By id only, and by the code points of it, whatever collation is preferred: it has no letters of a language."""
    order = params.get("orderBy", "id")
    if order not in ("id", "id;asc", "id;desc"):
        raise BadRequestData("evolutions are ordered by id only", field="orderBy", value=order, clause="5.7.4.4")
    for name in ("orderFrom", "orderGeometry", "collation"):
        if name in params and (name != "collation" or "orderBy" not in params):
            raise BadRequestData(f"{name} does not go with this", field=name, clause="5.7.4.4")
    if "collation" in params:
        parse_collation(params["collation"])
    return order


def _common(params: Mapping[str, str], context: Context) -> TemporalQuery:
    form, sys_attrs = _form(params)
    attrs, pick, omit = (_names(params, name, context) for name in ("attrs", "pick", "omit"))
    if attrs and (pick or omit):
        raise BadRequestData("attrs goes neither with pick nor with omit", field="attrs", clause="4.21")
    both = set(pick) & set(omit)
    if both:
        raise BadRequestData("a member is both picked and omitted", field="omit", value=min(both), clause="4.21")
    parts = Parts(paths_of(pick or attrs, context), paths_of(omit, context))
    leading = heads(parts.pick)
    return TemporalQuery(
        context=context,
        window=parse_window(params),
        attrs=(*attrs, *leading) if attrs else (),
        pick=(*pick, *leading) if pick else (),
        parts=None if parts == Parts() else parts,
        omit=omit,
        form=form,
        aggregation=_aggregation(params) if form is Form.AGGREGATED else None,
        sys_attrs=sys_attrs,
        lang=read_language(params.get("lang")),
        local=_flag(params, "local") or params.get("type") == "*",
    )


def parse_window(params: Mapping[str, str]) -> Window:
    timerel = params.get("timerel")
    if timerel is not None and timerel not in _TIMERELS:
        raise BadRequestData("timerel is before, after or between", field="timerel", value=timerel, clause="4.11")
    time_at, end_at = _instant(params, "timeAt"), _instant(params, "endTimeAt")
    if (timerel is None) != (time_at is None):
        raise BadRequestData("timerel and timeAt go together", field="timeAt", clause="4.11")
    if (timerel == "between") != (end_at is not None):
        raise BadRequestData("endTimeAt goes with timerel=between, which needs it", field="endTimeAt", clause="4.11")
    timeproperty = params.get("timeproperty")
    if timeproperty is not None and timeproperty not in PROPERTIES:
        raise BadRequestData(
            f"timeproperty is one of {', '.join(PROPERTIES)}", field="timeproperty", value=timeproperty, clause="4.8"
        )
    last_n = _whole(params, "lastN", 0, MAX_LAST_N) if "lastN" in params else None
    if last_n == 0:
        raise BadRequestData("lastN is a positive whole number", field="lastN", value="0", clause="5.2.21")
    return Window(timerel, time_at, end_at, timeproperty, last_n, _datasets(params))


def _datasets(params: Mapping[str, str]) -> tuple[str, ...]:
    if "datasetId" not in params:
        return ()
    found = tuple(dict.fromkeys(params["datasetId"].split(",")))
    for name in found:
        if name != "@none" and not is_uri(name):
            raise BadRequestData("a datasetId is a URI or @none", field="datasetId", value=name, clause="4.5.5")
    return tuple("" if name == "@none" else name for name in found)


def _instant(params: Mapping[str, str], name: str) -> datetime | None:
    text = params.get(name)
    if text is None:
        return None
    if not is_datetime(text):
        raise BadRequestData(
            f"{name} is a DateTime in UTC such as 2026-04-01T09:00:00Z", field=name, value=text, clause="4.6.3"
        )
    return read_datetime(text)


def _form(params: Mapping[str, str]) -> tuple[Form, bool]:
    options = [o for o in params.get("options", "").split(",") if o]
    for option in options:
        if option not in _FORMS and option not in ("sysAttrs", "count"):
            raise InvalidRequest("no such option", field="options", value=option, clause="6.3.20")
    chosen = {_FORMS[o] for o in options if o in _FORMS}
    named = params.get("format")
    if named is not None:
        if named not in _FORMS:
            raise InvalidRequest("no such format", field="format", value=named, clause="6.3.20")
        chosen = {_FORMS[named]}
    if len(chosen) > 1:
        raise InvalidRequest("the options name two formats", field="options", value=params["options"])
    return (chosen.pop() if chosen else Form.NORMALIZED), "sysAttrs" in options


def _aggregation(params: Mapping[str, str]) -> Aggregation:
    methods = params.get("aggrMethods")
    if not methods:
        raise BadRequestData("aggregatedValues needs aggrMethods", field="aggrMethods", clause="6.18.3.2")
    return parse_aggregation(methods, params.get("aggrPeriodDuration"))


def _selector(ids: str | None, types: str | None, pattern: str | None, context: Context) -> Selector:
    found = () if ids is None else tuple(dict.fromkeys(ids.split(",")))
    if len(found) > _MAX_NAMES:
        raise BadRequestData(f"more than {_MAX_NAMES} ids", field="id")
    for one in found:
        if not is_uri(one):
            raise BadRequestData("an entity id is a URI", field="id", value=one, clause="5.7.4.4")
    return Selector(
        found,
        None if types is None or types == "*" else parse_type_selection(types, context=context),
        None if pattern is None else compile_pattern(pattern),
    )


def _q(params: Mapping[str, str], context: Context) -> Q | None:
    text = params.get("q")
    if text is None:
        return None
    expand = [name for name in params.get("expandValues", "").split(",") if name]
    q = parse_q(text, context=context, expand_values=expand)
    if "join" in q.operators:
        raise BadRequestData("linked entities have no place in a temporal query", field="q", clause="5.7.4.4")
    return q


def _geo(params: Mapping[str, str], context: Context) -> GeoQuery | None:
    if not any(name in params for name in ("georel", "geometry", "coordinates")):
        return None
    return parse_geo(
        params.get("georel"),
        params.get("geometry"),
        params.get("coordinates"),
        context.canonical(params.get("geoproperty") or "location"),
    )


def _names(params: Mapping[str, str], name: str, context: Context) -> tuple[str, ...]:
    text = params.get(name)
    return () if text is None else parse_projection(text, field=name, context=context)


def _known(params: Mapping[str, str], known: frozenset[str], operation: str) -> None:
    for name in params:
        if name not in known:
            raise InvalidRequest(f"{operation} has no such parameter", field=name[:80], clause="6.3.20")


def _flag(params: Mapping[str, str], name: str) -> bool:
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name} is true or false", field=name, value=text)
    return text == "true"


def _whole(params: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12) or int(text) > most:
        raise BadRequestData(f"{name} is a whole number up to {most}", field=name, value=text, clause="6.3.10")
    return int(text)


# --- the members of a Query document --------------------------------------------------------------------------------


def _selectors(value: object, context: Context) -> tuple[Selector, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= 100:
        raise BadRequestData("entities is an array of 1 to 100 selectors", field="entities", clause="5.2.23")
    found = []
    for at, one in enumerate(value):
        if not isinstance(one, dict) or not {"id", "type", "idPattern"} >= one.keys() or "type" not in one:
            raise BadRequestData(
                "a selector has a type, and may have id and idPattern", field=f"entities[{at}]", clause="5.2.33"
            )
        ids = one.get("id")
        given = [None if n not in one or n == "id" else text_of(n, one[n]) for n in ("type", "idPattern")]
        found.append(_selector(None if ids is None else joined("id", ids), given[0], given[1], context))
    return tuple(found)
