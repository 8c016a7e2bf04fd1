"""Questions made from a platform's own data: one q per operator, one geoquery per relation. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from schemas.ngsi_ld.geo import GeoQuery, parse_geo
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.sphere import haversine

Entity = dict[str, Any]

_NAME = re.compile(r"[^\W\d_]\w*")
_PLAIN = re.compile(r"[\w \-]+")
_EDGE = 0.0000137
"""Degrees (1.5 m) by which the edges of boxes are moved, so that no point lies on one."""


def q_texts(sample: list[Entity]) -> dict[str, str]:
    """Operator → a q that uses it, where the data allow one. Where they can, some entities match and some don't."""
    found: dict[str, str] = {}
    names = _common_names(sample)
    numbers = _by_kind(sample, names, _number)
    texts = _by_kind(sample, names, _text)
    if numbers is not None:
        name, values = numbers
        low, middle = values[len(values) // 4], values[len(values) // 2]
        high = values[(3 * len(values)) // 4]
        found |= {op: f"{name}{op}{middle}" for op in (">", ">=", "<", "<=")}
        found["range"] = f"{name}=={low}..{high}"
        found["=="], found["!="] = f"{name}=={middle}", f"{name}!={middle}"
        found["list"] = f"{name}=={low},{high}"
        found["and"], found["or"] = f"{name}>={low};{name}<={high}", f"{name}<{low}|{name}>{high}"
    if texts is not None:
        name, words = texts
        word = words[len(words) // 2]
        found["=="], found["!="] = f'{name}=="{word}"', f'{name}!="{word}"'
        found["list"] = f'{name}=="{words[0]}","{word}"'
        found["~="], found["!~="] = f"{name}~={word[: max(1, len(word) // 2)]}", f"{name}!~={word}"
    rare = [name for name, n in names.items() if n < len(sample)]
    if names:
        found["exists"] = rare[0] if rare else next(iter(names))
    path = next(_paths(sample, names), None)
    if path is not None:
        found["path"] = path
    return found


def geo_queries(sample: list[Entity]) -> dict[str, GeoQuery]:
    """Relation → a geoquery on `location`, from the points and polygons of the sample."""
    points = [(g["coordinates"][0], g["coordinates"][1]) for g in _geometries(sample) if g["type"] == "Point"]
    if not points:
        return {}
    found: dict[str, GeoQuery] = {}
    here = points[len(points) // 2]
    text = f"[{here[0]},{here[1]}]"
    distances = sorted({haversine(here[0], here[1], p[0], p[1]) for p in points} - {0.0})
    radius = _gap(distances)
    found["near"] = parse_geo(f"near;maxDistance=={radius:.1f}", "Point", text)
    found["equals"] = parse_geo("equals", "Point", text)
    polygon = _box(points)
    for relation in ("within", "intersects", "disjoint"):
        found[relation] = parse_geo(relation, "Polygon", polygon)
    area = next((g for g in _geometries(sample) if g["type"] == "Polygon"), None)
    if area is not None:
        ring = area["coordinates"][0]
        x, y = (ring[0][0] + ring[2][0]) / 2, (ring[0][1] + ring[2][1]) / 2
        found["contains"] = parse_geo("contains", "Point", f"[{x},{y}]")
        found["overlaps"] = parse_geo("overlaps", "Polygon", _rectangle(x, y, x + 0.01, y + 0.01))
    return found


def id_pattern(sample: list[Entity]) -> str:
    """A regular expression that takes the ids that end as one of the sample does."""
    last = sample[len(sample) // 2]["id"][-1:]
    return f"{re.escape(last)}$" if last.isalnum() else "[0-9]$"


def _common_names(sample: list[Entity]) -> Counter[str]:
    """Attributes by how many entities have them, those with names that every dialect can hold."""
    counts = Counter(name for entity in sample for name in entity if name not in ENTITY_MEMBERS)
    return Counter({name: n for name, n in counts.most_common() if _NAME.fullmatch(name)})


def _by_kind(sample: list[Entity], names: Counter[str], read: Any) -> tuple[str, list[Any]] | None:
    """The attribute with the most different values of a kind, and these, sorted."""
    best: tuple[str, list[Any]] | None = None
    for name in names:
        values = sorted({v for v in (read(entity.get(name)) for entity in sample) if v is not None})
        if values and (best is None or len(values) > len(best[1])):
            best = name, values
    return best


def _number(member: Any) -> int | float | None:
    value = _value(member)
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
    return value if good and "e" not in repr(value) else None


def _text(member: Any) -> str | None:
    value = _value(member)
    if not isinstance(value, str) or not 1 < len(value) < 60 or not _PLAIN.fullmatch(value) or value.strip() != value:
        return None
    # what could be read as a number, a date or true is a question of its own
    return value if value[0].isalpha() and read_datetime(value) is None and value not in ("true", "false") else None


def _value(member: Any) -> Any:
    return member.get("value") if isinstance(member, dict) and member.get("type") == "Property" else None


def _paths(sample: list[Entity], names: Counter[str]) -> Iterator[str]:
    for name in names:
        for entity in sample:
            member = entity.get(name)
            if not isinstance(member, dict):
                continue
            for inner in ("unitCode", "observedAt"):
                if isinstance(member.get(inner), str):
                    yield f'{name}.{inner}=="{member[inner]}"' if inner == "unitCode" else f"{name}.{inner}"
            value = _value(member)
            if isinstance(value, dict) and "@value" not in value:
                yield from (f"{name}[{key}]" for key in value if _NAME.fullmatch(key))
            yield from (f"{name}.{n}" for n in member if n not in ATTRIBUTE_MEMBERS and _NAME.fullmatch(n))


def _geometries(sample: list[Entity]) -> Iterator[dict[str, Any]]:
    for entity in sample:
        geometry = entity.get("location", {}).get("value") if isinstance(entity.get("location"), dict) else None
        if isinstance(geometry, dict):
            yield geometry


def _gap(distances: list[float]) -> float:
    """The middle of the widest step between neighbours (metres): sources differ by half a per cent on the sphere."""
    if len(distances) < 2:
        return 500.0
    steps = [(b / a, (a + b) / 2) for a, b in pairwise(distances) if a > 1]
    return max(steps)[1] if steps else 500.0


def _box(points: list[tuple[float, float]]) -> str:
    """A rectangle around about half of the points."""
    ordered = sorted(points)
    middle = ordered[len(ordered) // 2][0]
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    return _rectangle(ordered[0][0] - 0.01, south - 0.01, middle + _EDGE, north + 0.01)


def _rectangle(west: float, south: float, east: float, north: float) -> str:
    w, s, e, n = (round(v, 7) for v in (west, south, east, north))
    return f"[[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]]"
