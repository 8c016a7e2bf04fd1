"""Linked entities in an answer (clause 4.5.23)."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import BadRequestData, TooManyResults
from schemas.ngsi_ld import linked
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.linked import Join, flat, inline, links
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.projection import parse_linked_projection


def to(*targets: str, **more: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": targets[0] if len(targets) == 1 else list(targets), **more}


def made(name: str, **attributes: Any) -> dict[str, Any]:
    return {"id": f"urn:{name}", "type": "T", "name": {"type": "Property", "value": name}, **attributes}


TOWER = made("tower", near=to("urn:city"), by=to("urn:firm", "urn:other"))
FOUND = {
    e["id"]: e
    for e in (made("city", part=to("urn:land")), made("land", has=to("urn:city")), made("firm", owns=to("urn:tower")))
}


def join(inline: bool = True, level: int = 1, pick: str = "", omit: str = "", contained_by: str = "") -> Join:
    given = {"type": "T", "join": "inline" if inline else "flat", "joinLevel": str(level)}
    given |= {k: v for k, v in (("pick", pick), ("omit", omit), ("containedBy", contained_by)) if v}
    found = parse_query(given, CORE)[0].join
    assert found is not None
    return found


def test_one_level_inline() -> None:
    (shown,) = inline([TOWER], FOUND, join())
    assert shown["near"]["entity"] == FOUND["urn:city"]
    assert [e["id"] for e in shown["by"]["entity"]] == ["urn:firm"]
    assert TOWER["near"] == to("urn:city"), "the entity itself stays as it was"


def test_a_list_relationship_has_an_entity_list() -> None:
    entity = {"id": "urn:a", "type": "T", "rels": {"type": "ListRelationship", "objectList": ["urn:city", "urn:none"]}}
    (shown,) = inline([entity], FOUND, join())
    assert [e["id"] for e in shown["rels"]["entityList"]] == ["urn:city"]


def test_levels_end_and_nothing_is_within_itself() -> None:
    (shown,) = inline([TOWER], FOUND, join(level=5))
    land = shown["near"]["entity"]["part"]["entity"]
    assert land["id"] == "urn:land"
    assert "entity" not in land["has"], "the city has it already"
    (short,) = inline([TOWER], FOUND, join(level=1))
    assert "entity" not in short["near"]["entity"]["part"]


def test_flat_has_each_linked_entity_once() -> None:
    rows = flat([TOWER], FOUND, join(inline=False, level=3))
    assert [shown["id"] for shown, _ in rows] == ["urn:tower", "urn:city", "urn:firm", "urn:land"]


def test_a_projection_goes_along_with_the_relationships() -> None:
    (shown,) = inline([TOWER], FOUND, join(level=2, pick="id,near{id,part{name}}"))
    assert shown == {
        "id": "urn:tower",
        "near": to(
            "urn:city",
            entity={"id": "urn:city", "part": to("urn:land", entity={"name": {"type": "Property", "value": "land"}})},
        ),
    }
    (shown,) = inline([TOWER], FOUND, join(level=2, omit="name,by,near{part,type}"))
    assert shown == {
        "id": "urn:tower",
        "type": "T",
        "near": to("urn:city", entity={"id": "urn:city", "name": {"type": "Property", "value": "city"}}),
    }


def test_what_is_to_be_followed() -> None:
    typed = made("a", near=to("urn:city", objectType=["City", "Place"]))
    (link,) = links([typed], join())
    assert (link.target, link.types) == ("urn:city", ("City", "Place"))
    assert not list(links([typed], join(contained_by="urn:city")))
    assert not list(links([typed], join(pick="name")))
    assert not list(links([typed], Join(True, 0)))


def test_what_grows_with_every_level_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linked, "MAX_INLINE", 50)
    names = [f"urn:{c}" for c in "abcdef"]
    found = {name: {"id": name, "type": "T", "all": to(*names)} for name in names}
    with pytest.raises(TooManyResults):
        inline(found.values(), found, join(level=6))


@pytest.mark.parametrize(
    "text", ["", "a{b", "a{{b}", "a,,b", "a{,b}", "a{}", "a}b", "a{b}c", "a;b", "a" * 9000, "a{" * 20 + "b" + "}" * 20]
)
def test_a_projection_that_can_t_be_read(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_linked_projection(text, field="pick")
    assert caught.value.field == "pick"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"join": "up"}, "join"),
        ({"joinLevel": "1"}, "joinLevel"),
        ({"containedBy": "urn:a"}, "containedBy"),
        ({"join": "flat", "joinLevel": "0"}, "joinLevel"),
        ({"join": "flat", "joinLevel": "x"}, "joinLevel"),
        ({"join": "flat", "containedBy": "no uri"}, "containedBy"),
        ({"join": "flat", "pick": "a{b{c}}"}, "pick"),
        ({"join": "flat", "omit": "a{b{c}}"}, "omit"),
        ({"pick": "a{b}"}, "pick"),
        ({"q": 'a{b}=="x"'}, "q"),
        ({"q": 'a{b{c}}=="x"', "join": "inline"}, "q"),
        ({"datasetId": "no uri"}, "datasetId"),
        ({"csf": "))bad(("}, "csf"),
        ({"scopeQ": "//"}, "scopeQ"),
        ({"collation": "und"}, "collation"),
        ({"orderFrom": "[1,2]"}, "orderFrom"),
        ({"omit": "a", "attrs": "b"}, "attrs"),
    ],
)
def test_parameters_that_do_not_go_together(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_query({"type": "T", **parameters}, CORE)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "parameters", [{"id": "urn:a"}, {"idPattern": "a"}, {"q": "createdAt>2020-01-01T00:00:00Z"}, {"scopeQ": "/a"}, {}]
)
def test_too_wide(parameters: dict[str, str]) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_query(parameters, CORE)
    assert caught.value.clause == "5.7.2.4"
    assert parse_query({**parameters, "local": "true"}, CORE)[0].local


@pytest.mark.parametrize("attrs", ["id,type", "createdAt", "scope"])
def test_attrs_are_attributes(attrs: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_query({"attrs": attrs, "type": "T"}, CORE)
    assert caught.value.field == "attrs"


def test_expand_values_less_json_keys() -> None:
    given = {"q": "a==b;c==d", "expandValues": "a,c", "jsonKeys": "c"}
    q = parse_query(given, CORE)[0].q
    assert q is not None
    assert q.expand_values == {"a"}
