"""The tour's questions: who asks what, and what a right answer looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.demo.areas import AREAS, CROWD, SHELTER, TOILET
from schemas.ngsi_ld.sphere import haversine

HAMAMATSUCHO = (139.7571, 35.6555)
"""Longitude and latitude of the station."""
METRES = 1000
_ENOUGH = 50
_ENTITIES = "/ngsi-ld/v1/entities"

Body = Any
Check = Callable[[Body, "Known"], str]
"""Says what is wrong with the body, or nothing."""


@dataclass(slots=True)
class Known:
    """What is true of the areas' shelters: how many each has, and where they are (from the first answer)."""

    shelters: Mapping[str, int]
    places: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.shelters.values())


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is the key of its words. `by`: the area whose service asks."""

    text: str
    by: str
    params: Mapping[str, str]
    check: Check
    path: str = _ENTITIES
    accept: str = "application/json"


def _shelters(body: Body, known: Known) -> str:
    ids = {e["id"] for e in body}
    known.places = {e["id"]: tuple(e["location"]["value"]["coordinates"]) for e in body if "location" in e}
    if len(ids) != len(body):
        return "an entity stands in it twice"
    return "" if len(ids) == known.total else f"{len(ids)} shelters, not {known.total}"


def _near(body: Body, known: Known) -> str:
    found = {e["id"] for e in body}
    right = {i for i, place in known.places.items() if haversine(*HAMAMATSUCHO, *place) <= METRES}
    return "" if found == right else f"{len(found)} shelters within {METRES} m, not {len(right)}"


def _crowds(body: Body, known: Known) -> str:
    counts = [e["peopleCount"]["value"] for e in body]
    return "" if counts and min(counts) >= _ENOUGH else "a crowd is missing or too small"


def _toilets(body: Body, known: Known) -> str:
    return "" if body and all(e["wheelchairAccessible"] is True for e in body) else "not only accessible toilets"


def _geojson(body: Body, known: Known) -> str:
    features = body.get("features", [])
    right = body.get("type") == "FeatureCollection" and len(features) == known.total
    return "" if right else f"{len(features)} features, not {known.total}"


def _types(body: Body, known: Known) -> str:
    missing = {SHELTER, CROWD, TOILET} - set(body["typeList"])
    return f"{', '.join(sorted(missing))} missing" if missing else ""


NEAR: Mapping[str, str] = {
    "type": SHELTER,
    "georel": f"near;maxDistance=={METRES}",
    "geometry": "Point",
    "coordinates": f"[{HAMAMATSUCHO[0]},{HAMAMATSUCHO[1]}]",
    "limit": "1000",
}
_ALL = {"type": SHELTER, "limit": "1000", "count": "true"}

QUESTIONS: tuple[Question, ...] = (
    *(Question("step.shelters", area, _ALL, _shelters) for area in AREAS),
    Question("step.near", "takeshiba", NEAR, _near),
    Question("step.crowd", "toyosu", {"type": CROWD, "q": f"peopleCount>={_ENOUGH}", "limit": "1000"}, _crowds),
    Question(
        "step.toilets",
        "otemachi",
        {"type": TOILET, "q": "wheelchairAccessible==true", "format": "keyValues", "limit": "1000"},
        _toilets,
    ),
    Question("step.geojson", "toyosu", _ALL, _geojson, accept="application/geo+json"),
    Question("step.types", "takeshiba", {}, _types, path="/ngsi-ld/v1/types"),
)


def size(body: Body) -> int:
    """How many entities, features or types an answer has."""
    if isinstance(body, list):
        return len(body)
    return len(body.get("features", body.get("typeList", ())))
