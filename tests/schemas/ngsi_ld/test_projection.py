"""The attribute projection language (clause 4.21)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.projection import Parts, parse_projection, paths_of
from schemas.ngsi_ld.representation import only_parts


def test_reads() -> None:
    iri = CORE.expand("humidity")
    assert parse_projection(f"id,temperature|humidity, {iri}", field="pick", context=CORE) == (
        "id",
        "temperature",
        "humidity",
    )
    assert parse_projection("観測.値", field="attrs") == ("観測.値",)


@pytest.mark.parametrize("text", ["", "a,", ",a", "a b", "a,{b}", "rel{a}", "a;b", "\ud800", "a" * 8193])
def test_refuses(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_projection(text, field="omit")
    assert (caught.value.field, caught.value.clause) == ("omit", "4.21")


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_:]{0,5}", fullmatch=True), min_size=1), st.sampled_from(",|"))
def test_every_name_once(names: list[str], mark: str) -> None:
    assert parse_projection(mark.join(names), field="pick") == tuple(dict.fromkeys(names))


def test_ways_to_sub_attributes() -> None:
    iri = "https://example.org/v1.2/x"
    assert paths_of(("id", "a.b", "a.b.c", "d.e", "d", iri, "urn:x:1.2", ".f", "g.", "観測.値"), CORE) == (
        ("a", "b"),
        ("a", "b", "c"),
        ("観測", "値"),
    )


def prop(value: object, **inner: object) -> dict[str, object]:
    return {"type": "Property", "value": value, **inner}


WHOLE = {
    "id": "urn:x",
    "type": "T",
    "a": [prop(1, unitCode="C62", b=prop(2, c=prop(3), d=prop(4)), e=prop(5)), prop(6, datasetId="urn:d", e=prop(7))],
    "f": prop(8, b=prop(9)),
}


@pytest.mark.parametrize(
    ("parts", "a"),
    [
        (Parts(pick=(("a", "b"),)), [prop(1, unitCode="C62", b=WHOLE["a"][0]["b"]), prop(6, datasetId="urn:d")]),  # type: ignore[index]
        (
            Parts(pick=(("a", "b", "c"), ("a", "e"))),
            [prop(1, unitCode="C62", b=prop(2, c=prop(3)), e=prop(5)), prop(6, datasetId="urn:d", e=prop(7))],
        ),
        (
            Parts(omit=(("a", "b", "d"), ("a", "e"), ("a", "unitCode"), ("a", "value"), ("a", "type", "x"))),
            [prop(1, b=prop(2, c=prop(3))), prop(6, datasetId="urn:d")],
        ),
        (Parts(pick=(("a", "none"),), omit=(("g", "b"),)), [prop(1, unitCode="C62"), prop(6, datasetId="urn:d")]),
    ],
)
def test_sub_attributes_are_cut(parts: Parts, a: object) -> None:
    assert only_parts(WHOLE, parts) == WHOLE | {"a": a}
