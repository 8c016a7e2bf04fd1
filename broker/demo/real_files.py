"""Real files of shelters and toilets as entities: what 国土地理院 and 東京都 publish, checked first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadRequestData

_HAZARDS = (
    "洪水", "崖崩れ、土石流及び地滑り", "高潮", "地震", "津波", "大規模な火事", "内水氾濫", "火山現象",
)  # fmt: skip
_TEXTS = (("name", "施設・場所名"), ("address", "住所"), ("municipality", "都道府県名及び市町村名"))

Entity = dict[str, Any]


def read_places(file: Path) -> list[dict[str, Any]]:
    """The features of 指定避難所 or 指定緊急避難場所 (GeoJSON). BadRequestData names the file and the feature."""
    document = _read(file)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise BadRequestData("it is no GeoJSON FeatureCollection", field="--data", value=str(file))
    seen: set[str] = set()
    for n, feature in enumerate(features):
        common_id = _at(feature, "properties", "共通ID")
        if not isinstance(common_id, str) or not common_id or common_id in seen:
            raise BadRequestData(f"feature {n} has no 共通ID of its own", field="--data", value=str(file))
        seen.add(common_id)
        _check_position(_at(feature, "geometry", "coordinates"), n, file)
    return features


def read_toilets(file: Path) -> list[dict[str, Any]]:
    """The records of wheelchair-accessible toilets (JSON). BadRequestData names the file and the record."""
    records = _read(file)
    if not isinstance(records, list):
        raise BadRequestData("it is no list of toilets", field="--data", value=str(file))
    for n, record in enumerate(records):
        if not isinstance(_at(record, "id"), str):
            raise BadRequestData(f"record {n} has no id", field="--data", value=str(file))
        _check_position([_at(record, "location", k) for k in ("longitude", "latitude")], n, file)
    return records


def shelter(feature: dict[str, Any]) -> Entity:
    """指定避難所 as an EvacuationShelter, normalized NGSI-LD."""
    return _place(feature, "EvacuationShelter")


def site(feature: dict[str, Any]) -> Entity:
    """指定緊急避難場所 as an EvacuationSite, with the kinds of disaster that it is for."""
    entity = _place(feature, "EvacuationSite")
    hazards = [name for name in _HAZARDS if feature["properties"].get(name) == "1"]
    if hazards:
        entity["disasterType"] = _property(hazards)
    return entity


def toilet(record: dict[str, Any]) -> Entity:
    """An AccessibleToilet, normalized NGSI-LD. JGD2011 and WGS 84 are the same within a few centimetres."""
    features = record.get("features") or {}
    entity: Entity = {"id": f"urn:ngsi-ld:AccessibleToilet:{record['id']}", "type": "AccessibleToilet"}
    values = {
        "name": record.get("toilet_name"),
        "facilityName": record.get("facility_name"),
        "address": f"{record.get('prefecture') or ''}{record.get('address') or ''}",
        "floor": record.get("floor"),
        "wheelchairAccessible": features.get("is_wheelchair_accessible"),
        "ostomate": features.get("has_ostomate_facilities"),
        "largeBed": features.get("has_large_bed"),
        "dataProvider": "東京都福祉局",
    }
    entity |= {name: _property(value) for name, value in values.items() if value not in (None, "")}
    entity["location"] = _location([record["location"]["longitude"], record["location"]["latitude"]])
    return entity


def as_v2(entity: Entity) -> Entity:
    """Normalized NGSI-LD of the kind made here as normalized NGSIv2."""
    kinds = {str: "Text", bool: "Boolean", list: "StructuredValue"}
    made: Entity = {"id": entity["id"], "type": entity["type"]}
    for name, attribute in entity.items():
        if name not in ("id", "type"):
            geo = attribute["type"] == "GeoProperty"
            value = attribute["value"]
            made[name] = {"type": "geo:json" if geo else kinds[type(value)], "value": value, "metadata": {}}
    return made


def _place(feature: dict[str, Any], type_: str) -> Entity:
    properties = feature["properties"]
    entity: Entity = {"id": f"urn:ngsi-ld:{type_}:{properties['共通ID']}", "type": type_}
    entity |= {name: _property(properties[column]) for name, column in _TEXTS if properties.get(column)}
    entity["location"] = _location(feature["geometry"]["coordinates"])
    entity["dataProvider"] = _property("国土地理院")
    return entity


def _property(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _location(coordinates: list[float]) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": coordinates[:2]}}


def _read(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except OSError as e:
        raise BadRequestData(f"the file can't be read: {e.strerror}", field="--data", value=str(file)) from None
    except orjson.JSONDecodeError as e:
        raise BadRequestData(f"the file is not JSON: {e}", field="--data", value=str(file)) from None


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _check_position(position: Any, n: int, file: Path) -> None:
    numbers = [x for x in position if isinstance(x, (int, float)) and not isinstance(x, bool)] if position else []
    if len(numbers) < 2 or not (-180 <= numbers[0] <= 180 and -90 <= numbers[1] <= 90):
        raise BadRequestData(f"number {n} has no longitude and latitude", field="--data", value=str(file))
