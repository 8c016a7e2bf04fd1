"""The gateway against a naive oracle: random entities spread over sources of several kinds, random questions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from gateway import Gateway, Space
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources import Entity, Host, NgsiLdSource

TYPES = ("Shelter", "Toilet", "Crowd")
NUMBERS, WORDS = ("capacity", "count"), ("name", "kind")
VOCABULARY = ("港区", "a b", "x", "Émile", "10")
CENTRE = (139.76, 35.68)

# --- the world -------------------------------------------------------------------------------------------------------


@st.composite
def entities(draw: st.DrawFn) -> Entity:
    number = draw(st.integers(0, 40))
    kind = TYPES[number % 3]
    made: Entity = {"id": f"urn:ngsi-ld:{kind}:{number:02}", "type": [kind, "Place"] if number % 4 == 0 else kind}
    for name in NUMBERS:
        if draw(st.booleans()):
            made[name] = {"type": "Property", "value": draw(st.integers(0, 9))}
            if draw(st.booleans()):
                made[name]["observedAt"] = f"2026-11-22T0{draw(st.integers(0, 9))}:00:00Z"
    for name in WORDS:
        if draw(st.booleans()):
            made[name] = {"type": "Property", "value": draw(st.sampled_from(VOCABULARY))}
    if draw(st.booleans()):
        # on a grid whose lines no question's border touches
        x, y = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
        place = [round(CENTRE[0] + x * 0.01, 6), round(CENTRE[1] + y * 0.01, 6)]
        made["location"] = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}}
    return made


def unique(found: list[Entity]) -> list[Entity]:
    return list({e["id"]: e for e in found}.values())


worlds = st.lists(entities(), max_size=14).map(unique)


@dataclass(frozen=True)
class Filter:
    """A part of a question: its text, and what it means."""

    text: str
    holds: Callable[[Entity], bool]


def value(entity: Entity, name: str) -> Any:
    return entity.get(name, {}).get("value")


def number_term(name: str, op: str, n: int) -> Filter:
    tests: dict[str, Callable[[int], bool]] = {
        "==": lambda v: v == n,
        "!=": lambda v: v != n,
        ">": lambda v: v > n,
        ">=": lambda v: v >= n,
        "<": lambda v: v < n,
        "<=": lambda v: v <= n,
    }
    return Filter(f"{name}{op}{n}", lambda e: value(e, name) is not None and tests[op](value(e, name)))


terms = st.one_of(
    st.builds(
        number_term, st.sampled_from(NUMBERS), st.sampled_from(("==", "!=", ">", ">=", "<", "<=")), st.integers(0, 9)
    ),
    st.builds(
        lambda n, a, b: Filter(f"{n}=={a}..{a + b}", lambda e: value(e, n) is not None and a <= value(e, n) <= a + b),
        st.sampled_from(NUMBERS),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    st.builds(
        lambda n, w: Filter(f'{n}=="{w}"', lambda e: value(e, n) == w),
        st.sampled_from(WORDS),
        st.sampled_from(VOCABULARY),
    ),
    st.builds(
        lambda n, w: Filter(f'{n}!="{w}"', lambda e: value(e, n) not in (None, w)),
        st.sampled_from(WORDS),
        st.sampled_from(VOCABULARY),
    ),
    st.builds(lambda n: Filter(n, lambda e: n in e), st.sampled_from((*NUMBERS, *WORDS, "location"))),
    st.builds(lambda n: Filter(f"!{n}", lambda e: n not in e), st.sampled_from((*NUMBERS, *WORDS))),
)


def both(a: Filter, b: Filter) -> Filter:
    return Filter(f"({a.text};{b.text})", lambda e: a.holds(e) and b.holds(e))


def either(a: Filter, b: Filter) -> Filter:
    return Filter(f"({a.text}|{b.text})", lambda e: a.holds(e) or b.holds(e))


queries = st.recursive(
    terms, lambda inner: st.builds(both, inner, inner) | st.builds(either, inner, inner), max_leaves=4
)


def metres(entity: Entity, x: float, y: float) -> float:
    """On the sphere, by the law of cosines: not the way the gateway does it."""
    lon, lat = (math.radians(v) for v in entity["location"]["value"]["coordinates"])
    x, y = math.radians(x), math.radians(y)
    cosine = math.sin(lat) * math.sin(y) + math.cos(lat) * math.cos(y) * math.cos(lon - x)
    return 6_371_008.8 * math.acos(min(1.0, cosine))


def near(x: int, y: int, distance: int, relation: str) -> tuple[dict[str, str], Callable[[Entity], bool]]:
    lon, lat = CENTRE[0] + x * 0.01, CENTRE[1] + y * 0.01
    params = {
        "georel": f"near;{relation}=={distance}",
        "geometry": "Point",
        "coordinates": f"[{lon:.6f},{lat:.6f}]",
    }

    def holds(e: Entity) -> bool:
        if "location" not in e:
            return False
        far = metres(e, lon, lat)
        return far <= distance if relation == "maxDistance" else far >= distance

    return params, holds


def inside(x: int, y: int, size: int, relation: str) -> tuple[dict[str, str], Callable[[Entity], bool]]:
    west, south = CENTRE[0] + x * 0.01 - 0.005, CENTRE[1] + y * 0.01 - 0.005
    east, north = west + size * 0.01, south + size * 0.01
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    params = {"georel": relation, "geometry": "Polygon", "coordinates": str([ring]).replace(" ", "")}

    def holds(e: Entity) -> bool:
        if "location" not in e:
            return False
        lon, lat = e["location"]["value"]["coordinates"]
        return (west < lon < east and south < lat < north) is (relation != "disjoint")

    return params, holds


geos = st.one_of(
    st.builds(
        near,
        st.integers(-3, 3),
        st.integers(-3, 3),
        st.sampled_from((300, 1500, 2700)),
        st.sampled_from(("maxDistance", "minDistance")),
    ),
    st.builds(
        inside,
        st.integers(-3, 3),
        st.integers(-3, 3),
        st.integers(1, 5),
        st.sampled_from(("within", "intersects", "disjoint")),
    ),
)
type_lists = st.sampled_from(
    [
        ("Shelter", {"Shelter"}),
        ("Toilet,Crowd", {"Toilet", "Crowd"}),
        ("Shelter|Toilet", {"Shelter", "Toilet"}),
        ("Place", {"Place"}),
    ]
)
patterns = st.sampled_from(["1$", "^urn:ngsi-ld:Shelter", "Toilet:0[0-9]", ":[13]"])


@st.composite
def questions(draw: st.DrawFn) -> tuple[dict[str, str], Callable[[Entity], bool], tuple[str, ...], int, int]:
    """Parameters, what they select, the attributes to show (empty: all), limit and offset."""
    params: dict[str, str] = {}
    tests: list[Callable[[Entity], bool]] = []
    names, wanted = draw(type_lists)
    if draw(st.integers(0, 9)):
        params["type"] = names
        tests.append(lambda e: bool(wanted & set([e["type"]] if isinstance(e["type"], str) else e["type"])))
    if draw(st.booleans()) or not params:
        q = draw(queries)
        params["q"] = q.text
        tests.append(q.holds)
    if not draw(st.integers(0, 2)):
        geo, holds = draw(geos)
        params |= geo
        tests.append(holds)
    if not draw(st.integers(0, 3)):
        pattern = draw(patterns)
        params["idPattern"] = pattern
        tests.append(lambda e: re.search(pattern, e["id"]) is not None)
    if not draw(st.integers(0, 4)):
        ids = [f"urn:ngsi-ld:{TYPES[n % 3]}:{n:02}" for n in draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))]
        params["id"] = ",".join(ids)
        tests.append(lambda e: e["id"] in ids)
    shown: tuple[str, ...] = ()
    if not draw(st.integers(0, 2)):
        shown = tuple(draw(st.lists(st.sampled_from((*NUMBERS, *WORDS)), min_size=1, max_size=2, unique=True)))
        params["attrs"] = ",".join(shown)
        tests.append(lambda e: any(n in e for n in shown))
    limit, offset = draw(st.integers(1, 12)), draw(st.integers(0, 8))
    return params, lambda e: all(test(e) for test in tests), shown, limit, offset


def page(found: list[Entity], shown: tuple[str, ...], limit: int, offset: int) -> list[Entity]:
    chosen = sorted(found, key=lambda e: e["id"])[offset : offset + limit]
    if not shown:
        return chosen
    return [{k: v for k, v in e.items() if k in ("id", "type", *shown)} for e in chosen]


def merged(parts: list[Entity]) -> Entity:
    """Per attribute the one observed last; of equals the first. What was never observed is the oldest."""
    made: Entity = {"id": parts[0]["id"], "type": parts[0]["type"]}
    for part in parts:
        for name, attribute in part.items():
            if name in ("id", "type"):
                continue
            if name not in made or attribute.get("observedAt", "") > made[name].get("observedAt", ""):
                made[name] = attribute
    return made


# --- the sources -----------------------------------------------------------------------------------------------------

SAMPLE = [
    {
        "id": f"urn:ngsi-ld:{kind}:{n:02}",
        "type": kind,
        "capacity": {"type": "Property", "value": n},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(CENTRE)}},
    }
    for n, kind in enumerate(TYPES)
]
KINDS: dict[str, dict[str, Any]] = {
    "honest": {},
    "lenient": {"strict": False},
    "small pages": {"page_limit": 5, "links": True},
    "no filters": {"ignores": ("q", "georel", "geometry", "coordinates", "idPattern", "attrs", "limit", "offset")},
    "no count": {"counts": False, "cuts": True, "page_limit": 6},
}
HOUSES = {
    **{kind: (kind,) for kind in KINDS},
    "two honest": ("honest", "honest"),
    "all kinds": tuple(KINDS),
}


class House:
    """Sources of some kinds, registered once; what they hold changes."""

    def __init__(self, gateway: Gateway, host: Host, kinds: tuple[str, ...]) -> None:
        self.space = Space(gateway)
        self.sources = []
        for n, kind in enumerate(kinds):
            source = NgsiLdSource(SAMPLE, **KINDS[kind])
            self.space.add(host.serve(source).url, f"{self.space.tenant}-{n}")
            self.sources.append(source)

    def put(self, parts: list[list[Entity]]) -> None:
        for source, part in zip(self.sources, parts, strict=True):
            source.put(part)

    def ask(self, params: dict[str, str], limit: int, offset: int) -> tuple[list[Entity], int]:
        """Without a count the way is another one, so both are asked."""
        answer = self.space.get(**params, limit=limit, offset=offset, count="true")
        assert answer.status_code == 200, answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        uncounted = self.space.get(**params, limit=limit, offset=offset)
        assert uncounted.json() == answer.json()
        total = int(answer.headers["ngsild-results-count"])
        more = 'rel="next"' in answer.headers["link"]
        assert more is (total > offset + limit)
        if total > offset + limit:
            assert 'rel="next"' in uncounted.headers["link"]
        return answer.json(), total


@pytest.fixture(scope="module")
def houses(gateway: Gateway, host: Host) -> Iterator[dict[str, House]]:
    built = {name: House(gateway, host, kinds) for name, kinds in HOUSES.items()}
    yield built
    for house in built.values():
        house.space.close()


@pytest.mark.parametrize("name", HOUSES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(world=worlds, question=questions(), data=st.data())
def test_whole_entities(
    houses: dict[str, House], name: str, world: list[Entity], question: Any, data: st.DataObject
) -> None:
    """Each entity is in one source or more; a copy has an attribute of its own that no question looks at."""
    house = houses[name]
    parts: list[list[Entity]] = [[] for _ in house.sources]
    truth = []
    for entity in world:
        holders = data.draw(st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=len(parts), unique=True))
        own = {f"own{n}": {"type": "Property", "value": n} for n in holders}
        for n in holders:
            parts[n].append(entity | {f"own{n}": own[f"own{n}"]})
        truth.append(entity | own)
    house.put(parts)
    params, holds, shown, limit, offset = question
    expected = [e for e in truth if holds(e)]
    assert house.ask(params, limit, offset) == (page(expected, shown, limit, offset), len(expected))


@pytest.mark.parametrize("name", ["two honest", "all kinds"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(world=worlds, question=questions(), data=st.data())
def test_split_entities(
    houses: dict[str, House], name: str, world: list[Entity], question: Any, data: st.DataObject
) -> None:
    """The attributes of an entity are spread; some of them stand in several sources, observed at other times."""
    house = houses[name]
    parts: list[list[Entity]] = [[] for _ in house.sources]
    for entity in world:
        attributes = [n for n in entity if n not in ("id", "type")]
        for n, part in enumerate(parts):
            kept = data.draw(st.lists(st.sampled_from(attributes), unique=True)) if attributes else []
            if kept or n == 0:
                part.append({k: v for k, v in entity.items() if k in ("id", "type", *kept)})
                for k in kept:
                    if k in NUMBERS and data.draw(st.booleans()):
                        changed = {"value": data.draw(st.integers(0, 9)), "observedAt": "2026-11-22T05:30:00Z"}
                        part[-1][k] = part[-1][k] | changed
    house.put(parts)
    by_id: dict[str, list[Entity]] = {}
    for part in parts:
        for version in part:
            by_id.setdefault(version["id"], []).append(version)
    params, holds, shown, limit, offset = question
    expected = [e for e in map(merged, by_id.values()) if holds(e)]
    got = house.ask(params | {"splitEntities": "true"}, limit, offset)
    assert got == (page(expected, shown, limit, offset), len(expected))
