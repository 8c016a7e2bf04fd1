"""What of a subscription is made at a source (clause 5.8.1.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.registration import from_registration
from schemas.ngsi_ld.subscription import parse
from schemas.ngsi_ld.subscription_input import read_subscription
from schemas.ngsi_ld.subscription_remote import reduced

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ROOMS = [{"entities": [{"type": "Room"}]}]


def copy(information: Any = None, registered: dict[str, Any] | None = None, **members: Any) -> dict[str, Any] | None:
    platform = from_registration(
        {
            "type": "ContextSourceRegistration",
            "information": information or ROOMS,
            "endpoint": "http://a.example",
            **(registered or {}),
        },
        CORE,
        tenant="",
    )
    notification = {"endpoint": {"uri": "http://b.example/n"}, **members.pop("notification", {})}
    document = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": notification, **members}
    kept = {name: value for name, value in document.items() if value is not None}
    stored = {"id": "urn:x:1", **read_subscription(kept, CORE, now=NOW)}
    return reduced(parse("", stored), platform, "urn:x:copy", "http://us.example/t")


@pytest.mark.parametrize(
    ("registered", "members"),
    [
        ({"mode": "auxiliary", "operations": ["retrieveOps"]}, {}),
        ({"operations": ["retrieveOps"]}, {}),
        ({}, {"localOnly": True}),
        ({}, {"timeInterval": 5}),
        ({}, {"entities": [{"type": "Hall"}]}),
        ({}, {"csf": "a==1"}),
    ],
)
def test_where_no_copy_is_made(registered: dict[str, Any], members: dict[str, Any]) -> None:
    assert copy(registered=registered, **members) is None


def test_a_source_that_the_filter_means_is_given_a_copy_without_it() -> None:
    made = copy(registered={"registrationName": "rooms"}, csf='registrationName=="rooms"')
    assert made is not None
    assert "csf" not in made
    assert copy(registered={"registrationName": "halls"}, csf='registrationName=="rooms"') is None


@pytest.mark.parametrize(
    ("information", "entities", "expected"),
    [
        (ROOMS, [{"type": "Room"}], [{"type": "Room"}]),
        (ROOMS, [{"type": "Room,Hall"}, {"type": "Hall"}], [{"type": "Room"}]),
        (ROOMS, [{"type": "Room", "id": "urn:x:1"}], [{"type": "Room", "id": ["urn:x:1"]}]),
        (ROOMS, [{"type": "Room", "idPattern": "1$"}], [{"type": "Room", "idPattern": "1$"}]),
        ([{"entities": [{"type": "Room", "id": "urn:x:2"}]}], [{"type": "Room"}], [{"type": "Room", "id": "urn:x:2"}]),
        (
            [{"entities": [{"type": "Room", "idPattern": "2$"}]}],
            [{"type": "Room"}],
            [{"type": "Room", "idPattern": "2$"}],
        ),
        ([{"propertyNames": ["a"]}], [{"type": "Room"}], [{"type": "Room"}]),
        (ROOMS, None, [{"type": "Room"}]),
    ],
)
def test_entities_are_cut_to_what_is_registered(information: Any, entities: Any, expected: Any) -> None:
    members: dict[str, Any] = {"entities": entities}
    if entities is None:
        members["watchedAttributes"] = ["a"]
    made = copy(information, **members)
    assert made is not None
    assert made["entities"] == expected


def test_attributes_are_cut_to_what_is_registered() -> None:
    held = [{"entities": [{"type": "Room"}], "propertyNames": ["a", "b"]}]
    made = copy(held, watchedAttributes=["b", "c"])
    assert made is not None
    assert made["watchedAttributes"] == ["b"]
    every = copy(held)
    assert every is not None
    assert every["watchedAttributes"] == ["a", "b"]


def test_what_goes_along_and_what_stays() -> None:
    made = copy(
        q="a>1",
        scopeQ="/x",
        geoQ={"georel": "within", "geometry": "Point", "coordinates": [0, 0], "geoproperty": "place"},
        throttling=5,
        lang="ja",
        datasetId=["@none"],
        expiresAt="2099-01-01T00:00:00Z",
        notification={"pick": ["a"], "format": "concise", "showChanges": True, "sysAttrs": True},
    )
    assert made == {
        "id": "urn:x:copy",
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notificationTrigger": ["attributeCreated", "attributeUpdated"],
        "q": "a>1",
        "scopeQ": "/x",
        "geoQ": {"georel": "within", "geometry": "Point", "coordinates": [0, 0], "geoproperty": "place"},
        "datasetId": ["@none"],
        "expiresAt": "2099-01-01T00:00:00Z",
        "notification": {
            "endpoint": {"uri": "http://us.example/t", "accept": "application/json"},
            "format": "normalized",
            "showChanges": True,
            "sysAttrs": True,
        },
    }


def test_split_entities_are_judged_here() -> None:
    made = copy(q="a>1", scopeQ="/x", splitEntities=True)
    assert made is not None
    assert made["splitEntities"] is True
    assert not {"q", "scopeQ"} & set(made)
