"""Subscriptions to registrations (clause 5.11): told of those that fit, at once and as they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from gateway import Space
from receivers import Receiver, until

PATH = "/ngsi-ld/v1/csourceSubscriptions"
SOURCES = "/ngsi-ld/v1/csourceRegistrations"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    opened = Receiver().open()
    yield opened
    opened.close()


def ask(space: Space, method: str, path: str, body: Any = None) -> httpx2.Response:
    answer = space.client.request(method, path, json=body, headers={"ngsild-tenant": space.tenant})
    assert answer.status_code < 300, answer.text
    return answer


def register(space: Space, name: str, *types: str, **members: Any) -> str:
    registration = f"urn:ngsi-ld:ContextSourceRegistration:{space.tenant}-{name}"
    body = {
        "id": registration,
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": one}]} for one in types],
        "endpoint": "http://127.0.0.1:9",
        **members,
    }
    ask(space, "POST", SOURCES, body)
    return registration


def subscribe(space: Space, receiver: Receiver, **members: Any) -> str:
    endpoint = {"uri": f"{receiver.url}/{space.tenant}"}
    body = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": endpoint, **members.pop("notification", {})},
        **members,
    }
    return ask(space, "POST", PATH, body).headers["location"]


def told(space: Space, receiver: Receiver, count: int) -> list[tuple[str, list[str]]]:
    """Reason and ids of each notification."""
    found = receiver.wait(f"/{space.tenant}", count)
    assert all(one.body["type"] == "ContextSourceNotification" for one in found)
    return [(one.body["triggerReason"], one.ids) for one in found]


def test_the_life_of_a_registration(space: Space, receiver: Receiver) -> None:
    there = register(space, "there", "Room", "Hall")
    register(space, "other", "Hall")
    location = subscribe(space, receiver)
    assert told(space, receiver, 1) == [("newlyMatching", [there])]
    (first,) = receiver.wait(f"/{space.tenant}")
    assert first.body["data"][0]["information"] == [{"entities": [{"type": ["Room"]}]}]
    assert first.body["subscriptionId"] == location.rpartition("/")[2]
    new = register(space, "new", "Room")
    assert told(space, receiver, 2)[1] == ("newlyMatching", [new])
    _change(space, new, {"description": "changed"})
    assert told(space, receiver, 3)[2] == ("updated", [new])
    _change(space, new, {"information": [{"entities": [{"type": "Hall"}]}]})
    assert told(space, receiver, 4)[3] == ("noLongerMatching", [new])
    ask(space, "DELETE", f"{SOURCES}/{there}")
    assert told(space, receiver, 5)[4] == ("noLongerMatching", [there])
    until(lambda: ask(space, "GET", location).json()["notification"].get("timesSent") == 5)


def _change(space: Space, registration: str, fragment: dict[str, Any]) -> None:
    """The probe in the background changes a registration, too, and then it is tried again."""

    def done() -> bool:
        answer = space.client.patch(f"{SOURCES}/{registration}", json=fragment, headers={"ngsild-tenant": space.tenant})
        assert answer.status_code in (204, 409), answer.text
        return answer.status_code == 204

    until(done)


def test_a_change_of_the_subscription_tells_all_anew(space: Space, receiver: Receiver) -> None:
    room, hall = register(space, "room", "Room"), register(space, "hall", "Hall")
    location = subscribe(space, receiver)
    told(space, receiver, 1)
    ask(space, "PATCH", location, {"entities": [{"type": "Room"}, {"type": "Hall"}]})
    assert told(space, receiver, 2)[1] == ("newlyMatching", sorted([room, hall]))


def test_periodically(space: Space, receiver: Receiver) -> None:
    room = register(space, "room", "Room")
    subscribe(space, receiver, timeInterval=0.2)
    assert told(space, receiver, 3) == [("newlyMatching", [room])] * 3
