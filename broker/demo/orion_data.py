"""Data for the NGSIv2 server: the synthetic Takeshiba file that ships with it, or real shelters from GeoJSON."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadRequestData

_SHELTER_TYPE = "EvacuationShelter"


def load_file(path: Path | None) -> list[dict[str, Any]]:
    """Normalized NGSIv2 entities of a file; a GeoJSON FeatureCollection of shelters is turned into them.

    None: the synthetic demo data. BadRequestData if the file is neither.
    """
    source = files("broker.demo").joinpath("data", "takeshiba.json") if path is None else path
    document = orjson.loads(source.read_bytes())
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        return shelters_to_v2(document)
    if not isinstance(document, list):
        raise BadRequestData("neither a list of NGSIv2 entities nor a FeatureCollection", field="data", value=path)
    return document


def shelters_to_v2(collection: dict[str, Any]) -> list[dict[str, Any]]:
    """指定避難所 of the Geospatial Information Authority (GeoJSON) as EvacuationShelter entities.

    共通ID makes the id; name, address, municipality and location are kept, a blank or missing value is left out.
    """
    return [_shelter(feature) for feature in collection["features"]]


def _shelter(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature["properties"]
    entity: dict[str, Any] = {
        "id": f"urn:ngsi-ld:{_SHELTER_TYPE}:{properties['共通ID']}",
        "type": _SHELTER_TYPE,
    }
    for name, column in (("name", "施設・場所名"), ("address", "住所"), ("municipality", "都道府県名及び市町村名")):
        if properties.get(column):
            entity[name] = {"type": "Text", "value": properties[column], "metadata": {}}
    if feature.get("geometry"):
        entity["location"] = {"type": "geo:json", "value": feature["geometry"], "metadata": {}}
    entity["dataProvider"] = {"type": "Text", "value": "国土地理院", "metadata": {}}
    return entity
