"""Entities as GeoJSON features (clauses 4.5.16 and 4.5.17, RFC 7946)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from schemas.ngsi_ld.concise import to_concise
from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.simplified import to_language, to_simplified
from schemas.ngsi_ld.walk import Entity

_FORMS: Final = frozenset({"normalized", "concise", "simplified"})


def to_geojson(
    entities: Iterable[Mapping[str, Any]],
    geometry_property: str = "location",
    form: str = "normalized",
    lang: str | None = None,
) -> Entity:
    """A FeatureCollection (clauses 4.5.16.3, 4.5.17.2); `form` is normalized, concise or simplified."""
    return {
        "type": "FeatureCollection",
        "features": [feature(entity, geometry_property, form, lang) for entity in entities],
    }


def feature(
    entity: Mapping[str, Any],
    geometry_property: str = "location",
    form: str = "normalized",
    lang: str | None = None,
) -> Entity:
    """A Feature (clauses 4.5.16.2, 4.5.17.1). Its geometry is the default instance's; null if there is none."""
    if form not in _FORMS:
        raise ValueError(f"no such form: {form}")
    body = {name: member for name, member in entity.items() if name not in ("id", "@context")}
    if form == "simplified":
        body = to_simplified(body, lang)
    else:
        body = to_language(body, lang) if lang else body
        body = to_concise(body) if form == "concise" else body
    return {
        "id": entity.get("id"),
        "type": "Feature",
        "geometry": _geometry(entity.get(geometry_property)),
        "properties": body,
    }


def _geometry(member: Any) -> Entity | None:
    if isinstance(member, list):
        member = next((one for one in member if isinstance(one, dict) and "datasetId" not in one), None)
    return geometry_of(member.get("value")) if isinstance(member, dict) else None
