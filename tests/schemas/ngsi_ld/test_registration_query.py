"""Which registrations a query finds (clauses 5.10.2.4, 5.12)."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.registration import from_registration
from schemas.ngsi_ld.registration_query import matches, parse_registration_query

INTERVAL = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2020-12-31T00:00:00Z"}
OPEN = {"startAt": "2020-01-01T00:00:00Z"}
TOKYO = {"type": "Polygon", "coordinates": [[[139, 35], [140, 35], [140, 36], [139, 36], [139, 35]]]}
NEAR = {"georel": "near;maxDistance==1000", "geometry": "Point"}


def found(information: Any, members: dict[str, Any], **params: str) -> bool:
    document = {
        "type": "ContextSourceRegistration",
        "information": information,
        "endpoint": "http://broker.example.jp",
        **members,
    }
    platform = from_registration(document, CORE, tenant="")
    return matches(parse_registration_query(params, CORE, tenant=""), platform)


A = [{"entities": [{"type": "A"}], "propertyNames": ["a"]}, {"entities": [{"type": "B"}], "propertyNames": ["b"]}]
ID = [{"entities": [{"type": "A", "id": "urn:x:1"}]}]
PATTERN = [{"entities": [{"type": "A", "idPattern": "^urn:x:"}]}]


@pytest.mark.parametrize(
    ("information", "params", "expected"),
    [
        (A, {"type": "A"}, True),
        (A, {"type": "C"}, False),
        (A, {"type": "A", "attrs": "a"}, True),
        # the attribute is registered, but of entities of another type
        (A, {"type": "A", "attrs": "b"}, False),
        (A, {"q": "b>1"}, True),
        (A, {"q": "c>1"}, False),
        (A, {"type": "B", "attrs": "c,b"}, True),
        (ID, {"type": "A", "id": "urn:x:1,urn:x:2"}, True),
        (ID, {"type": "A", "id": "urn:x:2"}, False),
        (ID, {"type": "A", "idPattern": "x:1$"}, True),
        (ID, {"type": "A", "idPattern": "x:2$"}, False),
        (PATTERN, {"type": "A", "id": "urn:x:9"}, True),
        (PATTERN, {"type": "A", "id": "urn:y:9"}, False),
        # whether two patterns have an id in common can't be told easily
        (PATTERN, {"type": "A", "idPattern": "^urn:y"}, True),
        ([{"propertyNames": ["a"]}], {"type": "C"}, True),
        ([{"propertyNames": ["a"]}], {"attrs": "b"}, False),
    ],
)
def test_information(information: Any, params: dict[str, str], expected: bool) -> None:
    assert found(information, {}, **params) is expected


@pytest.mark.parametrize(
    ("members", "params", "expected"),
    [
        ({"observationInterval": INTERVAL}, {}, False),
        ({}, {"timerel": "before", "timeAt": "2021-01-01T00:00:00Z"}, False),
        ({"observationInterval": INTERVAL}, {"timerel": "before", "timeAt": "2020-06-01T00:00:00Z"}, True),
        ({"observationInterval": INTERVAL}, {"timerel": "before", "timeAt": "2019-06-01T00:00:00Z"}, False),
        ({"observationInterval": INTERVAL}, {"timerel": "after", "timeAt": "2021-06-01T00:00:00Z"}, False),
        (
            {"observationInterval": {"startAt": INTERVAL["startAt"]}},
            {"timerel": "after", "timeAt": "2021-06-01T00:00:00Z"},
            True,
        ),
        (
            {"observationInterval": INTERVAL},
            {"timerel": "between", "timeAt": "2020-12-01T00:00:00Z", "endTimeAt": "2021-12-01T00:00:00Z"},
            True,
        ),
        (
            {"observationInterval": INTERVAL},
            {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "timeproperty": "modifiedAt"},
            False,
        ),
        (
            {"managementInterval": INTERVAL},
            {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "timeproperty": "modifiedAt"},
            True,
        ),
        ({"scope": "/Tokyo/Minato"}, {"scopeQ": "/Tokyo/#"}, True),
        ({"scope": ["/Osaka"]}, {"scopeQ": "/Tokyo/#"}, False),
        ({}, {"scopeQ": "/Tokyo/#"}, False),
        ({"location": TOKYO}, {**NEAR, "coordinates": "[139.7,35.6]"}, True),
        ({"location": TOKYO}, {**NEAR, "coordinates": "[135.5,34.7]"}, False),
        ({"location": TOKYO}, {"georel": "within", "geometry": "Point", "coordinates": "[139.7,35.6]"}, True),
        ({"location": TOKYO}, {"georel": "disjoint", "geometry": "Point", "coordinates": "[139.7,35.6]"}, True),
        ({}, {**NEAR, "coordinates": "[139.7,35.6]"}, False),
        (
            {"operationSpace": TOKYO},
            {**NEAR, "coordinates": "[139.7,35.6]", "geoproperty": "operationSpace"},
            True,
        ),
    ],
)
def test_the_rest_of_a_registration(members: dict[str, Any], params: dict[str, str], expected: bool) -> None:
    assert found([{"entities": [{"type": "A"}]}], members, type="A", **params) is expected


def test_all_of_them_are_listed_by_local() -> None:
    assert found(A, {}, local="true")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "type"),
        ({"limit": "5"}, "type"),
        ({"type": "A", "id": "x"}, "id"),
        ({"q": "("}, "q"),
        ({"georel": "within"}, "geometry"),
        ({"type": "A", "timerel": "before"}, "timeAt"),
        ({"type": "A", "scopeQ": "//"}, "scopeQ"),
        ({"type": "A", "csf": "("}, "csf"),
    ],
)
def test_what_is_wrong_is_named(params: dict[str, str], field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        parse_registration_query(params, CORE, tenant="")
    assert raised.value.field == field


def test_an_unknown_parameter() -> None:
    with pytest.raises(InvalidRequest):
        parse_registration_query({"type": "A", "colour": "red"}, CORE, tenant="")
