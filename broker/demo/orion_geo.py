"""NGSIv2 geographical queries (`georel`, `geometry`, `coords`) and location attributes, as Orion takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import shapely
from shapely.geometry import LineString, Point, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from broker.demo.orion_query import QueryError

Test = Callable[[BaseGeometry], bool]

_EARTH = 6_378_100.0
"""Metres; the radius that MongoDB computes with."""

LOCATION_TYPES = frozenset({"geo:point", "geo:line", "geo:box", "geo:polygon", "geo:json"})


class NotSupportedQuery(ValueError):
    """Well formed, but this combination is not answered (422)."""


def location_of(entity: dict[str, Any]) -> BaseGeometry | None:
    """The geometry of the entity's one location attribute, whatever its name; None if it has none."""
    for name, attribute in entity.items():
        if name not in ("id", "type") and attribute.get("type") in LOCATION_TYPES and attribute.get("value"):
            try:
                return _geometry(attribute["type"], attribute["value"])
            except (TypeError, ValueError, KeyError, IndexError, shapely.errors.ShapelyError):
                return None
    return None


def _geometry(kind: str, value: Any) -> BaseGeometry:
    if kind == "geo:json":
        return shape(value)
    texts = [value] if isinstance(value, str) else value
    points = [_pair(text) for text in texts]
    return _build(kind.removeprefix("geo:"), points)


def _pair(text: str) -> tuple[float, float]:
    """ "lat, lon" to (lon, lat)."""
    latitude, comma, longitude = text.partition(",")
    if not comma:
        raise QueryError("a coordinate is a pair: latitude,longitude")
    try:
        lat, lon = float(latitude), float(longitude)
    except ValueError:
        raise QueryError("invalid coordinates") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise QueryError("invalid coordinates: latitude comes first")
    return lon, lat


def _build(kind: str, points: list[tuple[float, float]]) -> BaseGeometry:
    if kind == "point" and len(points) == 1:
        return Point(points[0])
    if kind == "line" and len(points) >= 2:
        return LineString(points)
    if kind == "box" and len(points) == 2:
        (west, south), (east, north) = points
        return box(min(west, east), min(south, north), max(west, east), max(south, north))
    if kind == "polygon" and len(points) >= 4 and points[0] == points[-1]:
        return Polygon(points)
    raise QueryError(f"the coordinates don't make a {kind}")


def compile_geo(georel: str, geometry: str, coords: str) -> Test:
    """A test for an entity's location. QueryError if malformed, NotSupportedQuery where Orion has no answer."""
    relation, *modifiers = georel.split(";")
    if geometry not in ("point", "line", "box", "polygon"):
        raise QueryError(f"invalid geometry: {geometry}")
    reference = _build(geometry, [_pair(text) for text in coords.split(";")])
    if relation == "near":
        return _near(modifiers, reference)
    if modifiers:
        raise QueryError(f"{relation} takes no modifier")
    if relation == "coveredBy":
        if geometry in ("point", "line"):
            raise NotSupportedQuery(f"{geometry} geometry cannot be used with coveredBy")
        return lambda target: bool(shapely.covers(reference, target))
    if relation == "intersects":
        return lambda target: bool(shapely.intersects(reference, target))
    if relation == "disjoint":
        return lambda target: not shapely.intersects(reference, target)
    if relation == "equals":
        return lambda target: bool(shapely.equals(reference, target))
    raise QueryError(f"invalid georel: {relation}")


def _near(modifiers: list[str], reference: BaseGeometry) -> Test:
    if not isinstance(reference, Point):
        raise QueryError("near needs a point")
    bounds: dict[str, float] = {}
    for modifier in modifiers:
        name, colon, number = modifier.partition(":")
        try:
            bounds[name] = float(number)
        except ValueError:
            colon = ""
        if not colon or name not in ("maxDistance", "minDistance") or bounds[name] < 0:
            raise QueryError(f"invalid georel modifier: {modifier}")
    if not bounds:
        raise QueryError("near needs maxDistance or minDistance")
    lowest, highest = bounds.get("minDistance", 0.0), bounds.get("maxDistance", math.inf)

    def test(target: BaseGeometry) -> bool:
        return lowest <= distance(reference, target) <= highest

    return test


def distance(here: Point, there: BaseGeometry) -> float:
    """Metres between a point and the nearest point of a geometry, on the sphere."""
    nearest = there if isinstance(there, Point) else shapely.shortest_line(here, there)
    longitude, latitude = shapely.get_coordinates(nearest)[-1]
    lat1, lat2 = math.radians(here.y), math.radians(latitude)
    dlat, dlon = lat2 - lat1, math.radians(longitude - here.x)
    a = math.sin(dlat / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(dlon / 2) ** 2
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(a)))
