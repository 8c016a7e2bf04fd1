"""What of an entity ends, and what is left of it (clause 4.22)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broker.store.entity_expiry import expiry_of, without_expired

NOW = datetime(2026, 4, 1, tzinfo=UTC)
PAST, LATER = "2026-03-31T00:00:00Z", "2026-04-02T00:00:00Z"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def left(member: Any) -> Any:
    return without_expired({"id": "urn:x:1", "type": "T", "a": member}, NOW).get("a")


def test_instances_and_sub_attributes_end_by_themselves() -> None:
    one, other = prop(1), prop(2, datasetId="urn:d:1", expiresAt=PAST)
    assert left([one, other]) == one, "a single instance is no array any more"
    third = prop(3, datasetId="urn:d:3", expiresAt=LATER)
    assert left([one, other, third]) == [one, third]
    assert left(other) is None
    assert left([other]) is None
    assert left(prop(1, s=prop(2, expiresAt=PAST), t=prop(3))) == prop(1, t=prop(3))
    assert left(third) is third


def test_the_first_end_is_known() -> None:
    entity = {"id": "urn:x:1", "type": "T", "expiresAt": LATER, "a": prop(1, s=prop(2, expiresAt=PAST))}
    assert expiry_of(entity) == (datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    assert expiry_of({"id": "urn:x:1", "type": "T", "a": prop(1)}) == (None, None)
