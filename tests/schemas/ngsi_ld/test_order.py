"""Ordering and collation (clause 4.23)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.collation import ROOT, parse_collation
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.order import parse_order


def entity(name: str, **attributes: Any) -> dict[str, Any]:
    return {"id": f"urn:x:{name}", "type": "T", **attributes}


def value(v: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": v, **more}


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}


def ordered(text: str, entities: list[dict[str, Any]], **parameters: str) -> str:
    random.Random(7).shuffle(entities)
    order = parse_order(text, context=CORE, **parameters)
    return "".join(e["id"][-1] for e in order.sort(sorted(entities, key=lambda e: e["id"])))


def test_datatypes_stand_in_the_clause_s_order_and_what_is_absent_last() -> None:
    kinds = [
        value(2),
        value("text"),
        value({"a": 1}),
        value([1]),
        value(True),
        value({"@type": "Time", "@value": "10:00:00Z"}),
        value({"@type": "Date", "@value": "2026-04-01"}),
        value({"@type": "DateTime", "@value": "2026-04-01T00:00:00Z"}),
    ]
    entities = [entity(str(i), p=kind) for i, kind in enumerate(kinds)] + [entity("8")]
    assert ordered("p", entities) == "012345678"
    assert ordered("p;desc", entities) == "765432108"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n,id", "abcd"),
        ("n;desc", "dabc"),
        ("n;desc,id;desc", "dcba"),
        ("id;desc", "dcba"),
        ("type,s.sub", "badc"),
        ("address[city]", "dcba"),
        ("n.observedAt", "cabd"),
        ("createdAt;desc", "cbda"),
    ],
)
def test_terms_apply_one_after_the_other(text: str, expected: str) -> None:
    entities = [
        entity(
            "a",
            n=value(1, observedAt="2026-01-02T00:00:00Z"),
            s=value(0, sub=value(2)),
            createdAt="2026-01-01T00:00:00Z",
        ),
        entity(
            "b",
            n=value(1, observedAt="2026-01-02T00:00:01Z"),
            s=value(0, sub=value(1)),
            createdAt="2026-01-03T00:00:00Z",
        ),
        entity("c", n=value(1, observedAt="2026-01-01T23:59:59.5Z"), s=value(0), createdAt="2026-01-04T00:00:00Z"),
        entity("d", n=value(2), s=value(0, sub=value(3)), createdAt="2026-01-02T00:00:00Z"),
    ]
    for i, e in enumerate(entities):
        e["address"] = value({"city": "zyxw"[i]})
    assert ordered(text, entities) == expected


def test_by_distance_and_what_is_no_geoproperty_after_those() -> None:
    entities = [
        entity("n", location=point(8.1, 40)),
        entity("f", location=point(12, 44)),
        entity("x", location=value(1)),
    ]
    assert ordered("location;dist-asc", entities, order_from="[8,40]") == "nfx"
    assert ordered("location;dist-desc", entities, order_from="[8,40]") == "fnx"
    line = "[[12,44],[13,45]]"
    assert ordered("location;dist-asc", entities, order_from=line, order_geometry="LineString") == "fnx"


def test_the_default_instance_counts() -> None:
    several = [value(9, datasetId="urn:d"), value(1)]
    assert ordered("p", [entity("a", p=value(5)), entity("b", p=several)]) == "ba"


@pytest.mark.parametrize(
    ("text", "parameters", "field"),
    [
        ("", {}, "orderBy"),
        ("a;up", {}, "orderBy"),
        ("a,,b", {}, "orderBy"),
        ("a..b", {}, "orderBy"),
        ("a[", {}, "orderBy"),
        ("a\ud800", {}, "orderBy"),
        (",".join(["a"] * 40), {}, "orderBy"),
        ("a;dist-asc", {}, "orderFrom"),
        ("a;dist-asc", {"order_from": "[1]"}, "orderFrom"),
        ("a;dist-asc", {"order_from": "[1,2]", "order_geometry": "Circle"}, "orderGeometry"),
        ("a", {"collation": "!!nope"}, "collation"),
        ("a", {"collation": "not a tag"}, "collation"),
        ("a", {"collation": "de-" + "u-co" * 100}, "collation"),
    ],
)
def test_refuses(text: str, parameters: dict[str, str], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_order(text, context=CORE, **parameters)
    assert caught.value.field == field


def test_what_must_be_read() -> None:
    order = parse_order("name.createdAt,id,location;dist-asc", context=CORE, order_from="[0,0]")
    assert order.attributes == {"name", "location"}
    assert order.sys_attrs
    assert order.rename(CORE.expand).attributes == {CORE.expand("name"), CORE.expand("location")}
    assert not parse_order("name.observedAt").sys_attrs


def sorted_by(tag: str, texts: list[str]) -> list[str]:
    return sorted(texts, key=parse_collation(tag).key)


def test_the_root_collation() -> None:
    assert sorted_by("und", ["b", "á", "A", "a", "Zebra", "Ähre", "-", "1", "10", "9", "あ", "ア", "亜", "я", "ω"]) == [
        *("-", "1", "10", "9", "a", "A", "á", "Ähre", "b", "Zebra", "ω", "я", "あ", "ア", "亜")
    ]


def test_what_an_extension_changes() -> None:
    assert sorted_by("und-u-kn", ["item10", "item9", "item0"]) == ["item0", "item9", "item10"]
    assert sorted_by("de-u-co-phonebk", ["Az", "Ä", "Ae"]) == ["Ae", "Ä", "Az"]
    assert sorted_by("und-u-kf-upper", ["a", "A"]) == ["A", "a"]
    blind = parse_collation("und-u-ks-level2")
    assert blind.key("Name") == blind.key("name") != blind.key("náme")
    assert parse_collation("und-u-ks-level1").key("NÁME") == parse_collation("und-u-ks-level1").key("name")
    assert parse_collation("und-x-icu") == parse_collation("root") == ROOT


@given(st.text(), st.text())
def test_the_order_of_texts_is_total(one: str, other: str) -> None:
    assert (ROOT.key(one) == ROOT.key(other)) is (one == other)
