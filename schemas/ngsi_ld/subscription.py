"""A subscription ready to be matched and notified (clauses 5.2.12, 5.2.14), made of its stored form. Pure.

All names are IRIs: local entities are stored with IRIs, and a subscription must be matched also while the @context that
it was made in can't be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from schemas.ngsi_ld.conformance import CURRENT, Version
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.linked import Join
from schemas.ngsi_ld.patterns import Pattern, compile_pattern
from schemas.ngsi_ld.projection import NOTHING, Projection
from schemas.ngsi_ld.q import Q, parse_q
from schemas.ngsi_ld.query import Format
from schemas.ngsi_ld.query_object import read_query_object
from schemas.ngsi_ld.scope import ScopeQuery, parse_scope_query
from schemas.ngsi_ld.types import TypeSelection, parse_type_selection

DEFAULT_TRIGGERS: Final = frozenset({"attributeCreated", "attributeUpdated"})
LOCATION: Final = CORE.expand("location")


class Status(StrEnum):
    """Clause 5.8.1.4."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class EntitySelector:
    """Clause 5.2.33: `ids` take precedence over `pattern`; no `types`: any."""

    types: TypeSelection | None
    ids: frozenset[str]
    pattern: Pattern | None

    def takes(self, entity_id: str, types: tuple[str, ...]) -> bool:
        if self.types is not None and not self.types.matches(types):
            return False
        if self.ids:
            return entity_id in self.ids
        return self.pattern is None or self.pattern.found_in(entity_id)


@dataclass(frozen=True, slots=True)
class Form:
    """How entities stand in a notification. `attributes`, `pick`, `omit` are IRIs."""

    format: Format = Format.NORMALIZED
    accept: str = "application/json"
    attributes: tuple[str, ...] = ()
    pick: Projection = NOTHING
    omit: Projection = NOTHING
    sys_attrs: bool = False
    show_changes: bool = False
    lang: str | None = None
    datasets: frozenset[str] = frozenset()
    join: Join | None = None
    version: Version = CURRENT
    """ngsildConformance (clause 4.3.6.8)."""
    plain_geojson: bool = False
    """GeoJSON whose @context is in the Link header: receiverInfo has Prefer: body=json (clause 6.3.8)."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """`triggers` without entityUpdated, which stands for three others. No `watched`: any attribute. `document` is the
    stored form. `interval`, `throttling`: seconds."""

    id: str
    tenant: str
    document: Mapping[str, Any]
    selectors: tuple[EntitySelector, ...]
    watched: frozenset[str]
    triggers: frozenset[str]
    q: Q | None
    geo: GeoQuery | None
    scope: ScopeQuery | None
    csf: Q | None
    expires_at: datetime | None
    active: bool
    interval: float | None
    throttling: float | None
    local_only: bool
    split: bool
    form: Form
    linked: bool
    """q goes along Relationships, so that it is decided when the entities that they lead to are there."""

    def status(self, now: datetime) -> Status:
        if self.expires_at is not None and self.expires_at <= now:
            return Status.EXPIRED
        return Status.ACTIVE if self.active else Status.PAUSED

    @property
    def types(self) -> frozenset[str] | None:
        """The types one of which an entity must have; None if any will do."""
        if not self.selectors or any(one.types is None for one in self.selectors):
            return None
        return frozenset(name for one in self.selectors if one.types is not None for name in one.types.names)


def parse(tenant: str, stored: Mapping[str, Any]) -> Subscription:
    """From the stored form, its notification's endpoint included."""
    notification = stored["notification"]
    ends = stored.get("expiresAt")
    q = stored.get("qNamed")
    parsed = None if q is None else parse_q(q["text"], expand_values=q["expandValues"])
    return Subscription(
        id=stored["id"],
        tenant=tenant,
        document=stored,
        selectors=tuple(map(_selector, stored.get("entities", ()))),
        watched=frozenset(stored.get("watchedAttributes", ())),
        triggers=_triggers(stored.get("notificationTrigger")),
        q=parsed,
        geo=_geo(stored.get("geoQ")),
        scope=parse_scope_query(stored["scopeQ"]) if "scopeQ" in stored else None,
        csf=parse_q(stored["csf"]["named"]) if "csf" in stored else None,
        expires_at=None if ends is None else read_datetime(ends),
        active=stored.get("isActive", True),
        interval=stored.get("timeInterval"),
        throttling=stored.get("throttling"),
        local_only=stored.get("localOnly", False) or any(one["type"] == "*" for one in stored.get("entities", ())),
        split=stored.get("splitEntities", False),
        form=_form(notification, stored),
        linked=parsed is not None and "join" in parsed.operators,
    )


def _selector(stored: Mapping[str, Any]) -> EntitySelector:
    ids = stored.get("id", ())
    pattern = stored.get("idPattern")
    return EntitySelector(
        None if stored["type"] == "*" else parse_type_selection(stored["type"]),
        frozenset((ids,) if isinstance(ids, str) else ids),
        None if pattern is None else compile_pattern(pattern),
    )


def _triggers(given: Any) -> frozenset[str]:
    named = frozenset(given) if given else DEFAULT_TRIGGERS
    if "entityUpdated" in named:
        named |= {"attributeCreated", "attributeUpdated", "attributeDeleted"}
    return named - {"entityUpdated"}


def _geo(stored: Mapping[str, Any] | None) -> GeoQuery | None:
    if stored is None:
        return None
    params, _ = read_query_object({"type": "Query", "geoQ": stored}, CORE)
    return parse_geo(params["georel"], params["geometry"], params["coordinates"], stored.get("geoproperty") or LOCATION)


def _form(notification: Mapping[str, Any], stored: Mapping[str, Any]) -> Form:
    endpoint = notification["endpoint"]
    given = notification.get("format", "normalized")
    pick, omit = (projection_of(notification.get(name)) for name in ("pick", "omit"))
    kind = notification.get("join", "@none")
    join = None
    if kind != "@none":
        join = Join(kind == "inline", notification.get("joinLevel", 1), frozenset(), pick, omit)
    prefers = (one["value"] for one in endpoint.get("receiverInfo", ()) if one["key"].lower() == "prefer")
    return Form(
        format=Format.SIMPLIFIED if given == "keyValues" else Format(given),
        accept=endpoint.get("accept", "application/json"),
        attributes=tuple(notification.get("attributes", ())),
        pick=pick,
        omit=omit,
        sys_attrs=notification.get("sysAttrs", False),
        show_changes=notification.get("showChanges", False),
        lang=stored.get("lang"),
        datasets=frozenset(stored.get("datasetId", ())),
        join=join,
        version=_version(stored.get("ngsildConformance")),
        plain_geojson=any(value.replace(" ", "") in ("body=json", 'body="json"') for value in prefers),
    )


def _version(given: str | None) -> Version:
    if given is None:
        return CURRENT
    major, _, minor = given.partition(".")
    return int(major), int(minor)


def projection_of(stored: Mapping[str, Any] | None) -> Projection:
    """pick or omit as they are stored; names are IRIs."""
    if stored is None:
        return NOTHING
    return Projection(
        tuple(stored["names"]),
        tuple((name, projection_of(inner)) for name, inner in stored.get("inner", {}).items()),
        tuple(map(tuple, stored.get("paths", ()))),
    )
