"""Which registrations fit a subscription to registrations (clauses 5.11.2.4, 5.12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.registration import from_registration
from schemas.ngsi_ld.registration_match import matching, reason_of, shown
from schemas.ngsi_ld.subscription import Subscription, parse
from schemas.ngsi_ld.subscription_input import read_subscription
from schemas.platform import Platform

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PLACE = {
    "type": "Polygon",
    "coordinates": [[[139.7, 35.6], [139.8, 35.6], [139.8, 35.7], [139.7, 35.7], [139.7, 35.6]]],
}
INTERVAL = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2021-01-01T00:00:00Z"}


def registration(information: Any = None, **members: Any) -> Platform:
    return from_registration(
        {
            "id": "urn:ngsi-ld:ContextSourceRegistration:1",
            "type": "ContextSourceRegistration",
            "information": information or [{"entities": [{"type": "Room"}]}],
            "endpoint": "http://a.example",
            **members,
        },
        CORE,
        tenant="",
    )


def subscription(**members: Any) -> Subscription:
    endpoint = {"uri": "http://b.example/notify"}
    notification = {"endpoint": endpoint, **members.pop("notification", {})}
    document = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": notification, **members}
    return parse("", {"id": "urn:ngsi-ld:Subscription:1", **read_subscription(document, CORE, now=NOW)})


def temporal(relation: str, at: str, until: str | None = None, about: str = "observedAt") -> dict[str, Any]:
    given = {"timerel": relation, "timeAt": at, "timeproperty": about}
    return {"temporalQ": given | ({"endTimeAt": until} if until else {})}


@pytest.mark.parametrize(
    ("wanted", "there", "fits"),
    [
        ({}, {}, True),
        ({"entities": [{"type": "Hall"}]}, {}, False),
        ({"entities": [{"type": "Hall,Room"}]}, {}, True),
        ({"entities": [{"type": "Room", "id": "urn:x:1"}]}, {}, True),
        ({"geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [139.75, 35.65]}}, {}, False),
        (
            {"geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [139.75, 35.65]}},
            {"location": PLACE},
            True,
        ),
        (
            {"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [139.75, 35.65]}},
            {"location": PLACE},
            True,
        ),
        (
            {"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [0, 0]}},
            {"location": PLACE},
            False,
        ),
        ({}, {"observationInterval": INTERVAL}, False),
        (temporal("after", "2020-06-01T00:00:00Z"), {}, False),
        (temporal("after", "2020-06-01T00:00:00Z"), {"observationInterval": INTERVAL}, True),
        (temporal("after", "2022-06-01T00:00:00Z"), {"observationInterval": INTERVAL}, False),
        (temporal("before", "2019-06-01T00:00:00Z"), {"observationInterval": INTERVAL}, False),
        (temporal("before", "2020-06-01T00:00:00Z"), {"observationInterval": INTERVAL}, True),
        (
            temporal("between", "2019-01-01T00:00:00Z", "2019-12-31T00:00:00Z"),
            {"observationInterval": INTERVAL},
            False,
        ),
        (temporal("between", "2019-01-01T00:00:00Z", "2020-02-01T00:00:00Z"), {"observationInterval": INTERVAL}, True),
        (temporal("after", "2020-06-01T00:00:00Z", about="modifiedAt"), {"observationInterval": INTERVAL}, False),
        (temporal("after", "2020-06-01T00:00:00Z", about="modifiedAt"), {"managementInterval": INTERVAL}, True),
        ({"scopeQ": "/a/#"}, {"scope": "/a/b"}, True),
        ({"scopeQ": "/b/#"}, {"scope": "/a/b"}, False),
        ({"csf": 'kind=="test"'}, {"kind": "test"}, True),
        ({"csf": 'kind=="test"'}, {"kind": "other"}, False),
    ],
)
def test_what_fits(wanted: dict[str, Any], there: dict[str, Any], fits: bool) -> None:
    assert bool(matching(subscription(**wanted), registration(**there))) is fits


@pytest.mark.parametrize(
    ("entity", "selector", "fits"),
    [
        ({"id": "urn:x:1"}, {"id": "urn:x:1"}, True),
        ({"id": "urn:x:1"}, {"id": ["urn:x:2", "urn:x:1"]}, True),
        ({"id": "urn:x:1"}, {"id": "urn:x:2"}, False),
        ({"idPattern": "^urn:x"}, {"id": "urn:x:2"}, True),
        ({"idPattern": "^urn:y"}, {"id": "urn:x:2"}, False),
        ({"id": "urn:x:1"}, {"idPattern": "1$"}, True),
        ({"id": "urn:x:1"}, {"idPattern": "2$"}, False),
        ({"idPattern": "1$"}, {"idPattern": "2$"}, True),
        ({}, {"idPattern": "2$"}, True),
        ({"id": "urn:x:1"}, {}, True),
    ],
)
def test_ids_and_patterns(entity: dict[str, Any], selector: dict[str, Any], fits: bool) -> None:
    there = registration([{"entities": [{"type": "Room", **entity}]}])
    assert bool(matching(subscription(entities=[{"type": "Room", **selector}]), there)) is fits


@pytest.mark.parametrize(
    ("watched", "shown_names", "fits"),
    [(["a"], ["b"], True), (["c"], ["d"], False), (["c"], None, True), (None, ["c"], True)],
)
def test_attributes(watched: list[str] | None, shown_names: list[str] | None, fits: bool) -> None:
    there = registration([{"entities": [{"type": "Room"}], "propertyNames": ["a"], "relationshipNames": ["b"]}])
    members: dict[str, Any] = {} if watched is None else {"watchedAttributes": watched}
    if shown_names is not None:
        members["notification"] = {"attributes": shown_names}
    assert bool(matching(subscription(**members), there)) is fits


def test_reasons() -> None:
    wanted, room = subscription(), registration()
    hall = registration([{"entities": [{"type": "Hall"}]}])
    assert reason_of(wanted, None, room) == ("newlyMatching", room)
    assert reason_of(wanted, hall, room) == ("newlyMatching", room)
    assert reason_of(wanted, room, room) == ("updated", room)
    assert reason_of(wanted, room, hall) == ("noLongerMatching", room)
    assert reason_of(wanted, room, None) == ("noLongerMatching", room)
    assert reason_of(wanted, hall, None) is None
    assert reason_of(wanted, None, hall) is None


def test_only_what_matters_is_shown() -> None:
    there = registration([{"entities": [{"type": "Hall"}]}, {"entities": [{"type": "Room"}]}])
    assert shown(subscription(), there, CORE)["information"] == [{"entities": [{"type": ["Room"]}]}]
