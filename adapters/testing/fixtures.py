"""Synthetic entities in no dialect, and what they are in NGSI-LD. An adapter's test writes them in its own dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["number", "text", "boolean", "datetime", "relationship", "json"]

SHELTER = "EvacuationShelter"
CROWD = "CrowdFlowObserved"
_NAMES = (
    "第一小学校",
    "中央公民館",
    "南体育館",
    "コミュニティセンター",
    "区民ホール",
    "みなと中学校",
    "防災会館",
    "桜図書館",
)


@dataclass(frozen=True, slots=True)
class NeutralAttribute:
    """`value`: number, text, true/false, a DateTime text in UTC, a URI (relationship) or a JSON object."""

    name: str
    kind: Kind
    value: Any
    unit_code: str | None = None
    observed_at: str | None = None


@dataclass(frozen=True, slots=True)
class NeutralEntity:
    """`location`: GeoJSON geometry on WGS 84, or None."""

    id: str
    type: str
    attributes: tuple[NeutralAttribute, ...]
    location: dict[str, Any] | None


def canonical_entities() -> list[NeutralEntity]:
    """40 shelters and 20 crowd counts around Hamamatsucho, in no particular order, some with attributes missing."""
    found = [_shelter(n) for n in range(40)] + [_crowd(n) for n in range(20)]
    # 17 is coprime to 60: a fixed order that no source gives by chance
    return [found[i * 17 % len(found)] for i in range(len(found))]


def to_ngsi_ld(entity: NeutralEntity) -> dict[str, Any]:
    """Normalized (clause 4.5.1), with short names."""
    document: dict[str, Any] = {"id": entity.id, "type": entity.type}
    for attribute in entity.attributes:
        document[attribute.name] = _attribute(attribute)
    if entity.location is not None:
        document["location"] = {"type": "GeoProperty", "value": entity.location}
    return document


def _attribute(attribute: NeutralAttribute) -> dict[str, Any]:
    if attribute.kind == "relationship":
        return {"type": "Relationship", "object": attribute.value}
    value = {"@type": "DateTime", "@value": attribute.value} if attribute.kind == "datetime" else attribute.value
    document: dict[str, Any] = {"type": "Property", "value": value}
    if attribute.unit_code is not None:
        document["unitCode"] = attribute.unit_code
    if attribute.observed_at is not None:
        document["observedAt"] = attribute.observed_at
    return document


def _shelter(n: int) -> NeutralEntity:
    attributes = [
        NeutralAttribute("name", "text", f"{_NAMES[n % len(_NAMES)]}{n}"),
        NeutralAttribute("capacity", "number", 50 + n * 25),
        NeutralAttribute("accessible", "boolean", n % 2 == 0),
        NeutralAttribute("openedOn", "datetime", f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T09:00:00Z"),
    ]
    if n % 3 == 0:
        attributes.append(NeutralAttribute("managedBy", "relationship", f"urn:ngsi-ld:Organization:ward-{n % 4}"))
    if n % 4:
        attributes.append(NeutralAttribute("floorArea", "number", 120.5 + n, unit_code="MTK"))
    if n % 5 == 0:
        attributes.append(NeutralAttribute("contact", "json", {"phone": f"03-0000-{n:04}", "hours": {"from": "09:00"}}))
    longitude, latitude = round(139.750 + (n % 8) * 0.003, 6), round(35.650 + (n // 8) * 0.003, 6)
    location: dict[str, Any] | None = {"type": "Point", "coordinates": [longitude, latitude]}
    if n % 10 == 9:
        e, s, w, t = longitude + 0.001, latitude, longitude, latitude + 0.001
        ring = [[w, s], [e, s], [e, t], [w, t], [w, s]]
        location = {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in ring]]}
    elif n == 38:
        location = None
    return NeutralEntity(f"urn:ngsi-ld:{SHELTER}:contract-{n:03}", SHELTER, tuple(attributes), location)


def _crowd(n: int) -> NeutralEntity:
    observed = f"2026-11-22T{n:02}:30:00Z"
    attributes = [NeutralAttribute("peopleCount", "number", n * n, observed_at=observed)]
    if n % 2:
        attributes.append(
            NeutralAttribute("averageSpeed", "number", 0.8 + n / 10, unit_code="MTS", observed_at=observed)
        )
    if n % 4 != 3:
        attributes.append(NeutralAttribute("name", "text", f"改札口{n}"))
    point = {"type": "Point", "coordinates": [round(139.7565 + n * 0.0002, 6), round(35.6553 + n * 0.0001, 6)]}
    return NeutralEntity(f"urn:ngsi-ld:{CROWD}:contract-{n:03}", CROWD, tuple(attributes), point)
