"""NGSI-LD geoqueries (clause 4.10) as NGSIv2 geographical queries that take at least as much. Pure.

Orion computes on the sphere, with another radius and with great circles as edges; the gateway's relations are planar in
degrees. So what is pushed is a little larger, and the query itself is applied again to what comes.
"""

from __future__ import annotations

import math

import shapely
from shapely.errors import GEOSException
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from schemas.ngsi_ld.geo import GeoQuery

_MAX_VERTICES = 100
_MAX_SPAN = 20.0
"""Degrees; larger references are not pushed: great circles leave them too far."""
_DIGITS = 7

GeoParams = dict[str, str]


def geo_params(geo: GeoQuery) -> GeoParams | None:
    """`georel`, `geometry` and `coords`, or None where NGSIv2 has nothing that takes enough."""
    if geo.georel == "near":
        return _near(geo)
    if geo.georel == "disjoint":
        return None
    try:
        outline = _outline(geo)
    except (GEOSException, ValueError):
        return None
    if outline is None:
        return None
    # every other relation needs the target to touch the reference; within is coveredBy for Orion
    relation = "coveredBy" if geo.georel == "within" else "intersects"
    positions = shapely.get_coordinates(outline.exterior)
    coords = ";".join(f"{_degrees(lat)},{_degrees(lon)}" for lon, lat in positions[:-1])
    first = f"{_degrees(positions[0][1])},{_degrees(positions[0][0])}"
    return {"georel": relation, "geometry": "polygon", "coords": f"{coords};{first}"}


def _near(geo: GeoQuery) -> GeoParams | None:
    if geo.geometry != "Point":
        return None
    modifiers: list[str] = []
    if geo.max_distance is not None:
        modifiers.append(f"maxDistance:{math.ceil(geo.max_distance * 1.01 + 1)}")
    if geo.min_distance is not None and geo.min_distance * 0.99 - 1 >= 1:
        modifiers.append(f"minDistance:{math.floor(geo.min_distance * 0.99 - 1)}")
    if not modifiers:
        return None
    lon, lat = geo.coordinates[0], geo.coordinates[1]
    return {
        "georel": ";".join(["near", *modifiers]),
        "geometry": "point",
        "coords": f"{_degrees(lat)},{_degrees(lon)}",
    }


def _outline(geo: GeoQuery) -> Polygon | None:
    """The reference with a margin, without holes, as one polygon of few vertices."""
    shape = geo.shape
    west, south, east, north = shape.bounds
    span = max(east - west, north - south)
    if span > _MAX_SPAN:
        return None
    # a great circle over `span` degrees of longitude leaves the straight edge by at most this
    margin = math.degrees(math.radians(span) ** 2 / 16) * 1.1 + 1e-6
    for candidate in (shape, shape.convex_hull, shape.envelope):
        grown = shapely.buffer(candidate, margin, cap_style="square", join_style="mitre")
        if isinstance(grown, Polygon) and len(grown.exterior.coords) <= _MAX_VERTICES:
            return grown if _on_the_map(grown) else None
    return None


def _on_the_map(shape: BaseGeometry) -> bool:
    west, south, east, north = shape.bounds
    return bool(west >= -180 and south >= -90 and east <= 180 and north <= 90)


def _degrees(value: float) -> str:
    text = f"{float(value):.{_DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
