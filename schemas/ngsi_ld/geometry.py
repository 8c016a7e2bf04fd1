"""GeoJSON geometries (RFC 7946, clause 4.7): their shape is checked here before anything computes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

GEOMETRIES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
"""All of RFC 7946 but GeometryCollection (clause 4.6.3)."""

MAX_POSITIONS = 100_000


class GeometryError(ValueError):
    """What is wrong with a geometry, in words."""


def check(kind: str, coordinates: object) -> None:
    """Raises GeometryError unless `coordinates` are those of a `kind` (one of GEOMETRIES) on WGS 84."""
    budget = [MAX_POSITIONS]
    if kind == "Point":
        _position(coordinates)
    elif kind == "MultiPoint":
        _positions(coordinates, 1, budget)
    elif kind == "LineString":
        _positions(coordinates, 2, budget)
    elif kind == "MultiLineString":
        for line in _array(coordinates, "lines"):
            _positions(line, 2, budget)
    elif kind == "Polygon":
        _rings(coordinates, budget)
    else:
        for polygon in _array(coordinates, "polygons"):
            _rings(polygon, budget)


def _position(value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= 3:
        raise GeometryError("a position is an array of longitude, latitude and, if wanted, altitude")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float) or not -1e12 < number < 1e12:
            raise GeometryError("a position consists of numbers")
    if not -180 <= value[0] <= 180:
        raise GeometryError(f"longitude {value[0]} is not between -180 and 180")
    if not -90 <= value[1] <= 90:
        raise GeometryError(f"latitude {value[1]} is not between -90 and 90")
    return value


def _array(value: object, what: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise GeometryError(f"an array of {what} is expected, with at least one")
    return value


def _positions(value: object, least: int, budget: list[int]) -> Sequence[Any]:
    positions = _array(value, "positions")
    budget[0] -= len(positions)
    if budget[0] < 0:
        raise GeometryError(f"it has more than {MAX_POSITIONS} positions")
    if len(positions) < least:
        raise GeometryError(f"at least {least} positions are needed, not {len(positions)}")
    for position in positions:
        _position(position)
    return positions


def _rings(value: object, budget: list[int]) -> None:
    for ring in _array(value, "rings"):
        positions = _positions(ring, 4, budget)
        if list(positions[0]) != list(positions[-1]):
            raise GeometryError("a ring of a polygon is not closed: its last position must equal its first")


def geometry_of(value: object) -> dict[str, Any] | None:
    """The geometry that the value of a GeoProperty is (an object, or its text: clause 4.7.2), None if it is none."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in GEOMETRIES:
        return None
    try:
        check(kind, value.get("coordinates"))
    except GeometryError:
        return None
    return value


def make_shape(kind: str, coordinates: Any) -> BaseGeometry:
    """The planar shape in degrees, altitude dropped; a self-intersection is repaired. `check` comes first."""
    flat = _flat(coordinates)
    if kind == "Point":
        shape: BaseGeometry = shapely.Point(flat)
    elif kind == "MultiPoint":
        shape = shapely.MultiPoint(flat)
    elif kind == "LineString":
        shape = shapely.LineString(flat)
    elif kind == "MultiLineString":
        shape = shapely.MultiLineString(flat)
    elif kind == "Polygon":
        shape = shapely.Polygon(flat[0], flat[1:])
    else:
        shape = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in flat])
    return shape if shape.is_valid else shapely.make_valid(shape)


def _flat(value: Any) -> Any:
    if isinstance(value[0], list | tuple):
        return [_flat(inner) for inner in value]
    return (float(value[0]), float(value[1]))
