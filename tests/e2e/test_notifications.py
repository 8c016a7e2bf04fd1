"""What a subscriber gets when local entities change, from a real gateway to a real receiver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from gateway import ENTITIES, Gateway, Space, fetch, run
from receivers import Behaviour, Receiver, until

from schemas.ngsi_ld.context import CORE

PATH = "/ngsi-ld/v1/subscriptions"
A = "urn:ngsi-ld:Room:a"
B = "urn:ngsi-ld:Room:b"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    opened = Receiver().open()
    yield opened
    opened.close()


class Party:
    """One test's tenant, and its own path at the receiver."""

    def __init__(self, space: Space, receiver: Receiver) -> None:
        self.space = space
        self.receiver = receiver
        self.path = f"/{space.tenant}"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        headers = {"ngsild-tenant": self.space.tenant, **options.pop("headers", {})}
        answer = self.space.client.request(method, path, json=body, headers=headers, **options)
        assert answer.status_code < 300, answer.text
        return answer

    def subscribe(self, notification: dict[str, Any] | None = None, path: str = "", **members: Any) -> str:
        given = dict(notification or {})
        endpoint = {"uri": self.receiver.url + (path or self.path), **given.pop("endpoint", {})}
        body = {
            "type": "Subscription",
            "entities": [{"type": "Room"}],
            "notification": {"endpoint": endpoint, **given},
            **members,
        }
        made = self.ask("POST", PATH, {name: value for name, value in body.items() if value is not None})
        return made.headers["location"].rpartition("/")[2]

    def put(self, entity_id: str = A, **attributes: Any) -> None:
        body = {"id": entity_id, "type": "Room"} | {n: _attribute(v) for n, v in attributes.items()}
        self.ask("POST", ENTITIES, body)

    def patch(self, entity_id: str = A, **attributes: Any) -> None:
        self.ask("PATCH", f"{ENTITIES}/{entity_id}", {n: _attribute(v) for n, v in attributes.items()})

    def told(self, count: int = 1) -> list[dict[str, Any]]:
        """The bodies that came."""
        return [one.body for one in self.receiver.wait(self.path, count)]

    def state(self, subscription: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"{PATH}/{subscription}").json()
        return found

    def settled(self, subscription: str, sent: int) -> dict[str, Any]:
        """The notification member, when so many have been counted."""
        until(lambda: self.state(subscription)["notification"].get("timesSent", 0) >= sent)
        found: dict[str, Any] = self.state(subscription)["notification"]
        return found


def _attribute(value: Any) -> Any:
    return value if isinstance(value, dict) else {"type": "Property", "value": value}


@pytest.fixture
def party(space: Space, receiver: Receiver) -> Party:
    return Party(space, receiver)


def test_a_change_is_told_counted_and_metered(party: Party, gateway: Gateway) -> None:
    subscription = party.subscribe()
    party.put(temperature=20)
    (first,) = party.receiver.wait(party.path)
    assert first.body["type"] == "Notification"
    assert first.body["id"].startswith("urn:ngsi-ld:Notification:")
    assert first.body["subscriptionId"] == subscription
    assert first.body["data"] == [
        {"id": A, "type": "Room", "temperature": {"type": "Property", "value": 20}},
    ]
    assert first.headers["content-type"] == "application/json"
    assert first.headers["link"] == CORE.link_header()
    assert first.headers["ngsild-tenant"] == party.space.tenant
    done = party.settled(subscription, 1)
    assert (done["status"], done["lastNotification"]) == ("ok", done["lastSuccess"])
    assert not {"timesFailed", "lastFailure"} & set(done)
    flow = first.body["id"].rpartition(":")[2]
    flows = gateway.client.get("/flows", params={"operation": "notify", "limit": "1000"}).json()
    (recorded,) = [one for one in flows if one["id"] == flow]
    assert (recorded["operation"], recorded["entities"]) == ("notify", 1)
    assert recorded["consumer"]["service"] == "anonymous"


def test_only_what_differs_is_a_change(party: Party) -> None:
    party.subscribe()
    party.put(temperature=20)
    party.patch(temperature=20)
    party.patch(temperature=21)
    told = party.told(2)
    assert [body["data"][0]["temperature"]["value"] for body in told] == [20, 21]


def test_a_batch_is_one_notification(party: Party) -> None:
    party.subscribe()
    rooms = [{"id": f"urn:ngsi-ld:Room:{n}", "type": "Room", "n": _attribute(n)} for n in range(20)]
    others = [{"id": "urn:ngsi-ld:Hall:1", "type": "Hall", "n": _attribute(1)}]
    party.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", rooms + others)
    (body,) = party.told()
    assert {row["id"] for row in body["data"]} == {room["id"] for room in rooms}


def test_each_change_of_an_entity_within_a_batch_is_told_and_recorded_for_itself(party: Party) -> None:
    party.put(temperature=1)
    party.put(B, temperature=1)
    party.subscribe({"showChanges": True})
    members = [(A, 2), (B, 2), (A, 3), (A, 3)]
    batch = [{"id": name, "type": "Room", "temperature": _attribute(value)} for name, value in members]
    party.ask("POST", "/ngsi-ld/v1/entityOperations/update", batch)
    first, second = party.told(2)
    assert [one["id"] for one in first["data"]] == [A, B]
    assert [one["temperature"]["previousValue"] for one in first["data"]] == [1, 1]
    assert [(one["id"], one["temperature"]["previousValue"]) for one in second["data"]] == [(A, 2)]
    evolution = party.ask("GET", f"/ngsi-ld/v1/temporal/entities/{A}").json()
    assert [one["value"] for one in evolution["temperature"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"entities": [{"type": "Room", "id": B}]}, [B]),
        ({"entities": [{"type": "Room", "id": [A, B]}]}, [A, B]),
        ({"entities": [{"type": "Room", "idPattern": "b$"}]}, [B]),
        ({"entities": [{"type": "Hall"}, {"type": "Room", "id": B}]}, [B]),
        ({"entities": [{"type": "(Hall;Room),Room"}]}, [A, B]),
        ({"entities": [{"type": "*"}]}, [A, B]),
        ({"entities": None, "watchedAttributes": ["humidity"]}, [B]),
        ({"watchedAttributes": ["temperature"]}, [A, B]),
        ({"q": "temperature>25"}, [B]),
        ({"q": "temperature==%2225%22|humidity"}, [B]),
        ({"geoQ": {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": [139.76, 35.68]}}, [A]),
        ({"scopeQ": "/Tokyo/#"}, [A]),
        ({"notificationTrigger": ["entityCreated"]}, [A, B]),
        ({"notificationTrigger": ["attributeUpdated"]}, []),
        ({"isActive": False}, []),
    ],
)
def test_which_entities_are_told_of(party: Party, members: dict[str, Any], expected: list[str]) -> None:
    party.subscribe(**members)
    # what comes last is told last, to the same host
    party.subscribe(path=party.path + "-end", entities=[{"type": "End"}])
    at = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.765, 35.681]}}
    room = {"id": A, "type": "Room", "scope": "/Tokyo/Chiyoda", "temperature": _attribute(20), "location": at}
    party.ask("POST", ENTITIES, room)
    party.put(B, temperature=30, humidity=5)
    got = [i for one in party.receiver.wait(party.path, len(expected)) for i in one.ids] if expected else []
    party.ask("POST", ENTITIES, {"id": "urn:ngsi-ld:End:1", "type": "End", "n": _attribute(1)})
    party.receiver.wait(party.path + "-end")
    assert got == expected
    assert [i for one in party.receiver.at(party.path) for i in one.ids if not i.endswith(":End:1")] == expected


def test_what_is_deleted(party: Party) -> None:
    party.subscribe(notificationTrigger=["entityDeleted"])
    party.subscribe({"showChanges": True, "sysAttrs": True}, party.path + "-all", notificationTrigger=["entityDeleted"])
    party.subscribe(path=party.path + "-a", notificationTrigger=["attributeDeleted"], watchedAttributes=["a"])
    party.put(a=1, b={"type": "LanguageProperty", "languageMap": {"ja": "部屋"}})
    party.ask("DELETE", f"{ENTITIES}/{A}/attrs/a")
    (body,) = [one.body["data"][0] for one in party.receiver.wait(party.path + "-a")]
    assert body["a"] == {"type": "Property", "value": "urn:ngsi-ld:null"}
    assert body["b"]["languageMap"] == {"ja": "部屋"}
    party.ask("DELETE", f"{ENTITIES}/{A}")
    (gone,) = party.told()
    assert set(gone["data"][0]) == {"id", "type", "deletedAt"}
    (whole,) = [one.body["data"][0] for one in party.receiver.wait(party.path + "-all")]
    assert set(whole) == {"id", "type", "b", "createdAt", "modifiedAt", "deletedAt"}
    null = {"@none": "urn:ngsi-ld:null"}
    assert (whole["b"]["languageMap"], whole["b"]["previousLanguageMap"]) == (null, {"ja": "部屋"})
    assert whole["b"]["deletedAt"] == whole["deletedAt"]


def test_what_it_was_before(party: Party) -> None:
    party.subscribe({"showChanges": True}, watchedAttributes=["a"])
    party.put(a=1, b=1)
    party.patch(a=2)
    created, updated = (body["data"][0] for body in party.told(2))
    assert "previousValue" not in created["a"]
    assert updated["a"] == {"type": "Property", "value": 2, "previousValue": 1}


@pytest.mark.parametrize(
    ("notification", "members", "expected"),
    [
        ({"format": "keyValues"}, {}, {"id": A, "type": "Room", "a": 1, "b": {"languageMap": {"ja": "あ", "en": "a"}}}),
        ({"format": "simplified"}, {"lang": "ja"}, {"id": A, "type": "Room", "a": 1, "b": "あ"}),
        (
            {"format": "concise", "attributes": ["a"]},
            {},
            {"id": A, "type": "Room", "a": {"value": 1, "unitCode": "C"}},
        ),
        ({"format": "simplified", "pick": ["id", "a"]}, {}, {"id": A, "a": 1}),
        ({"format": "simplified", "omit": ["b", "type"]}, {}, {"id": A, "a": 1}),
        ({"pick": ["a"]}, {"ngsildConformance": "1.2"}, {"a": {"type": "Property", "value": 1}}),
    ],
)
def test_forms(party: Party, notification: dict[str, Any], members: dict[str, Any], expected: Any) -> None:
    party.subscribe(notification, **members)
    a = {"type": "Property", "value": 1, "unitCode": "C"}
    party.put(a=a, b={"type": "LanguageProperty", "languageMap": {"ja": "あ", "en": "a"}})
    assert party.told()[0]["data"] == [expected]


def test_instances_of_a_dataset(party: Party) -> None:
    party.subscribe({"format": "simplified"}, datasetId=["urn:x:1"])
    instances = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:x:1"}]
    party.ask("POST", ENTITIES, {"id": A, "type": "Room", "a": instances, "b": _attribute(1)})
    assert party.told()[0]["data"] == [{"id": A, "type": "Room", "a": 2}]


def test_json_ld_and_geojson(party: Party) -> None:
    ld, geo, plain = ({"accept": f"application/{kind}"} for kind in ("ld+json", "geo+json", "geo+json"))
    plain["receiverInfo"] = [{"key": "Prefer", "value": "body=json"}, {"key": "X-Token", "value": "s3cret"}]  # type: ignore[assignment]
    for n, endpoint in enumerate((ld, geo, plain)):
        party.subscribe({"endpoint": endpoint}, f"{party.path}-{n}")
    point = {"type": "Point", "coordinates": [139.7, 35.6]}
    party.put(a=1, location={"type": "GeoProperty", "value": point})
    (one,) = party.receiver.wait(f"{party.path}-0")
    assert one.headers["content-type"] == "application/ld+json"
    assert "link" not in one.headers
    assert one.body["@context"] == one.body["data"][0]["@context"] == CORE.url
    (one,) = party.receiver.wait(f"{party.path}-1")
    assert one.body["data"]["type"] == "FeatureCollection"
    assert one.body["data"]["@context"] == CORE.url
    assert one.body["data"]["features"][0]["geometry"] == point
    (one,) = party.receiver.wait(f"{party.path}-2")
    assert ("@context" in one.body["data"], one.headers["link"]) == (False, CORE.link_header())
    assert one.headers["x-token"] == "s3cret"


def test_an_inline_context_gets_an_address(party: Party) -> None:
    context = {"Room": "https://a.example/Room", "a": "https://a.example/a"}
    body = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": party.receiver.url + party.path}},
        "@context": context,
    }
    ld = {"content-type": "application/ld+json"}
    made = party.ask("POST", PATH, body, headers=ld).headers["location"]
    party.ask("POST", ENTITIES, {"id": A, "type": "Room", "a": _attribute(1), "@context": context}, headers=ld)
    (one,) = party.receiver.wait(party.path)
    assert one.body["data"][0]["a"]["value"] == 1
    link = one.headers["link"].partition(">")[0].removeprefix("<")
    assert httpx2.get(link).json()["@context"][0] == context
    assert party.ask("GET", made).json()["jsonldContext"] == link


@pytest.mark.parametrize("kind", ["flat", "inline"])
def test_linked_entities_come_along(party: Party, kind: str) -> None:
    party.ask("POST", ENTITIES, {"id": "urn:ngsi-ld:Floor:1", "type": "Floor", "level": _attribute(3)})
    party.subscribe({"join": kind, "format": "simplified"})
    party.put(on={"type": "Relationship", "object": "urn:ngsi-ld:Floor:1"})
    floor = {"id": "urn:ngsi-ld:Floor:1", "type": "Floor", "level": 3}
    room = {"id": A, "type": "Room", "on": floor if kind == "inline" else floor["id"]}
    assert party.told()[0]["data"] == ([room] if kind == "inline" else [room, floor])


def test_a_q_along_a_relationship(party: Party) -> None:
    for n in (1, 5):
        party.ask("POST", ENTITIES, {"id": f"urn:ngsi-ld:Floor:{n}", "type": "Floor", "level": _attribute(n)})
    party.subscribe(q="on{level}>3")
    party.put(A, on={"type": "Relationship", "object": "urn:ngsi-ld:Floor:1"})
    party.put(B, on={"type": "Relationship", "object": "urn:ngsi-ld:Floor:5"})
    assert [row["id"] for row in party.told()[0]["data"]] == [B]


def test_periodically_everything_that_fits(party: Party) -> None:
    party.put(A, temperature=20)
    party.put(B, temperature=30)
    subscription = party.subscribe({"format": "simplified"}, timeInterval=0.2, q="temperature>25")
    bodies = party.told(3)
    assert all(body["data"] == [{"id": B, "type": "Room", "temperature": 30}] for body in bodies)
    party.ask("PATCH", f"{PATH}/{subscription}", {"isActive": False})
    party.patch(B, temperature=31)
    assert party.state(subscription)["status"] == "paused"


def test_throttled_ones_are_left_out(party: Party) -> None:
    subscription = party.subscribe(throttling=600)
    party.put(a=1)
    party.told()
    party.settled(subscription, 1)
    party.patch(a=2)
    until(lambda: _waiting(party) == 0)
    party.ask("PATCH", f"{PATH}/{subscription}", {"throttling": None})
    party.patch(a=3)
    assert [body["data"][0]["a"]["value"] for body in party.told(2)] == [1, 3]


def _waiting(party: Party) -> int:
    url = party.space.gateway.settings.database_url
    (row,) = run(fetch(url, "SELECT count(*) AS n FROM notifications WHERE tenant = $1", party.space.tenant))
    return int(row["n"])


def test_a_failure_is_told_and_cools_down(party: Party) -> None:
    party.receiver.behaviours[party.path] = Behaviour(status=500)
    subscription = party.subscribe({"endpoint": {"cooldown": 600_000}})
    party.put(a=1)
    failed = party.settled(subscription, 1)
    assert (failed["status"], failed["timesFailed"], "lastSuccess" in failed) == ("failed", 1, False)
    assert failed["lastFailure"] == failed["lastNotification"]
    party.patch(a=2)
    # a change of the subscription ends the cooldown, and what came before that is not notified
    party.receiver.behaviours[party.path].status = 204
    party.ask("PATCH", f"{PATH}/{subscription}", {"description": "mended"})
    party.patch(a=3)
    done = party.settled(subscription, 2)
    assert (done["status"], done["timesFailed"]) == ("ok", 1)


def test_one_that_hangs_holds_up_nobody(party: Party) -> None:
    hold = threading.Event()
    party.receiver.behaviours[party.path + "-slow"] = Behaviour(hold=hold)
    slow = party.subscribe({"endpoint": {"timeout": 30_000}}, party.path + "-slow")
    party.subscribe()
    party.put(a=0)
    party.receiver.wait(party.path + "-slow")
    for n in range(1, 6):
        party.patch(a=n)
    assert [body["data"][0]["a"]["value"] for body in party.told(6)] == list(range(6))
    assert len(party.receiver.at(party.path + "-slow")) == 1
    hold.set()
    told = party.receiver.wait(party.path + "-slow", 6)
    assert [one.body["data"][0]["a"]["value"] for one in told] == list(range(6))
    assert party.settled(slow, 6)["timesSent"] == 6


def test_a_deleted_subscription_is_silent(party: Party) -> None:
    subscription = party.subscribe()
    party.put(a=1)
    party.told()
    party.ask("DELETE", f"{PATH}/{subscription}")
    party.subscribe(path=party.path + "-end")
    party.patch(a=2)
    party.receiver.wait(party.path + "-end")
    assert len(party.receiver.at(party.path)) == 1


def test_an_expired_one_is_silent_and_says_so(party: Party) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    subscription = party.subscribe(expiresAt=soon)
    until(lambda: party.state(subscription)["status"] == "expired")
    party.subscribe(path=party.path + "-end")
    party.put(a=1)
    party.receiver.wait(party.path + "-end")
    assert party.receiver.at(party.path) == []
    party.ask("PATCH", f"{PATH}/{subscription}", {"expiresAt": "2099-01-01T00:00:00Z"})
    assert party.state(subscription)["status"] == "active"
    party.patch(a=2)
    assert party.told()[0]["data"][0]["a"]["value"] == 2
