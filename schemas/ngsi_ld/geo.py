"""The geoquery language (clause 4.10). Topological relations are planar in degrees, as in PostGIS and the brokers built
on it; `near` is measured on the sphere, from the nearest points of both geometries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from schemas.errors import BadRequestData
from schemas.ngsi_ld.geometry import GEOMETRIES, GeometryError, check, geometry_of, make_shape
from schemas.ngsi_ld.names import printable
from schemas.ngsi_ld.sphere import Plane, haversine, widened

CLAUSE = "4.10"
MAX_COORDINATES = 1_000_000
"""Characters of the coordinates' text."""

RELATIONS = frozenset({"near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"})
_TOPOLOGY = ", ".join(sorted(RELATIONS - {"near"}))

_MODIFIER = re.compile(r"(maxDistance|minDistance)==((?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class GeoQuery:
    """One relation to one reference geometry. `coordinates` are nested tuples, longitude before latitude, WGS 84.

    `max_distance` and `min_distance` are metres; a `near` that was parsed has one of them, nothing else any.
    """

    georel: str
    geometry: str
    coordinates: tuple[Any, ...]
    geoproperty: str = "location"
    max_distance: float | None = None
    min_distance: float | None = None

    def matches(self, entity: Mapping[str, Any]) -> bool:
        """Whether any instance of the normalized entity's GeoProperty stands in the relation. An entity without it, or
        with what is no geometry, does not match (not even `disjoint`)."""
        member = entity.get(self.geoproperty)
        if isinstance(member, dict):
            return self._holds(member.get("value"))
        if isinstance(member, list):
            return any(isinstance(one, dict) and self._holds(one.get("value")) for one in member)
        return False

    def rename(self, fn: Callable[[str], str]) -> GeoQuery:
        """The same query on `fn(geoproperty)`."""
        return replace(self, geoproperty=fn(self.geoproperty))

    @cached_property
    def shape(self) -> BaseGeometry:
        """The reference geometry (shapely, prepared), in degrees."""
        shape = make_shape(self.geometry, self.coordinates)
        shapely.prepare(shape)
        return shape

    @cached_property
    def bbox(self) -> Bounds | None:
        """West, south, east, north: a target that matches has some of it in this box. None: it may be anywhere."""
        if self.georel == "disjoint" or (self.georel == "near" and self.max_distance is None):
            return None
        west, south, east, north = self.shape.bounds
        bounds = (float(west), float(south), float(east), float(north))
        # A hundredth more than asked, for the projection's error.
        return bounds if self.max_distance is None else widened(bounds, self.max_distance * 1.01)

    @cached_property
    def coordinates_text(self) -> str:
        """The coordinates as JSON, to be sent on."""
        return orjson.dumps(self.coordinates).decode()

    @cached_property
    def georel_text(self) -> str:
        """The value of parameter `georel`, to be sent on."""
        parts = [self.georel]
        for name, metres in (("maxDistance", self.max_distance), ("minDistance", self.min_distance)):
            if metres is not None:
                parts.append(f"{name}=={int(metres) if metres.is_integer() and metres < 1e15 else metres!r}")
        return ";".join(parts)

    # --- evaluation

    def _holds(self, value: object) -> bool:
        geometry = geometry_of(value)
        if geometry is None:
            return False
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if self.georel == "near":
            return self._near(kind, coordinates)
        if kind == "Point" and self.georel in ("within", "intersects"):
            test = shapely.contains_xy if self.georel == "within" else shapely.intersects_xy
            return bool(test(self.shape, coordinates[0], coordinates[1]))
        try:
            return self._related(make_shape(kind, coordinates))
        except (GEOSException, ValueError):
            return False

    def _related(self, target: BaseGeometry) -> bool:
        reference = self.shape
        # The reference is the prepared one, so it is asked wherever the relation can be turned round.
        if self.georel == "within":
            return bool(reference.contains(target))
        if self.georel == "contains":
            return bool(reference.within(target))
        if self.georel == "intersects":
            return bool(reference.intersects(target))
        if self.georel == "disjoint":
            return bool(reference.disjoint(target))
        if self.georel == "overlaps":
            return bool(reference.overlaps(target))
        return bool(reference.equals(target))

    def _near(self, kind: str, coordinates: Any) -> bool:
        if kind == "Point":
            lon, lat = coordinates[0], coordinates[1]
            box = self.bbox
            if box is not None and not (box[0] <= lon <= box[2] and box[1] <= lat <= box[3]):
                return False
            if self.geometry == "Point":
                return self._close(haversine(self.coordinates[0], self.coordinates[1], lon, lat))
        try:
            plane, reference = self._plane
            return self._close(float(shapely.distance(reference, plane.project(make_shape(kind, coordinates)))))
        except (GEOSException, ValueError):
            return False

    def _close(self, metres: float) -> bool:
        if self.max_distance is not None and metres > self.max_distance:
            return False
        return self.min_distance is None or metres > self.min_distance

    @cached_property
    def _plane(self) -> tuple[Plane, BaseGeometry]:
        centre = self.shape.centroid
        plane = Plane(centre.x, centre.y)
        reference = plane.project(self.shape)
        shapely.prepare(reference)
        return plane, reference


def parse_geo(
    georel: str | None,
    geometry: str | None,
    coordinates: str | list[Any] | None,
    geoproperty: str | None = "location",
) -> GeoQuery:
    """Read the four parameters; `coordinates` as JSON text (GET) or as the array itself (POST).

    Raises BadRequestData that names the parameter at fault. A self-intersecting reference polygon is repaired.
    """
    for name, value in (("georel", georel), ("geometry", geometry), ("coordinates", coordinates)):
        if value is None or value == "":
            raise _bad(name, "it is missing; a geoquery needs georel, geometry and coordinates together", None)
    relation, longest, shortest = _relation(str(georel))
    if geometry not in GEOMETRIES:
        raise _bad("geometry", f"it is none of {', '.join(sorted(GEOMETRIES))}", geometry)
    positions = _coordinates(coordinates)
    try:
        check(geometry, positions)
    except GeometryError as error:
        raise _bad("coordinates", str(error), coordinates) from None
    query = GeoQuery(relation, geometry, _frozen(positions), geoproperty or "location", longest, shortest)
    try:
        empty = query.shape.is_empty
    except (GEOSException, ValueError):
        empty = True
    if empty:
        raise _bad("coordinates", f"they do not make a {geometry}", coordinates)
    return query


def _relation(text: str) -> tuple[str, float | None, float | None]:
    name, *modifiers = text.split(";")
    if name not in RELATIONS:
        raise _bad("georel", f"it is none of near;maxDistance==…, near;minDistance==…, {_TOPOLOGY}", text)
    if name != "near":
        if modifiers:
            raise _bad("georel", f"{name} takes no modifier", text)
        return name, None, None
    # the grammar has exactly one distance
    seen = _MODIFIER.fullmatch(modifiers[0]) if len(modifiers) == 1 else None
    metres = float(seen[2]) if seen else 0.0
    if not seen or not 0 < metres < 1e12:
        raise _bad("georel", "near needs one of ;maxDistance==… and ;minDistance==…, a positive number of metres", text)
    return name, metres if seen[1] == "maxDistance" else None, metres if seen[1] == "minDistance" else None


def _coordinates(given: object) -> object:
    if not isinstance(given, str):
        return given
    if len(given) > MAX_COORDINATES:
        raise _bad("coordinates", f"it has more than {MAX_COORDINATES} characters", given[:200])
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError:
        raise _bad("coordinates", "it is not JSON", given) from None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list | tuple) else value


def _bad(field: str, what: str, value: object) -> BadRequestData:
    shown = printable(value) if isinstance(value, str) else value
    return BadRequestData(f"{field} can't be used: {what}.", field=field, value=shown, clause=CLAUSE)
