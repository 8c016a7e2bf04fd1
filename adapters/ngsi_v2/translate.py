"""A normalized NGSIv2 entity as a normalized NGSI-LD entity (clause 4.5.1) in a working @context. Pure.

| NGSIv2 | NGSI-LD |
|---|---|
| `geo:*` | GeoProperty, GeoJSON; Property where the value makes no geometry |
| `Relationship`, `Reference` with URIs | Relationship |
| `DateTime`, `ISO8601` | Property with `{"@type": "DateTime", "@value": …}` |
| anything else | Property |
| null | left out: NGSI-LD has no null (clause 4.5.0), and it is not 0 |
| metadata `TimeInstant` (`observedAt`, `timestamp`) | `observedAt`, else from the entity's own time attribute |
| metadata `unitCode`, `unit` | `unitCode` |
| metadata `dateCreated`, `dateModified`, when asked for | `createdAt`, `modifiedAt` |
| other metadata | sub-Properties |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.ngsi_v2.names import Names, urn_of
from adapters.ngsi_v2.values import DATE_TYPES, GEO_TYPES, REFERENCE_TYPES, Clock, geometry, without_nulls
from schemas.errors import BadUpstream
from schemas.ngsi_ld.context import Context, Memo
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS

OBSERVED_METADATA = ("TimeInstant", "observedAt", "timestamp")
UNIT_METADATA = ("unitCode", "unit")
_SPECIAL = DATE_TYPES | GEO_TYPES | REFERENCE_TYPES
_SYSTEM = {"dateCreated": "createdAt", "dateModified": "modifiedAt"}
_STATIC = frozenset(
    ["name", "alternateName", "description", "address", "areaServed", "dataProvider", "owner", "source", "seeAlso"]
)
"""What describes the thing, by the Smart Data Models' names: the entity's time of observation says nothing of it."""
_STRUCTURED = frozenset({dict, list})


class Translator:
    """From one platform's entities to one working context. `system`: `dateCreated` and `dateModified` were asked for
    and become `createdAt` and `modifiedAt`. `observed`: attributes that tell when the entity was observed, best first.
    """

    def __init__(
        self, names: Names, working: Context, clock: Clock, *, observed: Sequence[str], system: bool = False
    ) -> None:
        self._names = Memo(lambda name: working.compact(names.iri_of(name)))
        self._utc = clock.utc
        self._observed = tuple(observed)
        self._never_observed = _STATIC.union(observed, ["dateObservedFrom", "dateObservedTo"])
        self._system = system

    def entities(self, rows: Any) -> list[dict[str, Any]]:
        """BadUpstream unless it is a list of normalized entities."""
        if not isinstance(rows, list):
            raise BadUpstream("its answer is not a list of entities")
        return [self.entity(row) for row in rows]

    def entity(self, row: Any) -> dict[str, Any]:
        """BadUpstream if it is no normalized entity."""
        try:
            return self._entity(row)
        except (AttributeError, TypeError, KeyError):
            raise BadUpstream("its entities are not normalized NGSIv2 (id, type, attributes with a value)") from None

    def _entity(self, row: dict[str, Any]) -> dict[str, Any]:
        names, never = self._names, self._never_observed
        id_ = row.pop("id")
        type_ = row.pop("type", "Thing")
        entity: dict[str, Any] = {"id": urn_of(id_, type_), "type": names[type_]}
        observed = self._observed_at(row)
        for name, attribute in row.items():
            value = attribute["value"]
            if value is None:
                continue
            if self._system and name in _SYSTEM:
                moment = self._utc(value) if isinstance(value, str) else None
                if moment is not None:
                    entity[_SYSTEM[name]] = moment
                    continue
            kind = attribute.get("type")
            if kind in _SPECIAL:
                made = self._special(kind, value)
            else:
                made = {"type": "Property", "value": without_nulls(value) if type(value) in _STRUCTURED else value}
            metadata = attribute.get("metadata")
            if metadata:
                self._annotate(made, metadata)
            if observed is not None and "observedAt" not in made and name not in never:
                made["observedAt"] = observed
            entity[names[name]] = made
        return entity

    def _observed_at(self, row: dict[str, Any]) -> str | None:
        for name in self._observed:
            attribute = row.get(name)
            if attribute is not None:
                value = attribute["value"]
                moment = self._utc(value) if isinstance(value, str) else None
                if moment is not None:
                    return moment
        return None

    def _special(self, kind: str, value: Any) -> dict[str, Any]:
        if kind in DATE_TYPES:
            moment = self._utc(value) if isinstance(value, str) else None
            if moment is not None:
                return {"type": "Property", "value": {"@type": "DateTime", "@value": moment}}
        elif kind in GEO_TYPES:
            shape = geometry(kind, value)
            if shape is not None:
                return {"type": "GeoProperty", "value": shape}
        elif kind in REFERENCE_TYPES and _is_reference(value):
            return {"type": "Relationship", "object": value}
        return {"type": "Property", "value": without_nulls(value)}

    def _annotate(self, made: dict[str, Any], metadata: dict[str, Any]) -> None:
        time_name = unit_name = None
        for name in OBSERVED_METADATA:
            if name in metadata:
                value = metadata[name].get("value")
                moment = self._utc(value) if isinstance(value, str) else None
                if moment is not None:
                    made["observedAt"] = moment
                    time_name = name
                    break
        if made["type"] == "Property":
            for name in UNIT_METADATA:
                if name in metadata:
                    value = metadata[name].get("value")
                    if isinstance(value, str) and value:
                        made["unitCode"] = value
                        unit_name = name
                        break
        for name, member in metadata.items():
            if name != time_name and name != unit_name:
                self._sub_property(made, name, member)

    def _sub_property(self, made: dict[str, Any], name: str, member: dict[str, Any]) -> None:
        value = member.get("value")
        if value is None:
            return
        if self._system and name in _SYSTEM:
            moment = self._utc(value) if isinstance(value, str) else None
            if moment is not None:
                made[_SYSTEM[name]] = moment
                return
        key = self._names[name]
        if key not in ATTRIBUTE_MEMBERS:
            made[key] = self._special(member.get("type", ""), value)


def _is_reference(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_reference(item) and isinstance(item, str) for item in value)
    return isinstance(value, str) and urn_of(value, "") == value
