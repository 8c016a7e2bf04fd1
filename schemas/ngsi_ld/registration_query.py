"""Query Context Source Registrations (clause 5.10.2): its parameters, and what matches a registration (5.12). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import shapely

from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geo import GeoQuery
from schemas.ngsi_ld.geometry import geometry_of, make_shape
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal_params import parse_window
from schemas.platform import EntityPattern, Information, Platform

_OWN = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty"})
_KNOWN = _OWN | {
    *("type", "id", "idPattern", "attrs", "pick", "omit", "q", "scopeQ", "csf", "lang", "geometryProperty"),
    *("georel", "geometry", "coordinates", "geoproperty", "limit", "offset", "count", "options", "datasetId", "local"),
}
_NARROWING = frozenset({"type", "id", "attrs", "pick", "q", "georel", "geometry", "coordinates"})
_MANAGED = frozenset({"createdAt", "modifiedAt", "deletedAt"})


class RegistrationQuery(msgspec.Struct, frozen=True):
    """What is asked. `entities`: the question as if entities were asked for. `since` and `until` bound the time that a
    registration must say something of; without them only registrations of the latest information are meant."""

    entities: EntityQuery
    attributes: frozenset[str]
    """IRIs; empty: any."""
    types: frozenset[str] | None
    interval: str | None = None
    """observationInterval or managementInterval."""
    since: datetime | None = None
    until: datetime | None = None
    sys_attrs: bool = False


def parse_registration_query(params: Mapping[str, str], context: Context, *, tenant: str) -> RegistrationQuery:
    """BadRequestData names the parameter."""
    for name in params:
        if name not in _KNOWN:
            raise InvalidRequest("a query of registrations has no such parameter", field=name[:80], clause="6.3.20")
    if params.get("local") != "true" and _NARROWING.isdisjoint(params):
        raise BadRequestData(
            "at least one of type, attrs, q and georel is needed, or local=true for all",
            field="type",
            clause="5.10.2.4",
        )
    passed = {k: v for k, v in params.items() if k not in _OWN and k not in ("lang", "geometryProperty", "local")}
    if not params.get("attrs", "x"):
        del passed["attrs"]
    # what is asked may be too wide for entities, but not for registrations
    query, rendering = parse_query({**passed, "local": "true"}, context, tenant=tenant)
    window = parse_window({k: v for k, v in params.items() if k in _OWN})
    interval = None
    if window.timerel is not None:
        interval = "managementInterval" if window.timeproperty in _MANAGED else "observationInterval"
    named = {n for n in (*query.attrs, *query.pick) if n not in ("id", "type", "scope")}
    if query.q is not None:
        named |= query.q.attributes
    return RegistrationQuery(
        entities=query,
        attributes=frozenset(map(context.expand, named)),
        types=None if query.types is None else frozenset(map(context.expand, query.types.names)),
        interval=interval,
        since=window.since,
        until=window.until,
        sys_attrs=rendering.sys_attrs,
    )


def matches(query: RegistrationQuery, platform: Platform) -> bool:
    """Whether the registration may have what is asked for; the csf is not looked at."""
    posted = platform.coverage.registration or {}
    if not any(_of_information(query, info) for info in platform.coverage.informations):
        return False
    if query.interval is None:
        if platform.distribution.temporal:
            return False
    elif not _overlaps(posted.get(query.interval), query.since, query.until):
        return False
    asked = query.entities
    held = platform.distribution.datasets
    if held and asked.datasets and held.isdisjoint(asked.datasets):
        return False
    if asked.scope is not None and posted.get("scope") is not None and not asked.scope.matches(posted["scope"]):
        return False
    if asked.scope is not None and posted.get("scope") is None:
        return False
    return asked.geo is None or _located(asked.geo, platform, posted)


def _of_information(query: RegistrationQuery, info: Information) -> bool:
    if query.attributes and info.attributes and query.attributes.isdisjoint(info.attributes):
        return False
    return not info.entities or any(_of_entity(query, pattern) for pattern in info.entities)


def _of_entity(query: RegistrationQuery, pattern: EntityPattern) -> bool:
    if query.types is not None and pattern.type is not None and pattern.type not in query.types:
        return False
    asked = query.entities
    if pattern.id is None and pattern.id_pattern is None:
        return True
    if asked.ids:
        if pattern.id is not None:
            return pattern.id in asked.ids
        compiled = compile_pattern(pattern.id_pattern or "")
        return any(compiled.found_in(one) for one in asked.ids)
    if asked.id_pattern is not None and pattern.id is not None:
        return compile_pattern(asked.id_pattern).found_in(pattern.id)
    return True


def _overlaps(interval: Any, since: datetime | None, until: datetime | None) -> bool:
    if not isinstance(interval, dict):
        return False
    start = read_datetime(str(interval.get("startAt", "")))
    end = read_datetime(str(interval["endAt"])) if "endAt" in interval else None
    if start is None:
        return False
    return (until is None or start <= until) and (since is None or end is None or end >= since)


def _located(geo: GeoQuery, platform: Platform, posted: Mapping[str, Any]) -> bool:
    """The geometry that is registered for the GeoProperty fits the geoquery, or holds places that may."""
    name = geo.geoproperty
    value = platform.coverage.geometry if name == "location" else posted.get(name)
    registered = geometry_of(value)
    if registered is None:
        return False
    if geo.matches({name: {"type": "GeoProperty", "value": registered}}):
        return True
    shape = make_shape(registered["type"], registered["coordinates"])
    if geo.georel == "disjoint":
        return not geo.shape.covers(shape)
    return geo.bbox is None or bool(shape.intersects(shapely.box(*geo.bbox)))
