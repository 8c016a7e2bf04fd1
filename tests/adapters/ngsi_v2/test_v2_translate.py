"""What an NGSIv2 entity means: payloads in the shapes of Sendai, Yaizu and the Smart Data Models."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ngsi_v2.names import Names
from adapters.ngsi_v2.translate import Translator
from adapters.ngsi_v2.values import Clock, geometry, without_nulls
from schemas.errors import BadRequestData, BadUpstream
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.instants import is_datetime, read_datetime

SENDAI = {
    "id": "jp.sendai.Blesensor.per3600.105",
    "type": "Blesensor.per3600",
    "identifcation": {"type": "Text", "value": "sendai2023.105", "metadata": {}},
    "dateObservedFrom": {
        "type": "DateTime",
        "value": "2026-03-15T06:00:00.000Z",
        "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-15T06:00:00.000Z"}},
    },
    "peopleCount_immedate": {
        "type": "number",
        "value": 0,
        "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-15T15:00:00+09:00"}},
    },
    "peopleOccupancy_near": {
        "type": "number",
        "value": None,
        "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-15T06:00:00.000Z"}},
    },
    "location": {"type": "geo:point", "value": "38.2601, 140.8824", "metadata": {}},
}

WEATHER = {
    "id": "Valladolid.2016-11-30T07-00-00.00Z",
    "type": "WeatherObserved",
    "dateObserved": {"type": "DateTime", "value": "2016-11-30T07:00:00.00Z"},
    "temperature": {
        "type": "Number",
        "value": 3.3,
        "metadata": {"unitCode": {"value": "CEL"}, "accuracy": {"type": "Number", "value": 0.5}},
    },
    "refDevice": {"type": "Relationship", "value": "urn:ngsi-ld:Device:0A3478"},
    "refPointOfInterest": {"type": "Text", "value": "urn:ngsi-ld:Poi:1"},
    "address": {"type": "StructuredValue", "value": {"addressLocality": "Valladolid", "postalCode": None}},
    "source": {"type": "Text", "value": "http://www.aemet.es"},
    "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [-4.754, 41.64]}},
}


def translator(**options: Any) -> Translator:
    settings: dict[str, Any] = {"observed": ("TimeInstant", "dateObserved"), **options}
    return Translator(Names(CORE, settings.pop("names", {})), CORE, Clock("Asia/Tokyo"), **settings)


def made(entity: dict[str, Any], **options: Any) -> dict[str, Any]:
    return translator(**options).entity(copy.deepcopy(entity))


def test_sendai() -> None:
    assert made(SENDAI, names={"identifcation": "identification"}) == {
        "id": "urn:ngsi-ld:Blesensor.per3600:v2:jp.sendai.Blesensor.per3600.105",
        "type": "Blesensor_x2E_per3600",
        "identification": {"type": "Property", "value": "sendai2023.105"},
        "dateObservedFrom": {
            "type": "Property",
            "value": {"@type": "DateTime", "@value": "2026-03-15T06:00:00.000Z"},
            "observedAt": "2026-03-15T06:00:00.000Z",
        },
        "peopleCount_immedate": {"type": "Property", "value": 0, "observedAt": "2026-03-15T06:00:00Z"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [140.8824, 38.2601]}},
    }


def test_smart_data_model() -> None:
    observed = "2016-11-30T07:00:00.00Z"
    assert made(WEATHER) == {
        "id": "urn:ngsi-ld:WeatherObserved:v2:Valladolid.2016-11-30T07-00-00.00Z",
        "type": "WeatherObserved",
        "dateObserved": {"type": "Property", "value": {"@type": "DateTime", "@value": observed}},
        "temperature": {
            "type": "Property",
            "value": 3.3,
            "unitCode": "CEL",
            "accuracy": {"type": "Property", "value": 0.5},
            "observedAt": observed,
        },
        "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:0A3478", "observedAt": observed},
        "refPointOfInterest": {"type": "Property", "value": "urn:ngsi-ld:Poi:1", "observedAt": observed},
        "address": {"type": "Property", "value": {"addressLocality": "Valladolid"}},
        "source": {"type": "Property", "value": "http://www.aemet.es"},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [-4.754, 41.64]},
            "observedAt": observed,
        },
    }


def test_names_of_the_working_context() -> None:
    working = build({"気温": "https://uri.etsi.org/ngsi-ld/default-context/temperature"}, {})
    entity = Translator(Names(CORE, {}), working, Clock("Asia/Tokyo"), observed=()).entity(copy.deepcopy(WEATHER))
    assert entity["気温"]["value"] == 3.3
    assert "temperature" not in entity


def attribute(kind: str, value: Any, /, **metadata: Any) -> dict[str, Any]:
    entity = {"id": "urn:x:1", "type": "T", "a": {"type": kind, "value": value, "metadata": metadata}}
    found: dict[str, Any] = made(entity)["a"]
    return found


@pytest.mark.parametrize(
    ("kind", "value", "geojson"),
    [
        ("geo:point", "35.65, 139.76", {"type": "Point", "coordinates": [139.76, 35.65]}),
        ("geo:line", ["35,139", "36,140"], {"type": "LineString", "coordinates": [[139, 35], [140, 36]]}),
        (
            "geo:polygon",
            ["35,139", "35,140", "36,140", "35,139"],
            {"type": "Polygon", "coordinates": [[[139, 35], [140, 35], [140, 36], [139, 35]]]},
        ),
        (
            "geo:box",
            ["35,139", "36,140"],
            {"type": "Polygon", "coordinates": [[[139, 35], [140, 35], [140, 36], [139, 36], [139, 35]]]},
        ),
        (
            "geo:json",
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [139, 35]}, "properties": {}},
            {"type": "Point", "coordinates": [139, 35]},
        ),
    ],
)
def test_places(kind: str, value: Any, geojson: dict[str, Any]) -> None:
    assert attribute(kind, value) == {"type": "GeoProperty", "value": geojson}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("geo:point", "139.76, 95"),
        ("geo:point", ""),
        ("geo:point", 7),
        ("geo:line", ["35,139"]),
        ("geo:box", "35,139"),
        ("geo:json", {"type": "Point", "coordinates": ["a", "b"]}),
        ("geo:json", "somewhere"),
    ],
)
def test_what_makes_no_place_stays_a_value(kind: str, value: Any) -> None:
    assert geometry(kind, value) is None
    assert attribute(kind, value) == {"type": "Property", "value": value}


def test_relationships_need_uris() -> None:
    assert attribute("Relationship", ["urn:x:1", "urn:x:2"])["object"] == ["urn:x:1", "urn:x:2"]
    assert attribute("Relationship", "device-1") == {"type": "Property", "value": "device-1"}
    assert attribute("Relationship", []) == {"type": "Property", "value": []}
    assert attribute("Text", "urn:x:1")["type"] == "Property"


def test_null_is_not_zero() -> None:
    entity = made({"id": "urn:x:1", "type": "T", "a": {"type": "Number", "value": None}, "b": {"value": 0}})
    assert entity == {"id": "urn:x:1", "type": "T", "b": {"type": "Property", "value": 0}}


def test_nulls_inside_values() -> None:
    value = {"a": None, "b": [1, None, {"c": None, "d": 0}]}
    assert without_nulls(value) == {"b": [1, {"@type": "@json", "@value": None}, {"d": 0}]}
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(BadUpstream):
        without_nulls(deep)


def test_metadata() -> None:
    told = attribute(
        "Number",
        21,
        unit={"type": "Text", "value": "CEL"},
        timestamp={"type": "DateTime", "value": "2026-01-01T00:00:00Z"},
        quality={"type": "Text", "value": None},
        value={"type": "Text", "value": "hidden"},
        calibrated={"type": "DateTime", "value": "2026-01-01"},
    )
    assert told == {
        "type": "Property",
        "value": 21,
        "unitCode": "CEL",
        "observedAt": "2026-01-01T00:00:00Z",
        "x76_alue": {"type": "Property", "value": "hidden"},
        "calibrated": {"type": "Property", "value": {"@type": "DateTime", "@value": "2025-12-31T15:00:00Z"}},
    }


def test_metadata_that_does_not_tell_a_time_is_kept_as_it_is() -> None:
    told = attribute("Number", 1, TimeInstant={"type": "Text", "value": "yesterday"})
    assert told == {"type": "Property", "value": 1, "TimeInstant": {"type": "Property", "value": "yesterday"}}


def test_system_times_only_when_asked_for() -> None:
    entity = {
        "id": "urn:x:1",
        "type": "T",
        "dateCreated": {"type": "DateTime", "value": "2026-01-01T00:00:00.000Z", "metadata": {}},
        "a": {
            "type": "Number",
            "value": 1,
            "metadata": {"dateModified": {"type": "DateTime", "value": "2026-01-02T00:00:00.000Z"}},
        },
    }
    asked = made(entity, system=True)
    assert asked["createdAt"] == "2026-01-01T00:00:00.000Z"
    assert asked["a"]["modifiedAt"] == "2026-01-02T00:00:00.000Z"
    own = made(entity)
    assert own["dateCreated"]["value"]["@value"] == "2026-01-01T00:00:00.000Z"
    assert "modifiedAt" not in own["a"]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2018-08-07T11:10:00Z", "2018-08-07T11:10:00Z"),
        ("2018-08-07T20:10:00+09:00", "2018-08-07T11:10:00Z"),
        ("2018-08-07T20:10:00.25+0900", "2018-08-07T11:10:00.25Z"),
        ("2018-08-07T20:10:00", "2018-08-07T11:10:00Z"),
        ("2018-08-07 20:10", "2018-08-07T11:10:00Z"),
        ("20180807T201000", "2018-08-07T11:10:00Z"),
        ("2018-08-07", "2018-08-06T15:00:00Z"),
        ("2018-08-07T11:10:00Z/2018-08-07T11:15:00Z", None),
        ("2018-13-07T11:10:00Z", None),
        ("2018-08-07T11:10:00+99:99", None),
        ("0001-01-01T00:00:00+09:00", None),
        ("soon", None),
    ],
)
def test_timestamps_become_utc(text: str, utc: str | None) -> None:
    assert Clock("Asia/Tokyo").utc(text) == utc


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS), st.sampled_from(["T", " "]))
def test_every_timestamp_is_the_same_instant(moment: datetime, separator: str) -> None:
    text = moment.isoformat(separator)
    found = Clock("UTC").utc(text)
    if found is not None:
        assert is_datetime(found)
        assert read_datetime(found) == moment


def test_no_such_time_zone() -> None:
    with pytest.raises(BadRequestData) as e:
        Clock("Asia/Takeshiba")
    assert e.value.field == "options.timezone"


@pytest.mark.parametrize(
    "row",
    [
        7,
        None,
        [],
        {},
        {"id": 7},
        {"id": "a", "type": 7},
        {"id": "a", "type": "T", "x": 21},
        {"id": "a", "type": "T", "x": {"type": "Number"}},
        {"id": "a", "type": "T", "x": {"value": 1, "metadata": [1]}},
        {"id": "a", "type": "T", "x": {"value": 1, "metadata": {"m": 1}}},
        {"id": "a", "type": "T", "x": {"type": ["a"], "value": 1}},
    ],
)
def test_what_is_no_entity_is_the_platforms_fault(row: Any) -> None:
    with pytest.raises(BadUpstream):
        translator().entity(copy.deepcopy(row))
