"""Context source registrations and platforms: the same thing in two forms."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.registration import PREFIX, from_registration, registration_id, to_registration
from schemas.platform import Coverage, EntityPattern, Mode, Platform

WORDS = build({"避難所": "https://uri.etsi.org/ngsi-ld/default-context/Shelter"}, {})
PATTERN = "information[0].entities[0].idPattern"
A, B = ({"entities": [{"type": name}]} for name in "AB")
SHELTER = CORE.expand("Shelter")


def registration(**members: Any) -> dict[str, Any]:
    given = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Shelter"}]}],
        "endpoint": "http://broker.example.jp:1026/",
    }
    return given | members


def read(**members: Any) -> Platform:
    return from_registration(registration(**members), CORE, tenant="area")


def test_a_registration_is_an_ngsi_ld_platform() -> None:
    made = read(registrationName="Broker", tenant="theirs", mode="auxiliary", management={"timeout": 500})
    assert (made.adapter, made.endpoint, made.name) == ("ngsi_ld", "http://broker.example.jp:1026", "Broker")
    assert (made.registry_tenant, made.tenant, made.mode, made.timeout_ms) == ("area", "theirs", Mode.AUXILIARY, 500)
    assert made.area is None
    assert made.coverage.entities == (EntityPattern(SHELTER),)


def test_an_id_is_made_where_none_is_given() -> None:
    document = registration()
    del document["id"]
    made = {from_registration(document, CORE, tenant="").id for _ in range(3)}
    assert len(made) == 3
    assert all(one.startswith(PREFIX) for one in made)


def test_names_are_expanded() -> None:
    document = registration(information=[{"entities": [{"type": "避難所"}], "propertyNames": ["避難所"]}])
    made = from_registration(document, WORDS, tenant="")
    assert made.coverage.entities == (EntityPattern(SHELTER),)
    assert made.coverage.attributes == {SHELTER}


@pytest.mark.parametrize(
    ("information", "entities", "attributes"),
    [
        ([{"entities": [{"type": ["A", "B"]}]}], 2, 0),
        ([{"entities": [{"type": "A", "id": "urn:x:1"}, {"type": "A", "idPattern": "^x"}]}], 2, 0),
        ([{"propertyNames": ["a"], "relationshipNames": ["b"]}], 0, 2),
        (
            [
                {"entities": [{"type": "A"}], "propertyNames": ["a"]},
                {"entities": [{"type": "B"}], "propertyNames": ["b"]},
            ],
            2,
            2,
        ),
        ([{**A, "propertyNames": ["a"]}, B], 2, 0),
        ([A, {"propertyNames": ["a"]}], 0, 0),
    ],
)
def test_what_it_covers_is_never_less_than_what_it_says(information: Any, entities: int, attributes: int) -> None:
    coverage = read(information=information).coverage
    assert (len(coverage.entities), len(coverage.attributes)) == (entities, attributes)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"information": [{"propertyNames": ["a"]}], "location": {"type": "Point", "coordinates": [139.7, 35.6]}},
        {"description": "x", "expiresAt": "2027-01-01T00:00:00Z", "refreshRate": "P1D"},
    ],
)
def test_what_was_posted_comes_back(members: dict[str, Any]) -> None:
    given = registration(**members)
    shown = to_registration(from_registration(given, CORE, tenant=""), CORE)
    assert given | {"endpoint": shown["endpoint"]} == {k: v for k, v in shown.items() if k in given}
    again = to_registration(from_registration(shown, CORE, tenant=""), CORE)
    assert again == shown


def test_a_platform_is_shown_as_a_registration() -> None:
    coverage = Coverage((EntityPattern(SHELTER), EntityPattern(None, "urn:x:1")), frozenset({CORE.expand("capacity")}))
    platform = Platform("takeshiba", "ngsi_v2", "http://orion", tenant="t", coverage=coverage, name="竹芝")
    shown = to_registration(platform, WORDS)
    assert shown["id"] == PREFIX + "takeshiba"
    assert shown["information"] == [
        {"entities": [{"type": "避難所"}, {"id": "urn:x:1"}], "propertyNames": ["capacity"]}
    ]
    assert shown["description"] == "竹芝"
    assert "credential" not in orjson.dumps(shown).decode()


def test_ids_of_registrations() -> None:
    assert registration_id("takeshiba") == PREFIX + "takeshiba"
    assert registration_id("urn:x:1") == "urn:x:1"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"type": None}, "type"),
        ({"id": 5}, "id"),
        ({"id": "a b"}, "id"),
        ({"endpoint": "broker"}, "endpoint"),
        ({"endpoint": "http://"}, "endpoint"),
        ({"endpoint": "http://a b"}, "endpoint"),
        ({"endpoint": ["http://a"]}, "endpoint"),
        ({"information": None}, "information"),
        ({"information": {}}, "information"),
        ({"information": ["x"]}, "information[0]"),
        ({"information": [{"colour": 1}]}, "information[0]"),
        ({"information": [{"entities": []}]}, "information[0].entities"),
        ({"information": [{"entities": ["T"]}]}, "information[0].entities[0]"),
        ({"information": [{"entities": [{"type": []}]}]}, "information[0].entities[0].type"),
        ({"information": [{"entities": [{"type": "T", "idPattern": 5}]}]}, "information[0].entities[0].idPattern"),
        (
            {"information": [{"entities": [{"type": "T", "idPattern": "(?=x)"}]}]},
            "information[0].entities[0].idPattern",
        ),
        ({"information": [{"relationshipNames": [""]}]}, "information[0].relationshipNames"),
        ({"location": "here"}, "location"),
        ({"location": {"type": "Polygon", "coordinates": [[[1, 2]]]}}, "location"),
        ({"mode": 5}, "mode"),
        ({"management": []}, "management"),
        ({"management": {"timeout": True}}, "management.timeout"),
        ({"management": {"timeout": 0}}, "management.timeout"),
        ({"registrationName": "urn:ngsi-ld:null"}, "registrationName"),
        ({"tenant": ""}, "tenant"),
        ({"description": 5}, "description"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        read(**members)
    assert raised.value.field == field


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_what_is_no_object(document: Any) -> None:
    with pytest.raises(BadRequestData) as raised:
        from_registration(document, CORE, tenant="")
    assert raised.value.field == "body"


def test_a_longer_time_than_we_give_is_cut() -> None:
    assert read(management={"timeout": 120_000}).timeout_ms == 60_000
    assert read(management={"timeout": 0.4}).timeout_ms == 1
