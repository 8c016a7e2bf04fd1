"""What a change of an entity means to a subscription (clause 5.8.6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.rename import expand_entity
from schemas.ngsi_ld.subscription import parse
from schemas.ngsi_ld.subscription_input import apply_fragment, read_subscription
from schemas.ngsi_ld.subscription_match import EntityChange, Told, instance_changes, notified

NOW = datetime(2026, 11, 26, tzinfo=UTC)
BEFORE, AFTER = "2026-11-25T00:00:00.000Z", "2026-11-26T00:00:00.000Z"
TIMES = {"createdAt": BEFORE, "modifiedAt": BEFORE}
ALL = ["entityCreated", "entityDeleted", "entityUpdated"]


def room(**attributes: Any) -> dict[str, Any]:
    made = {name: value if isinstance(value, dict | list) else prop(value) for name, value in attributes.items()}
    return expand_entity({"id": "urn:ngsi-ld:Room:1", "type": "Room", **made}, CORE)


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **TIMES, **members}


def told(before: Any, after: Any, notification: dict[str, Any] | None = None, **members: Any) -> Told | None:
    document = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": "http://a.example/b"}, **(notification or {})},
        **members,
    }
    subscription = parse("", {"id": "urn:x:1", **read_subscription(document, CORE, now=NOW)})
    change = EntityChange("urn:ngsi-ld:Room:1", before, after, BEFORE, AFTER)
    return notified(subscription, change, instance_changes(before, after), NOW)


def name(term: str) -> str:
    return CORE.expand(term)


@pytest.mark.parametrize(
    ("before", "after", "fired"),
    [
        (None, room(a=1), {"entityCreated", "attributeCreated"}),
        (room(a=1), None, {"entityDeleted", "attributeDeleted"}),
        (room(a=1), room(a=2), {"attributeUpdated"}),
        (room(a=1), room(a=1, b=1), {"attributeCreated"}),
        (room(a=1, b=1), room(a=1), {"attributeDeleted"}),
        (room(a=1), room(a=prop(1, modifiedAt=AFTER)), set()),
        (room(a=1), room(a=prop(1, observedAt=AFTER)), {"attributeUpdated"}),
        (room(a=prop(1, b=prop(1))), room(a=prop(1, b=prop(2))), {"attributeUpdated"}),
        (room(a=1), room(a=[prop(1), prop(2, datasetId="urn:x:1")]), {"attributeCreated"}),
        (room(a=[prop(1), prop(2, datasetId="urn:x:1")]), room(a=1), {"attributeDeleted"}),
    ],
)
def test_triggers(before: Any, after: Any, fired: set[str]) -> None:
    triggers = ("entityCreated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted")
    found = {one for one in triggers if told(before, after, notificationTrigger=[one]) is not None}
    assert found == fired
    updated = told(before, after, notificationTrigger=["entityUpdated"]) is not None
    assert updated is any(one.startswith("attribute") for one in fired)
    by_default = told(before, after) is not None
    assert by_default is bool(fired & {"attributeCreated", "attributeUpdated"})


def test_only_watched_attributes_count_and_are_named() -> None:
    assert told(room(a=1, b=1), room(a=1, b=2), watchedAttributes=["a"]) is None
    found = told(room(a=1, b=1), room(a=2, b=2), watchedAttributes=["a"])
    assert found is not None
    assert found.changed == (name("a"),)
    assert told(None, room(b=1), watchedAttributes=["a"], notificationTrigger=ALL) is None


def test_conditions_are_those_of_the_entity_as_it_is() -> None:
    assert told(room(a=9), room(a=1), q="a>5") is None
    assert told(room(a=1), room(a=9), q="a>5") is not None
    # of one that is gone, as it was
    assert told(room(a=9), None, q="a>5", notificationTrigger=ALL) is not None
    assert told(room(a=1), None, q="a>5", notificationTrigger=ALL) is None
    assert told(room(a=1), room(a=2), q=f"modifiedAt>={AFTER}") is not None


def test_null_instances_of_what_is_gone() -> None:
    found = told(room(a=1, b=1), room(b=1), notificationTrigger=["attributeDeleted"])
    assert found is not None
    assert found.entity[name("a")] == {"type": "Property", "value": "urn:ngsi-ld:null"}
    both = [prop(1), prop(2, datasetId="urn:x:1")]
    part = told(room(a=both), room(a=[both[0]]), notificationTrigger=["attributeDeleted"])
    assert part is not None
    null = {"type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:x:1"}
    assert part.entity[name("a")] == [{"type": "Property", "value": 1}, null]
    # all of them at once are one
    whole = told(room(a=both, b=1), room(b=1), notificationTrigger=["attributeDeleted"])
    assert whole is not None
    assert whole.entity[name("a")] == {"type": "Property", "value": "urn:ngsi-ld:null"}


@pytest.mark.parametrize(
    ("kind", "holder", "value", "null"),
    [
        ("Relationship", "object", "urn:x:2", "urn:ngsi-ld:null"),
        ("LanguageProperty", "languageMap", {"ja": "あ"}, {"@none": "urn:ngsi-ld:null"}),
        ("JsonProperty", "json", {"a": None}, "urn:ngsi-ld:null"),
        ("VocabProperty", "vocab", "x", "urn:ngsi-ld:null"),
        ("ListProperty", "valueList", [1], "urn:ngsi-ld:null"),
    ],
)
def test_previous_values_of_every_kind(kind: str, holder: str, value: Any, null: Any) -> None:
    before = room(a={"type": kind, holder: value, **TIMES}, b=1)
    found = told(before, room(b=1), {"showChanges": True, "sysAttrs": True}, notificationTrigger=ALL)
    assert found is not None
    previous = "previous" + holder[0].upper() + holder[1:]
    shown = found.entity[name("a")]
    assert (shown[holder], shown[previous], shown["deletedAt"]) == (null, before[name("a")][holder], AFTER)


def test_a_deleted_entity_keeps_its_last_modification() -> None:
    before = room(a=prop(1, modifiedAt="2026-11-25T12:00:00.000Z"))
    found = told(before, None, {"sysAttrs": True}, notificationTrigger=["entityDeleted"])
    assert found is not None
    shown = {key: found.entity[key] for key in ("createdAt", "modifiedAt", "deletedAt")}
    assert shown == {"createdAt": BEFORE, "modifiedAt": "2026-11-25T12:00:00.000Z", "deletedAt": AFTER}


def test_fragments_replace_members_and_keep_the_rest() -> None:
    document = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "q": "a==1",
        "expandValues": "a",
        "notification": {"endpoint": {"uri": "http://a.example/b"}, "attributes": ["a"]},
    }
    stored = {"id": "urn:x:1", **read_subscription(document, CORE, now=NOW)}
    changed = apply_fragment(stored, {"throttling": 5}, CORE, now=NOW)
    assert changed == stored | {"throttling": 5}
    assert "qNamed" not in apply_fragment(stored, {"q": None, "expandValues": None}, CORE, now=NOW)
    endpoint = {"uri": "http://c.example/d"}
    replaced = apply_fragment(stored, {"notification": {"endpoint": endpoint}}, CORE, now=NOW)
    assert replaced["notification"] == {"endpoint": endpoint}
