"""From URI parameters to a question: every one of them read, every fault named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import BadRequestData, InvalidRequest, KakehashiError, UriTooLong
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.params import MAX_LIMIT, parse_query, parse_retrieve, read_parameters
from schemas.ngsi_ld.query import Format

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""

WORDS = build({"定員": "https://uri.etsi.org/ngsi-ld/default-context/capacity", "s": "https://schema.org/"}, {})


def query(**params: str) -> Any:
    return parse_query(params, CORE)[0]


def rendering(**params: str) -> Any:
    return parse_query({"type": "T"} | params, CORE)[1]


def named(work: Callable[[], object]) -> bool:
    """It works, or fails with an error that names the field."""
    try:
        work()
    except KakehashiError as e:
        return bool(e.field)
    return True


# --- the query string ------------------------------------------------------------------------------------------------


def test_parameters_are_decoded() -> None:
    assert read_parameters(b"a=1&b=%E9%81%BF%20x+y&c=&d", max_bytes=100) == {"a": "1", "b": "避 x y", "c": "", "d": ""}


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=%E9%81", b"a=\xff", b"\xe9=1", b"a=%80"])
def test_what_is_no_utf8(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_parameters(raw, max_bytes=100)
    assert raised.value.field == "query string"


def test_a_parameter_twice_is_named() -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_parameters(b"type=A&type=B", max_bytes=100)
    assert raised.value.field == "type"


def test_too_long_or_too_many() -> None:
    with pytest.raises(UriTooLong):
        read_parameters(b"a" * 101, max_bytes=100)
    with pytest.raises(InvalidRequest):
        read_parameters(b"&".join(b"a%d=1" % n for n in range(101)), max_bytes=10_000)


@CALM
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert named(lambda: read_parameters(raw, max_bytes=150))


# --- the question ----------------------------------------------------------------------------------------------------


def test_defaults() -> None:
    found = query(type="T")
    assert (found.limit, found.offset, found.count, found.local, found.split_entities) == (20, 0, False, False, False)
    assert (found.ids, found.attrs, found.pick, found.omit, found.q, found.geo) == ((), (), (), (), None, None)


def test_everything_at_once() -> None:
    found, shown = parse_query(
        {
            "type": "A,B",
            "id": "urn:x:1,urn:x:2,urn:x:1",
            "idPattern": "^urn",
            "attrs": "a,b,a",
            "q": "a>1",
            "georel": "near;maxDistance==5",
            "geometry": "Point",
            "coordinates": "[139.7,35.6]",
            "geoproperty": "place",
            "limit": "7",
            "offset": "14",
            "options": "count,sysAttrs,concise",
            "lang": "ja",
        },
        CORE,
        tenant="area",
    )
    assert found.types.simple == {"A", "B"}
    assert found.ids == ("urn:x:1", "urn:x:2")
    assert (found.id_pattern, found.attrs, found.q.text, found.geo.geoproperty) == ("^urn", ("a", "b"), "a>1", "place")
    assert (found.limit, found.offset, found.count, found.sys_attrs, found.tenant) == (7, 14, True, True, "area")
    assert (shown.format, shown.sys_attrs, shown.lang) == (Format.CONCISE, True, "ja")


def test_names_become_those_of_the_context() -> None:
    found, _ = parse_query({"type": "T", "attrs": "capacity,https://schema.org/name", "q": "capacity>1"}, WORDS)
    assert found.attrs == ("定員", "s:name")
    assert found.q.text == "定員>1"


@pytest.mark.parametrize("text", ["0", "1", "1000", "007"])
def test_limits(text: str) -> None:
    assert query(type="T", limit=text, count="true").limit == int(text)


@pytest.mark.parametrize("text", ["-1", "+1", "1001", "1e3", " 1", "1 ", "", "٣", "²", "0x10", "9" * 400])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        query(type="T", limit=text)
    assert raised.value.field == "limit"
    assert str(MAX_LIMIT) in raised.value.detail


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "type"),
        ({"type": "T", "limit": "0"}, "limit"),
        ({"type": "T", "offset": "-1"}, "offset"),
        ({"type": "T", "id": "x"}, "id"),
        ({"type": "T", "id": "urn:x:1,"}, "id"),
        ({"type": "T", "id": "urn:x:a b"}, "id"),
        ({"type": "T", "idPattern": "["}, "idPattern"),
        ({"type": "T", "attrs": "a,,b"}, "attrs"),
        ({"type": "T", "attrs": "a,id"}, "attrs"),
        ({"type": "T", "attrs": "scope,a"}, "attrs"),
        ({"type": "T", "attrs": "createdAt"}, "attrs"),
        ({"type": "T", "attrs": "a b"}, "attrs"),
        ({"type": "T", "attrs": "a;b"}, "attrs"),
        ({"type": "T", "attrs": ","}, "attrs"),
        ({"type": "T", "attrs": "a", "pick": "b"}, "attrs"),
        ({"type": "T", "pick": "a,b", "omit": "b"}, "omit"),
        ({"type": "T", "q": "a=="}, "q"),
        ({"type": "T", "georel": "near;maxDistance==5"}, "geometry"),
        ({"type": "T", "coordinates": "[1,2]"}, "georel"),
        ({"type": "T", "georel": "within", "geometry": "Point", "coordinates": "[200,0]"}, "coordinates"),
        ({"type": "T", "count": "1"}, "count"),
        ({"type": "T", "local": "yes"}, "local"),
        ({"type": "T", "splitEntities": ""}, "splitEntities"),
        ({"type": "T", "options": "sysattrs"}, "options"),
        ({"type": "T", "format": "nested"}, "format"),
        ({"type": "T", "geometryProperty": "place"}, "geometryProperty"),
        ({"type": "T", "Limit": "5"}, "Limit"),
        ({"type": "T", "x" * 500: "5"}, "x" * 80),
    ],
)
def test_every_fault_is_named(params: dict[str, str], field: str) -> None:
    with pytest.raises((BadRequestData, InvalidRequest)) as raised:
        parse_query(params, CORE)
    assert raised.value.field == field
    assert raised.value.detail


@pytest.mark.parametrize(
    ("params", "format_"),
    [
        ({}, Format.NORMALIZED),
        ({"options": "normalized"}, Format.NORMALIZED),
        ({"options": "keyValues"}, Format.SIMPLIFIED),
        ({"options": "simplified,keyValues"}, Format.SIMPLIFIED),
        ({"options": "concise", "format": "simplified"}, Format.SIMPLIFIED),
        ({"format": "keyValues"}, Format.SIMPLIFIED),
    ],
)
def test_formats(params: dict[str, str], format_: Format) -> None:
    assert rendering(**params).format is format_


def test_geojson_has_a_geometry_property() -> None:
    _, shown = parse_query({"type": "T", "geometryProperty": "capacity"}, WORDS, geojson=True)
    assert (shown.geojson, shown.geometry_property) == (True, "定員")
    assert parse_query({"type": "T"}, CORE, geojson=True)[1].geometry_property == "location"


# --- one entity ------------------------------------------------------------------------------------------------------


def test_a_retrieve() -> None:
    found, shown = parse_retrieve("urn:x:1", {"attrs": "a", "options": "keyValues"}, CORE, tenant="t")
    assert (found.ids, found.retrieve, found.attrs, found.limit, found.tenant) == (("urn:x:1",), True, ("a",), 1, "t")
    assert shown.format is Format.SIMPLIFIED


@pytest.mark.parametrize("entity_id", ["", "x", "urn:", "1:x", "urn:a b", "urn:<x>", "urn:x\0", "urn:�|"])
def test_an_id_that_is_no_uri(entity_id: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        parse_retrieve(entity_id, {}, CORE)
    assert raised.value.field == "id"


@pytest.mark.parametrize("name", ["q", "limit", "id", "count", "georel", "idPattern"])
def test_a_retrieve_has_no_filters(name: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_retrieve("urn:x:1", {name: "1"}, CORE)
    assert raised.value.field == name


names = st.sampled_from(("type", "id", "idPattern", "attrs", "pick", "omit", "q", "georel", "geometry", "coordinates"))
others = st.sampled_from(("limit", "offset", "count", "options", "format", "local", "lang", "splitEntities"))


@CALM
@given(st.dictionaries(names | others, st.text(max_size=20), max_size=5))
def test_any_values_are_read_or_refused_by_name(params: dict[str, str]) -> None:
    assert named(lambda: parse_query(params, CORE))
