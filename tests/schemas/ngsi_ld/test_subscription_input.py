"""What a subscription says, and what a fragment makes of it (clauses 5.2.12, 5.2.21, 5.8.2.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.subscription import Status, parse
from schemas.ngsi_ld.subscription_input import apply_fragment, read_subscription

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LATER = datetime(2026, 11, 28, tzinfo=UTC)
NOTIFICATION = {"endpoint": {"uri": "http://b.example/n"}}
LEAST = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": NOTIFICATION}
SINCE = {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}


def stored(**members: Any) -> dict[str, Any]:
    return {"id": "urn:x:1", **read_subscription(LEAST | members, CORE, now=NOW)}


def status(document: dict[str, Any], now: datetime) -> Status:
    return parse("", document).status(now)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ({"isActive": True}, Status.EXPIRED),
        ({"isActive": False}, Status.EXPIRED),
        ({"description": "over"}, Status.EXPIRED),
        ({"expiresAt": "2030-01-01T00:00:00Z"}, Status.ACTIVE),
        ({"expiresAt": "2030-01-01T00:00:00Z", "isActive": True}, Status.ACTIVE),
        ({"expiresAt": "2030-01-01T00:00:00Z", "isActive": False}, Status.PAUSED),
    ],
)
def test_what_becomes_of_one_that_has_expired(fragment: dict[str, Any], expected: Status) -> None:
    for active in (True, False):
        over = stored(expiresAt="2026-11-27T00:00:00Z", isActive=active)
        assert status(apply_fragment(over, fragment, CORE, now=LATER), LATER) is expected


def test_one_that_is_paused_stays_so_with_another_end() -> None:
    paused = stored(expiresAt="2026-12-27T00:00:00Z", isActive=False)
    assert (
        status(apply_fragment(paused, {"expiresAt": "2030-01-01T00:00:00Z"}, CORE, now=LATER), LATER) is Status.PAUSED
    )


def test_a_temporal_query_has_a_last_n() -> None:
    assert stored(temporalQ={**SINCE, "lastN": 3})["temporalQ"]["lastN"] == 3


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"temporalQ": {**SINCE, "lastN": 0}}, "temporalQ.lastN"),
        ({"temporalQ": {**SINCE, "lastN": True}}, "temporalQ.lastN"),
        ({"lang": "!!"}, "lang"),
        ({"lang": "ja,en;q=2"}, "lang"),
    ],
)
def test_what_is_refused(members: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        stored(**members)
    assert caught.value.field == field
