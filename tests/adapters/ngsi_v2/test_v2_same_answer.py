"""Pushed or not, a query finds the same: the server's selection with the residual filters, against the evaluators of
`schemas` over everything that the platform holds.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from v2_oracle import ALL, answered, platformed, truth

from broker.demo.orion_store import Store
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.sphere import haversine
from schemas.ngsi_ld.types import parse_type_selection

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(store: Store, query: EntityQuery, **platform: Any) -> set[str]:
    expected = truth(store, query)
    assert {e["id"] for e in answered(store, query, platformed(**platform))} == expected
    return expected


def store_of(entities: list[dict[str, Any]]) -> Store:
    store = Store()
    for entity in entities:
        store.put(entity, "", "/", trusted=True)
    return store


def v2(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


# --- q ----------------------------------------------------------------------------------------------------------------

INSTANT = "2018-08-07T11:10:00.000Z"
VALUES = [
    *(v2("Number", n) for n in (0, 1, -1, 2.5, 20, 1533640200, 10**16, None)),
    *(v2("Text", t) for t in ("a", "b", "ab", "竹芝", "", "20", "true", "a(b", "a,b", INSTANT, "2018-08-07T11:10:00Z")),
    *(v2("Text", t) for t in ("2018-08-07", "a ", "a\nb", "urn:x:a", "a..b")),
    *(v2("DateTime", t) for t in (INSTANT, "2019-01-01T00:00:00.500Z")),
    v2("Boolean", True),
    v2("Boolean", False),
    *(v2("StructuredValue", value) for value in ([], [1, "a"], [20], ["b"], [INSTANT], {"city": "a"}, {"city": None})),
    v2("StructuredValue", {"city": 20}),
    v2("Relationship", "urn:x:a"),
    v2("Relationship", ["urn:x:a", "urn:x:b"]),
    v2("geo:json", {"type": "Point", "coordinates": [139, 35]}),
]
"""Every kind of value that an attribute can have."""
OPERANDS = ["0", "1", "2.5", "20", "1533640200"]
OPERANDS += [f'"{text}"' for text in ("a", "竹芝", "20", "true", "a,b", "a(b", "a..b", "", "a ")]
TIMES = [INSTANT, "2018-08-07T11:10:00Z", "2018-08-07T20:10:00+09:00", "2018-08-07", f'"{INSTANT}"', '"2018-08-07"']
EQUAL_ONLY = ["true", "false", "urn:x:a", "a", "1,2.5", '"a","b"', f'"a",{INSTANT}', "0..20", '"a".."b"']
EQUAL_ONLY += [f"{INSTANT}..{INSTANT}"]
PATTERNS = ["a", "^a$", "^竹", "a+b", "[ab]", "a.b", "2018", "T11", "1.*Z", "b*", "x?", "^.", "[^a]", "^2", ":"]
QUERIES = [
    "v", "!v", "v[city]", "!v[city]", "v[city]==20", 'v[city]=="a"', 'v[city]!="a"', "v[city]>3", "v[type]",
    "v[coordinates]", "v.quality", "!v.quality", "v.quality>0", "v.quality==1", "v.quality!=1", "v.observedAt",
    f"v.observedAt=={INSTANT}", "v.TimeInstant",
    *(f"v{op}{operand}" for op in ("==", "!=", ">", ">=", "<", "<=") for operand in (*OPERANDS, *TIMES)),
    *(f"v{op}{operand}" for op in ("==", "!=") for operand in EQUAL_ONLY),
    *(f"v{op}{pattern}" for op in ("~=", "!~=") for pattern in PATTERNS),
    "v>0;v<30", "v>0|v<0", 'v>0;v=="a(b"', "v>0;!w", "(v>0|v==0);v<20", "v==1|v==20", 'v!=0;v!="a"',
]  # fmt: skip


def every_value() -> Store:
    entities: list[dict[str, Any]] = [{"id": "urn:x:none", "type": "T"}]
    for n, value in enumerate(VALUES):
        metadata: dict[str, Any] = {}
        if n % 3 == 0:
            metadata["quality"] = {"type": "Number", "value": (None, 1, 2, "1")[n // 3 % 4]}
        if n % 4 == 0:
            metadata["TimeInstant"] = {"type": "DateTime", "value": INSTANT}
        entities.append({"id": f"urn:x:{n}", "type": "T", "v": {**value, "metadata": metadata}})
    return store_of(entities)


def test_every_query_on_every_value() -> None:
    store = every_value()
    found = {text: same(store, EntityQuery(q=parse_q(text, context=CORE))) for text in QUERIES}
    # the questions tell the values apart
    assert len(set(map(frozenset, found.values()))) > 40


def test_times_that_are_always_datetimes() -> None:
    moments = [f"2018-08-07T11:{m:02}:00.000Z" for m in range(5)]
    store = store_of([{"id": f"urn:x:{m}", "type": "T", "v": v2("DateTime", m)} for m in moments])
    for op in ("==", "!=", ">", ">=", "<", "<="):
        for literal in ("2018-08-07T11:02:00Z", "2018-08-07T20:02:00+09:00", "2018-08-07T11:02:00.5Z"):
            query = EntityQuery(q=parse_q(f"v{op}{literal}", context=CORE))
            came = answered(store, query, platformed(datetimes=frozenset({"v"})))
            assert {e["id"] for e in came} == truth(store, query)


TERMS = st.sampled_from([q for q in QUERIES if ";" not in q and "|" not in q])
TREES = st.recursive(
    TERMS, lambda inner: st.builds("({}{}{})".format, inner, st.sampled_from(";|"), inner), max_leaves=5
)  # fmt: skip


@SLOW
@given(TREES)
def test_conjunctions_and_disjunctions(text: str) -> None:
    same(every_value(), EntityQuery(q=parse_q(text, context=CORE)))


# --- places -----------------------------------------------------------------------------------------------------------

LONGITUDES, LATITUDES = st.floats(139.6, 139.9), st.floats(35.5, 35.8)
PLACES = st.tuples(LONGITUDES, LATITUDES).map(lambda p: [round(p[0], 6), round(p[1], 6)])


def near_things(centre: list[float], bearings: list[float], metres: list[float]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"id": "urn:x:nowhere", "type": "T", "location": v2("geo:point", None)}]
    for n, (bearing, distance) in enumerate(zip(bearings, metres, strict=True)):
        lat = centre[1] + math.degrees(distance * math.cos(bearing) / 6371008.8)
        lon = centre[0] + math.degrees(distance * math.sin(bearing) / 6371008.8 / math.cos(math.radians(centre[1])))
        shapes = [
            v2("geo:point", f"{lat}, {lon}"),
            v2("geo:json", {"type": "Point", "coordinates": [lon, lat]}),
            v2("geo:line", [f"{lat},{lon}", f"{lat + 0.001},{lon + 0.001}"]),
        ]
        found.append({"id": f"urn:x:{n}", "type": "T", "location": shapes[n % 3]})
    return found


@SLOW
@given(
    PLACES,
    st.lists(st.floats(0, 6.28), min_size=12, max_size=12),
    st.lists(st.floats(0.99, 1.01), min_size=12, max_size=12),
    st.sampled_from(["maxDistance", "minDistance"]),
    st.floats(5, 20000),
)
def test_near_the_limit(
    centre: list[float], bearings: list[float], factors: list[float], kind: str, metres: float
) -> None:
    """Targets at the limit ± 1 %: the two radii of the Earth differ by a tenth of that."""
    store = store_of(near_things(centre, bearings, [metres * f for f in factors]))
    same(store, EntityQuery(geo=parse_geo(f"near;{kind}=={metres}", "Point", centre)))


def test_the_radii_differ_where_the_limit_is() -> None:
    """Without a margin the platform would leave this one out."""
    here, there = [139.757, 35.655], [139.857, 35.655]
    metres = haversine(*here, *there) + 1
    store = store_of([{"id": "urn:x:1", "type": "T", "location": v2("geo:point", f"{there[1]},{there[0]}")}])
    assert same(store, EntityQuery(geo=parse_geo(f"near;maxDistance=={metres}", "Point", here))) == {"urn:x:1"}


SIDES = st.floats(0.0005, 0.2)
RELATIONS = st.sampled_from(["within", "intersects", "disjoint", "overlaps", "contains", "equals"])


def rectangle(corner: list[float], width: float, height: float) -> list[list[list[float]]]:
    w, s, e, n = corner[0], corner[1], corner[0] + width, corner[1] + height
    return [[[w, s], [e, s], [e, n], [w, n], [w, s]]]


@SLOW
@given(PLACES, SIDES, SIDES, RELATIONS, st.lists(PLACES, max_size=5), SIDES, SIDES)
def test_polygons(
    corner: list[float],
    width: float,
    height: float,
    relation: str,
    others: list[list[float]],
    dx: float,
    dy: float,
) -> None:
    """Targets on the reference's corners and edges, inside it, around it and anywhere."""
    ring = rectangle(corner, width, height)
    inside = [corner[0] + width / 2, corner[1] + height / 2]
    points = [ring[0][0], ring[0][2], [inside[0], corner[1]], inside, *others]
    shapes = [{"type": "Point", "coordinates": p} for p in points]
    shapes += [
        {"type": "Polygon", "coordinates": c}
        for c in (ring, rectangle(inside, dx, dy), rectangle([corner[0] - 0.01, corner[1] - 0.01], 0.5, 0.5))
    ]
    shapes.append({"type": "LineString", "coordinates": [corner, inside]})
    store = store_of([{"id": f"urn:x:{n}", "type": "T", "location": v2("geo:json", s)} for n, s in enumerate(shapes)])
    same(store, EntityQuery(geo=parse_geo(relation, "Polygon", ring)))
    same(store, EntityQuery(geo=parse_geo(relation, "Point", inside)))
    same(store, EntityQuery(geo=parse_geo(relation, "LineString", [corner, inside])))


# --- types, ids, attributes -------------------------------------------------------------------------------------------

ROWS = [
    {"id": id_, "type": type_, "n": v2("Number", n), **({"m": v2("Number", n % 3)} if n % 2 else {})}
    for n, (id_, type_) in enumerate(
        [("urn:x:1", "A"), ("urn:x:2", "B"), ("1", "A"), ("1", "B"), ("jp.a.1", "Ble.s"), ("urn:ngsi-ld:A:v2:1", "A")]
    )
]
TYPES = st.one_of(st.none(), st.sampled_from(["A", "A,B", "Ble_x2E_s", "A;B", "(A;B),Ble_x2E_s", "C", "C,A"]))
IDS = [
    *("urn:x:1", "urn:x:2", "urn:y", "urn:ngsi-ld:A:v2:1", "urn:ngsi-ld:B:v2:1", "urn:ngsi-ld:Ble.s:v2:jp.a.1"),
    *("urn:ngsi-ld:A:v2:urn%3Angsi-ld%3AA%3Av2%3A1", "urn:ngsi-ld:A:v2:%31", "urn:ngsi-ld:C:v2:1"),
]


@settings(max_examples=400, deadline=None)
@given(
    TYPES,
    st.lists(st.sampled_from(IDS), max_size=3, unique=True),
    st.one_of(st.none(), st.sampled_from(["^urn:x:", "^urn:x:1$", "v2:1", "1$", "^urn:ngsi-ld:A", "^urn:ngsi-ld:A:E"])),
    st.one_of(st.none(), st.sampled_from(["n>1", "m", "!m", "m==1|n==0", "n>0;m<2"])),
    st.sampled_from([(), ("n",), ("m",), ("m", "k"), ("never",)]),
    st.sampled_from([ALL, ALL - {"type", "id"}, frozenset()]),
)
def test_everything_together(
    types: str | None,
    ids: list[str],
    pattern: str | None,
    text: str | None,
    attrs: tuple[str, ...],
    verified: frozenset[str],
) -> None:
    query = EntityQuery(
        types=None if types is None else parse_type_selection(types, context=CORE),
        ids=tuple(ids),
        id_pattern=pattern,
        q=None if text is None else parse_q(text, context=CORE),
        attrs=attrs,
    )
    same(store_of(ROWS), query, verified=verified)


def test_one_id_with_several_types() -> None:
    query = EntityQuery(ids=("urn:x:1", "urn:ngsi-ld:A:v2:1"))
    assert same(store_of(ROWS), query) == {"urn:x:1", "urn:ngsi-ld:A:v2:1"}


def test_a_filter_sees_attributes_that_are_not_shown() -> None:
    query = EntityQuery(attrs=("m",), q=parse_q("n>1|n==1", context=CORE))
    assert same(store_of(ROWS), query) == {"urn:x:2", "urn:ngsi-ld:B:v2:1", IDS[6]}
