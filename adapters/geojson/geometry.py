"""Geometries of files: sound or not, and if not, why in words that help the owner of the file."""

from __future__ import annotations

from typing import Any

from schemas.ngsi_ld.geometry import GEOMETRIES, GeometryError, check

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


def looks_like_geometry(value: Any) -> bool:
    """It has the two members of a geometry; whether they are good is another matter."""
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in GEOMETRIES and "coordinates" in value


def read_geometry(value: Any) -> tuple[dict[str, Any], Box] | str:
    """The geometry (clause 4.7.1) without foreign members, and its box; or what is wrong with it."""
    if not looks_like_geometry(value):
        return "no geometry that NGSI-LD takes"
    kind, coordinates = value["type"], value["coordinates"]
    try:
        check(kind, coordinates)
    except GeometryError as e:
        return "latitude and longitude look swapped" if _sound(kind, _swapped(coordinates, 8)) else _general(str(e))
    return {"type": kind, "coordinates": coordinates}, _box(coordinates)


def union(a: Box | None, b: Box | None) -> Box | None:
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _sound(kind: str, coordinates: Any) -> bool:
    try:
        check(kind, coordinates)
    except GeometryError:
        return False
    return True


def _swapped(value: Any, depth: int) -> Any:
    if not isinstance(value, list) or depth == 0:
        return None
    if len(value) >= 2 and not isinstance(value[0], list):
        return [value[1], value[0], *value[2:]]
    return [_swapped(inner, depth - 1) for inner in value]


def _general(fault: str) -> str:
    """Faults are counted, so the numbers of a single record stay out."""
    if fault.startswith(("longitude", "latitude")):
        return "coordinates are out of range"
    return f"its geometry is unsound ({fault})" if not any(c.isdigit() for c in fault) else "its geometry is unsound"


def _box(coordinates: Any) -> Box:
    if not isinstance(coordinates[0], list):
        x, y = float(coordinates[0]), float(coordinates[1])
        return x, y, x, y
    boxes = [_box(inner) for inner in coordinates]
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
