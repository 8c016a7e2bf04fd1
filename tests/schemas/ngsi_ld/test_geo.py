"""Geoqueries (clause 4.10): parameters, distances and relations, each against an independent computation."""

from __future__ import annotations

import json
from math import acos, asin, cos, degrees, pi, radians, sin
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.geometry import GeometryError, check
from schemas.ngsi_ld.sphere import RADIUS, haversine

HAMAMATSUCHO = (139.7571, 35.6555)
SQUARE = "[[[139,35],[140,35],[140,36],[139,36],[139,35]]]"
SHELTERS = Path(__file__).parents[4] / "shared" / "data" / "shelters"


def at(kind: str, coordinates: Any, name: str = "location") -> dict[str, Any]:
    return {"id": "urn:x:1", name: {"type": "GeoProperty", "value": {"type": kind, "coordinates": coordinates}}}


def near(metres: float, kind: str = "Point", coordinates: Any = HAMAMATSUCHO) -> GeoQuery:
    return parse_geo(f"near;maxDistance=={metres}", kind, json.dumps(coordinates))


def by_cosines(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great circle by the spherical law of cosines: another formula than the one under test."""
    (lon1, lat1), (lon2, lat2) = ((radians(x), radians(y)) for x, y in (a, b))
    return RADIUS * acos(min(1.0, max(-1.0, sin(lat1) * sin(lat2) + cos(lat1) * cos(lat2) * cos(lon1 - lon2))))


def onward(start: tuple[float, float], bearing: float, metres: float) -> tuple[float, float]:
    """The place that far away in that direction."""
    lon, lat, way = radians(start[0]), radians(start[1]), metres / RADIUS
    lat2 = asin(sin(lat) * cos(way) + cos(lat) * sin(way) * cos(bearing))
    east = sin(bearing) * sin(way) * cos(lat)
    lon2 = lon + (asin(max(-1.0, min(1.0, east / (cos(lat) * cos(lat2))))) if cos(lat2) else 0.0)
    return degrees(lon2), degrees(lat2)


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates", "field"),
    [
        (None, "Point", "[1,2]", "georel"),
        ("within", None, "[1,2]", "geometry"),
        ("within", "Point", None, "coordinates"),
        ("touches", "Point", "[1,2]", "georel"),
        ("near", "Point", "[1,2]", "georel"),
        ("near;maxDistance==0", "Point", "[1,2]", "georel"),
        ("near;maxDistance==-1", "Point", "[1,2]", "georel"),
        ("near;maxDistance=5", "Point", "[1,2]", "georel"),
        ("near;maxDistance==1e400", "Point", "[1,2]", "georel"),
        ("near;maxDistance==5;maxDistance==6", "Point", "[1,2]", "georel"),
        ("within;maxDistance==5", "Point", "[1,2]", "georel"),
        ("within", "GeometryCollection", "[]", "geometry"),
        ("within", "point", "[1,2]", "geometry"),
        ("within", "Point", "1,2", "coordinates"),
        ("within", "Point", "[181,2]", "coordinates"),
        ("within", "Point", "[1,-90.1]", "coordinates"),
        ("within", "Point", "[1]", "coordinates"),
        ("within", "Point", "[1,2,3,4]", "coordinates"),
        ("within", "Point", '["1",2]', "coordinates"),
        ("within", "Point", "[true,2]", "coordinates"),
        ("within", "Point", "[[1,2]]", "coordinates"),
        ("within", "LineString", "[[1,2]]", "coordinates"),
        ("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]", "coordinates"),
        ("within", "Polygon", "[[[0,0],[1,0],[0,0]]]", "coordinates"),
        ("within", "Polygon", "[]", "coordinates"),
        ("within", "MultiPolygon", "[[]]", "coordinates"),
        ("within", "Polygon", "[" * 900 + "]" * 900, "coordinates"),
        ("within", "Polygon", "[" * 100_000, "coordinates"),
        ("within", "Point", " " * 1_000_001, "coordinates"),
        ("\ud800", "Point", "[1,2]", "georel"),
        ("within", "Point", "\ud800", "coordinates"),
    ],
)
def test_bad_parameters_are_named(georel: Any, geometry: Any, coordinates: Any, field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo(georel, geometry, coordinates)
    assert caught.value.field == field
    assert caught.value.clause == "4.10"
    f"{caught.value.detail}{caught.value.value}".encode()


def test_a_query_can_be_sent_on() -> None:
    query = parse_geo("near;maxDistance==1500.5", "Point", "[139.75, 35.5]", None)
    assert (query.max_distance, query.min_distance, query.geoproperty) == (1500.5, None, "location")
    again = parse_geo(query.georel_text, query.geometry, query.coordinates_text, query.geoproperty)
    assert again == query
    assert hash(again) == hash(query)
    assert parse_geo("within", "Point", [139.75, 35.5]).coordinates == (139.75, 35.5)
    assert query.rename(lambda name: f"ex:{name}").geoproperty == "ex:location"


numbers = st.floats(-200, 200) | st.integers(-200, 200) | st.booleans() | st.text(max_size=2) | st.none()
nests = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4), max_leaves=20)


@settings(max_examples=300)
@given(st.sampled_from(["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]), nests)
def test_any_coordinates_are_taken_or_refused(kind: str, nest: Any) -> None:
    try:
        query = parse_geo("intersects", kind, json.dumps(nest))
    except BadRequestData as error:
        assert error.field == "coordinates"  # noqa: PT017
    else:
        assert query.bbox is not None
        assert query.matches(at("Point", [0, 0])) in (True, False)


# --- distance --------------------------------------------------------------------------------------------------------

places = st.tuples(st.floats(-180, 180), st.floats(-89, 89))
tokyo = st.tuples(st.floats(139.5, 140.0), st.floats(35.5, 35.9))


@given(places, places)
def test_haversine(a: tuple[float, float], b: tuple[float, float]) -> None:
    # The law of cosines loses half the digits for places that are close together: 0.1 m.
    assert haversine(*a, *b) == pytest.approx(by_cosines(a, b), rel=1e-6, abs=0.2)
    assert haversine(*a, *a) == 0


@given(places, st.floats(0, 2 * pi), st.floats(1, 2e6), st.floats(0.5, 1.5))
def test_near_a_point_is_exact_anywhere(
    start: tuple[float, float], bearing: float, metres: float, share: float
) -> None:
    assume(abs(share - 1) > 1e-3)
    lon, lat = onward(start, bearing, metres * share)
    lon = (lon + 180) % 360 - 180
    assume(abs(by_cosines(start, (lon, lat)) / (metres * share) - 1) < 1e-4)
    assert near(metres, "Point", start).matches(at("Point", [lon, lat])) is (share < 1)


@given(tokyo, st.floats(0, 2 * pi), st.floats(100, 20_000), st.floats(0.5, 1.5))
def test_near_other_geometries_within_half_a_percent(
    start: tuple[float, float], bearing: float, metres: float, share: float
) -> None:
    assume(abs(share - 1) > 0.005)
    near_end = onward(start, bearing, metres * share)
    far_end = onward(start, bearing, metres * share + 3000)
    beyond = onward(far_end, bearing + pi / 2, 500)
    expected = share < 1
    line = at("LineString", [near_end, far_end])
    assert near(metres, "Point", start).matches(line) is expected
    assert near(metres, "LineString", [near_end, far_end]).matches(at("Point", start)) is expected
    assert (
        near(metres, "MultiPoint", [start]).matches(at("Polygon", [[near_end, far_end, beyond, near_end]])) is expected
    )


def test_near_edges_that_are_long() -> None:
    # The parallel 35 between 139 and 141 is straight in degrees; on the great circle the middle would be 0.8 km north.
    line = at("LineString", [[139, 35], [141, 35]])
    middle = (140.0, 35.02)
    metres = haversine(*middle, 140.0, 35.0)
    assert near(metres * 1.005, "Point", middle).matches(line)
    assert not near(metres * 0.995, "Point", middle).matches(line)


def test_near_from_inside() -> None:
    assert near(1, "Polygon", json.loads(SQUARE)).matches(at("Point", [139.5, 35.5]))
    assert near(1).matches(at("Polygon", json.loads(SQUARE)))


def test_min_distance_is_beyond() -> None:
    query = parse_geo("near;minDistance==1000", "Point", json.dumps(HAMAMATSUCHO))
    assert query.bbox is None
    assert not query.matches(at("Point", HAMAMATSUCHO))
    assert query.matches(at("Point", onward(HAMAMATSUCHO, 1.0, 1001)))
    assert not query.matches({"id": "urn:x:1"})


@given(places, st.floats(1, 5e6), st.floats(0, 2 * pi), st.floats(0, 1))
def test_box_holds_all_that_is_near(start: tuple[float, float], metres: float, bearing: float, share: float) -> None:
    lon, lat = onward(start, bearing, metres * share)
    lon = (lon + 180) % 360 - 180
    assume(by_cosines(start, (lon, lat)) <= metres)
    box = near(metres, "Point", start).bbox
    assert box is not None
    assert box[0] - 1e-9 <= lon <= box[2] + 1e-9
    assert box[1] - 1e-9 <= lat <= box[3] + 1e-9


# --- relations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("georel", "kind", "coordinates", "expected"),
    [
        ("within", "Point", [139.5, 35.5], True),
        ("within", "Point", [139.0, 35.5], False),
        ("intersects", "Point", [139.0, 35.5], True),
        ("disjoint", "Point", [139.0, 35.5], False),
        ("disjoint", "Point", [138.0, 35.5], True),
        ("within", "LineString", [[139.1, 35.5], [139.2, 35.6]], True),
        ("intersects", "LineString", [[138, 35.5], [139.2, 35.6]], True),
        ("contains", "Polygon", [[[138, 34], [141, 34], [141, 37], [138, 37], [138, 34]]], True),
        ("contains", "Point", [139.5, 35.5], False),
        ("equals", "Polygon", [[[140, 36], [139, 36], [139, 35], [140, 35], [140, 36]]], True),
        ("equals", "Point", [139.5, 35.5], False),
        ("overlaps", "Polygon", [[[139.5, 35.5], [141, 35.5], [141, 37], [139.5, 37], [139.5, 35.5]]], True),
        ("overlaps", "Polygon", [[[139.5, 35.5], [139.6, 35.5], [139.6, 35.6], [139.5, 35.5]]], False),
        ("intersects", "MultiPoint", [[0, 0], [139.5, 35.5]], True),
        ("within", "MultiPoint", [[0, 0], [139.5, 35.5]], False),
        ("intersects", "MultiLineString", [[[0, 0], [1, 1]], [[139.5, 35.5], [150, 40]]], True),
        ("intersects", "MultiPolygon", [[[[139.5, 35.5], [139.6, 35.5], [139.6, 35.6], [139.5, 35.5]]]], True),
        ("intersects", "Polygon", [[[139.2, 35.2], [139.8, 35.8], [139.8, 35.2], [139.2, 35.8], [139.2, 35.2]]], True),
        ("within", "Point", [139.5, 35.5, 12.0], True),
    ],
)
def test_relations(georel: str, kind: str, coordinates: Any, expected: bool) -> None:
    assert parse_geo(georel, "Polygon", SQUARE).matches(at(kind, coordinates)) is expected


@pytest.mark.parametrize("georel", ["within", "intersects", "disjoint", "near;maxDistance==1e9", "near;minDistance==1"])
@pytest.mark.parametrize(
    "member",
    [
        None,
        "x",
        {},
        {"value": None},
        {"value": "POINT(1 2)"},
        {"value": {"type": "Point"}},
        {"value": {"type": "Point", "coordinates": [139.5]}},
        {"value": {"type": "Point", "coordinates": [139.5, 135.5]}},
        {"value": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}},
        {"value": {"type": "GeometryCollection", "geometries": []}},
        {"value": {"type": ["Point"], "coordinates": [1, 2]}},
        [1, None, {"value": 3}],
    ],
)
def test_no_geometry_no_match(georel: str, member: Any) -> None:
    assert not parse_geo(georel, "Polygon", SQUARE).matches({"id": "urn:x:1", "location": member})


def test_any_instance_does_and_other_properties() -> None:
    query = parse_geo("within", "Polygon", SQUARE)
    inside, outside = at("Point", [139.5, 35.5])["location"], at("Point", [1, 2])["location"]
    assert query.matches({"location": [outside, {**inside, "datasetId": "urn:d:1"}]})
    assert not query.matches({"location": [outside]})
    assert not query.matches({"area": inside})
    assert parse_geo("within", "Polygon", SQUARE, "area").matches({"area": inside})
    assert query.matches({"location": {"type": "GeoProperty", "value": '{"type":"Point","coordinates":[139.5,35.5]}'}})


@given(st.lists(tokyo, min_size=3, max_size=6), tokyo)
def test_prepared_shortcuts_agree_with_shapely(ring: list[tuple[float, float]], place: tuple[float, float]) -> None:
    closed = [*ring, ring[0]]
    polygon = shapely.Polygon(closed)
    assume(polygon.is_valid and polygon.area > 0)
    point = at("Point", place)
    for georel, expected in (
        ("within", shapely.Point(place).within(polygon)),
        ("intersects", polygon.intersects(shapely.Point(place))),
        ("disjoint", polygon.disjoint(shapely.Point(place))),
    ):
        assert parse_geo(georel, "Polygon", json.dumps([closed])).matches(point) is bool(expected)


def test_self_intersection_is_repaired() -> None:
    bow_tie = parse_geo("within", "Polygon", "[[[0,0],[2,2],[2,0],[0,2],[0,0]]]")
    assert bow_tie.matches(at("Point", [1.8, 1.0]))
    assert not bow_tie.matches(at("Point", [1.0, 1.8]))


def test_too_many_positions_are_refused() -> None:
    with pytest.raises(GeometryError, match="positions"):
        check("MultiPoint", [[1, 2]] * 100_001)


# --- shelters --------------------------------------------------------------------------------------------------------

SYNTHETIC = [[139.70 + 0.005 * x + 0.0013 * y, 35.60 + 0.004 * y] for x in range(25) for y in range(30)]


def real_shelters() -> list[list[float]]:
    return [
        feature["geometry"]["coordinates"]
        for code in ("131016", "131032", "131083")
        for feature in json.loads((SHELTERS / f"evacuation-{code}.geojson").read_text("utf-8"))["features"]
    ]


@pytest.mark.parametrize("metres", [500, 1000, 2500])
@pytest.mark.parametrize("source", ["synthetic", "real"])
def test_shelters_near_hamamatsucho(source: str, metres: int) -> None:
    if source == "real" and not SHELTERS.is_dir():
        pytest.skip("the real shelters are not here (development data, no part of the repository)")
    shelters = SYNTHETIC if source == "synthetic" else real_shelters()
    query = near(metres)
    found = [shelter for shelter in shelters if query.matches(at("Point", shelter))]
    brute = [shelter for shelter in shelters if by_cosines(HAMAMATSUCHO, (shelter[0], shelter[1])) <= metres]
    assert found == brute
    assert 0 < len(found) < len(shelters)
