"""What patches make of stored entities: each operation's rules, and merging against RFC 7396 in so many words."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData, NotFound
from schemas.ngsi_ld.context import CORE, VOCAB
from schemas.ngsi_ld.entity import parse_entity
from schemas.ngsi_ld.entity_fragment import parse_fragment
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.patch import (
    append,
    delete_attribute,
    drop_members,
    keep_members,
    replace_attribute,
    update,
)
from schemas.ngsi_ld.patch_attribute import attribute_fragment, update_attribute, whole_attribute
from schemas.ngsi_ld.patch_merge import Merging, merge, merge_value

Entity = dict[str, Any]
URI = "urn:ngsi-ld:Shelter:1"
AT, LATER = "2026-04-01T09:00:00Z", "2026-04-02T09:00:00Z"


def stored(**members: Any) -> Entity:
    return parse_entity({"id": URI, "type": "Shelter", **members}, context=CORE)


def patched(operation: Any, entity: Entity, fragment: Entity, *, nulls: bool = True, **more: Any) -> Any:
    before = deepcopy(entity)
    made = operation(entity, parse_fragment(fragment, context=CORE, entity_id=URI, nulls=nulls), **more)
    assert entity == before
    return made


def merged(entity: Entity, fragment: Any, **how: Any) -> Entity:
    before = deepcopy(entity)
    made = merge(entity, fragment, Merging(CORE, **how))
    assert entity == before
    return made


def short(entity: Entity) -> Entity:
    """With names as they were sent."""
    return {name.removeprefix(VOCAB): value for name, value in entity.items() if name not in ("id", "type")}


def prop(value: Any, **more: Any) -> Entity:
    return {"type": "Property", "value": value, **more}


# --- append and update ---------------------------------------------------------------------------------------------


def test_append_overwrites_by_dataset_and_adds_what_is_new() -> None:
    entity = stored(a=[prop(1), prop(2, datasetId="urn:d:1")], b=prop(1, unitCode="CEL"))
    made = patched(append, entity, {"a": prop(3, datasetId="urn:d:1"), "b": prop(9), "c": 4})
    assert made.refused == {}
    assert short(made.entity) == {"a": [prop(1), prop(3, datasetId="urn:d:1")], "b": prop(9), "c": prop(4)}
    assert made.entity[VOCAB + "a"][0] is entity[VOCAB + "a"][0]


def test_append_without_overwriting_says_what_it_left() -> None:
    entity = stored(a=prop(1), scope="/x", expiresAt=AT)
    fragment = {"a": prop(2), "b": prop(2), "scope": ["/y", "/x"], "expiresAt": LATER, "type": ["Shelter", "School"]}
    made = patched(append, entity, fragment, nulls=False, overwrite=False)
    assert made.refused.keys() == {VOCAB + "a", "expiresAt"}
    assert short(made.entity) == {"a": prop(1), "b": prop(2), "scope": ["/x", "/y"], "expiresAt": AT}
    assert made.entity["type"] == [VOCAB + "Shelter", VOCAB + "School"]


def test_nulls_delete_in_an_update_only() -> None:
    entity = stored(a=[prop(1), prop(2, datasetId="urn:d:1")], b=prop(1), c={"languageMap": {"ja": "x"}}, scope="/x")
    fragment = {
        "a": prop(NULL, datasetId="urn:d:1"),
        "b": NULL,
        "c": {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
        "nobody": NULL,
        "scope": NULL,
    }
    assert short(patched(update, entity, fragment).entity) == {"a": prop(1)}
    for name, member in fragment.items():
        with pytest.raises(BadRequestData):
            parse_fragment({name: member}, context=CORE, entity_id=URI, nulls=False)


def test_an_update_replaces_whole_attributes_and_only_scopes_that_are_there() -> None:
    made = patched(update, stored(a=prop(1, unitCode="CEL")), {"a": {"object": "urn:x:1"}, "scope": "/x"})
    assert short(made.entity) == {"a": {"type": "Relationship", "object": "urn:x:1"}}
    assert made.refused.keys() == {"scope"}
    assert patched(update, stored(scope="/a"), {"scope": "/x"}).entity["scope"] == "/x"


def test_fragments_that_are_wrong() -> None:
    every: tuple[Any, ...] = (
        {"id": "urn:x:other"},
        {"a": [prop(1), prop(2)]},
        {"a": [prop(1, datasetId="urn:d"), prop(NULL, datasetId="urn:d")]},
        {"a": prop(1, datasetId=NULL)},
        {"a": prop(NULL, datasetId=NULL)},
        {"a": {"type": "Property"}},
        {"type": "@type"},
        {"type": []},
        {"scope": "//"},
        {"expiresAt": "tomorrow"},
        [],
    )
    for wrong in every:
        with pytest.raises(BadRequestData):
            parse_fragment(wrong, context=CORE, entity_id=URI)


# --- one attribute -------------------------------------------------------------------------------------------------


def partial(entity: Entity, fragment: Any, name: str = "a") -> Entity:
    before = deepcopy(entity)
    made = update_attribute(entity, VOCAB + name, attribute_fragment(fragment, name), name, CORE)
    assert entity == before
    return short(made)


def test_a_partial_update_replaces_members_one_by_one() -> None:
    entity = stored(a=prop({"x": 1}, unitCode="CEL", observedAt=AT, why=prop("s"), who=prop("t")))
    made = partial(entity, {"value": {"y": 2}, "observedAt": LATER, "why": {"value": "u"}, "who": NULL})
    assert made == {"a": prop({"y": 2}, unitCode="CEL", observedAt=LATER, **{VOCAB + "why": prop("u")})}
    assert partial(entity, {"unitCode": NULL})["a"].keys() == {
        "type",
        "value",
        "observedAt",
        VOCAB + "why",
        VOCAB + "who",
    }


def test_a_bare_geometry_is_a_geoproperty() -> None:
    here, there = ({"type": "Point", "coordinates": [139.7, at]} for at in (35.6, 35.7))
    entity = stored(a={"type": "GeoProperty", "value": here}, b=prop(1))
    assert partial(entity, there)["a"] == {"type": "GeoProperty", "value": there}
    assert whole_attribute(attribute_fragment(there, "a"), VOCAB + "a", "a", CORE)["value"] == there
    with pytest.raises(BadRequestData):
        partial(entity, there, "b")


def test_a_partial_update_finds_its_instance_and_deletes_it() -> None:
    entity = stored(a=[prop(1), prop(2, datasetId="urn:d:1")])
    assert partial(entity, {"value": 3, "datasetId": "urn:d:1"})["a"][1]["value"] == 3
    assert partial(entity, {"value": NULL, "datasetId": "urn:d:1"}) == {"a": prop(1)}
    assert partial(stored(a=prop(1)), prop(NULL)) == {}
    for fragment, name in (({"value": 3, "datasetId": "urn:d:9"}, "a"), ({"value": 3}, "b")):
        with pytest.raises(NotFound):
            partial(entity, fragment, name)


def test_a_partial_update_makes_nothing_invalid() -> None:
    entity = stored(a=prop(1), r={"object": "urn:x:1"}, l={"languageMap": {"ja": "x"}})
    for name, fragment in (
        ("a", {}),
        ("a", []),
        ("a", {"type": "Relationship", "object": "urn:x:1"}),
        ("a", {"object": "urn:x:1"}),
        ("a", {"observedAt": "now"}),
        ("a", {"datasetId": NULL}),
        ("a", {"value": None}),
        ("a", {"value": {"deep": NULL}}),
        ("r", {"object": "no uri"}),
        ("l", {"languageMap": {"ja": 1}}),
    ):
        with pytest.raises(BadRequestData):
            partial(entity, fragment, name)


def test_replacing_and_deleting_instances() -> None:
    entity = stored(a=[prop(1), prop(2, datasetId="urn:d:1")], scope="/x")
    iri = VOCAB + "a"
    assert short(replace_attribute(entity, iri, prop("n", datasetId="urn:d:1"), "a"))["a"][1]["value"] == "n"
    assert short(delete_attribute(entity, iri, "a"))["a"] == prop(2, datasetId="urn:d:1")
    assert short(delete_attribute(entity, iri, "a", dataset="urn:d:1"))["a"] == prop(1)
    assert iri not in delete_attribute(entity, iri, "a", every=True)
    assert "scope" not in delete_attribute(entity, "scope", "scope")
    with pytest.raises(NotFound):
        replace_attribute(entity, iri, prop("n", datasetId="urn:d:2"), "a")
    for one, dataset in ((iri, "urn:d:2"), (VOCAB + "b", None)):
        with pytest.raises(NotFound):
            delete_attribute(entity, one, "a", dataset=dataset)
    with pytest.raises(NotFound):
        delete_attribute(stored(), "scope", "scope")


def test_purging_members_leaves_id_and_type() -> None:
    entity = stored(a=prop(1), b=prop(2), scope="/x")
    assert keep_members(entity, {VOCAB + "a"}).keys() == {"id", "type", VOCAB + "a"}
    assert drop_members(entity, {VOCAB + "a", "type"}).keys() == {"id", "type", VOCAB + "b", "scope"}


# --- merge ---------------------------------------------------------------------------------------------------------


def test_merging_goes_into_attributes_and_values() -> None:
    entity = stored(
        a=prop({"street": "x", "city": "Minato"}, unitCode="CEL", observedAt=AT, why=prop("s", who=prop("t"))),
        b=[prop(1), prop(2, datasetId="urn:d:1")],
        v={"vocab": "Big"},
    )
    made = merged(
        entity,
        {
            "a": {
                "value": {"street": "y", "city": NULL},
                "observedAt": LATER,
                "why": {"type": "Property", "who": {"value": "u"}},
            },
            "b": [prop(3, datasetId="urn:d:2"), prop(NULL)],
            "v": {"vocab": ["Small", "Big"]},
            "n": {"value": {"x": 1, "gone": NULL}},
            "type": "School",
        },
    )
    assert short(made) == {
        "a": prop(
            {"street": "y"},
            unitCode="CEL",
            observedAt=LATER,
            **{VOCAB + "why": prop("s", **{VOCAB + "who": prop("u")})},
        ),
        "b": [prop(2, datasetId="urn:d:1"), prop(3, datasetId="urn:d:2")],
        "v": {"type": "VocabProperty", "vocab": [VOCAB + "Small", VOCAB + "Big"]},
        "n": prop({"x": 1}),
    }
    assert made["type"] == [VOCAB + "Shelter", VOCAB + "School"]


def test_merging_sub_attributes_alone_leaves_the_value() -> None:
    entity = stored(a=prop(1, why=prop("s"), who=prop("t")), o=prop({"x": 1}))
    assert short(merged(entity, {"a": {"why": NULL}}))["a"] == prop(1, **{VOCAB + "who": prop("t")})
    assert short(merged(entity, {"a": {"why": prop(NULL)}}))["a"] == prop(1, **{VOCAB + "who": prop("t")})
    new = short(merged(entity, {"a": {"new": prop(3), "who": "u"}}))["a"]
    assert (new["value"], new[VOCAB + "new"], new[VOCAB + "who"]) == (1, prop(3), prop("u"))
    # what shows no attribute is a value, as the concise representation has it
    assert short(merged(entity, {"o": {"y": 2}}))["o"] == prop({"x": 1, "y": 2})
    assert short(merged(entity, {"a": {"y": 2}}))["a"]["value"] == {"y": 2}
    assert short(merged(entity, {"a": {"why": "v"}}, simplified=True))["a"]["value"] == {"why": "v"}


def test_merging_keeps_untouched_attributes_as_they_are() -> None:
    entity = stored(a=prop(1), b=prop(2))
    made = merged(entity, {"b": 3, "nobody": NULL})
    assert made[VOCAB + "a"] is entity[VOCAB + "a"]
    assert short(made) == {"a": prop(1), "b": prop(3)}


def test_merging_scope_and_expiry() -> None:
    assert merged(stored(), {"scope": "/x", "expiresAt": AT}) == {**stored(), "scope": "/x", "expiresAt": AT}
    assert merged(stored(scope="/x", expiresAt=AT), {"scope": NULL, "expiresAt": NULL}) == stored()


def test_merging_a_common_time() -> None:
    entity = stored(a=prop(1, observedAt=AT), b=prop(2), c=prop(3, observedAt=AT))
    made = short(merged(entity, {"a": prop(4), "b": prop(5), "c": prop(6, observedAt=AT)}, observed_at=LATER))
    assert made == {"a": prop(4, observedAt=LATER), "b": prop(5), "c": prop(6, observedAt=AT)}


def test_merging_bare_values_keeps_types() -> None:
    point = {"type": "Point", "coordinates": [139.7, 35.6]}
    entity = stored(
        r={"object": "urn:x:1"},
        l={"languageMap": {"ja": "駅", "en": "station"}},
        j={"json": {"a": 1}},
        g={"type": "GeoProperty", "value": point},
        s={"valueList": [1]},
        d=[prop(1), prop(2, datasetId="urn:d:1")],
    )
    sent = {
        "r": "urn:x:2",
        "l": "駅前",
        "j": {"json": {"b": 2}},
        "g": {"type": "Point", "coordinates": [0, 1]},
        "s": [2, 3],
        "d": {"dataset": {"@none": 5, "urn:d:1": NULL}},
        "new": {"type": "Property", "value": 1},
    }
    made = short(merged(entity, sent, simplified=True, lang="ja"))
    assert made == {
        "r": {"type": "Relationship", "object": "urn:x:2"},
        "l": {"type": "LanguageProperty", "languageMap": {"ja": "駅前", "en": "station"}},
        "j": {"type": "JsonProperty", "json": {"a": 1, "b": 2}},
        "g": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [0, 1]}},
        "s": {"type": "ListProperty", "valueList": [2, 3]},
        "d": prop(5),
        "new": prop({"type": "Property", "value": 1}),
    }


def test_merging_makes_nothing_invalid() -> None:
    entity = stored(a=prop(1), r={"object": "urn:x:1"}, l={"languageMap": {"ja": "x"}})
    for fragment in (
        {"a": {"type": "Relationship", "object": "urn:x:1"}},
        {"a": {"object": "urn:x:1"}},
        {"a": prop(1, observedAt="now")},
        {"a": prop([NULL, 1])},
        {"a": prop(1, datasetId=NULL)},
        {"r": "no uri"},
        {"l": "no language"},
        {"new": {"type": "Property", "unitCode": "CEL"}},
        {"id": "urn:x:other"},
        {"a b": 1},
        {"scope": 1},
        "text",
    ):
        with pytest.raises(BadRequestData):
            merged(entity, fragment)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just(NULL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def rfc_7396(target: Any, patch: Any) -> Any:
    """The pseudo code of RFC 7396 §2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value == NULL:
            if name in result:
                del result[name]
        else:
            result[name] = rfc_7396(result.get(name), value)
    return result


@given(_values, _values)
def test_values_merge_as_the_rfc_says(target: Any, patch: Any) -> None:
    assert merge_value(target, patch) == rfc_7396(target, patch)


@given(st.dictionaries(st.sampled_from("abcd"), _values.filter(lambda v: v is not None), max_size=3))
def test_a_merge_is_valid_or_refused(fragment: Entity) -> None:
    entity = stored(a=prop({"a": 1}), b=[prop(1), prop(2, datasetId="urn:d:1")], c={"object": "urn:x:1"})
    try:
        made = merged(entity, fragment)
    except BadRequestData:
        return
    assert parse_entity(made, context=CORE) == made
    assert merged(made, fragment) == made
