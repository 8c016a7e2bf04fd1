"""A subscriber is told what its agreements cover, now and of this attribute; what is hidden does not show in that a
notification comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from agreements import City, city
from gateway import ENTITIES, fetch, run
from receivers import Receiver, until
from sources import Host

PATH = "/ngsi-ld/v1/subscriptions"
AREA = "nishi-shinjuku"
ONE = "urn:ngsi-ld:Sensor:1"


@pytest.fixture(scope="module")
def town(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[City]:
    with city(postgres_url, tmp_path_factory.mktemp("told"), host) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver().open()
    yield opened
    opened.close()


def _value(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _waiting(town: City) -> int:
    (row,) = run(fetch(town.gateway.settings.database_url, "SELECT count(*) AS n FROM notifications"))
    return int(row["n"])


def test_only_what_is_covered_is_told(town: City, receiver: Receiver) -> None:
    def subscribe(who: str, path: str, **members: Any) -> None:
        notification = {"endpoint": {"uri": receiver.url + path}}
        body = {"type": "Subscription", "entities": [{"type": "Sensor"}], "notification": notification, **members}
        answer = town.ask("POST", PATH, who, json=body)
        assert answer.status_code == 201, answer.text

    def patch(**attributes: Any) -> None:
        body = {name: _value(value) for name, value in attributes.items()}
        assert town.ask("PATCH", f"{ENTITIES}/{ONE}", "admin", json=body).status_code == 204

    subscribe("app", "/app")
    subscribe("app", "/hidden", q="hidden>3")
    subscribe("admin", "/admin")
    body = {"id": ONE, "type": "Sensor", "shown": _value(0), "hidden": _value(0)}
    assert town.ask("POST", ENTITIES, "admin", json=body).status_code == 201
    receiver.wait("/admin", 1)
    # what a subscriber may have is decided when it is notified
    until(lambda: _waiting(town) == 0)
    with town.agreed(
        provider_area=AREA, types=["Sensor"], attributes=["shown"], operations=["read", "subscribe"]
    ) as agreement:
        patch(shown=1)
        (first,) = receiver.wait("/app")
        assert first.body["data"] == [{"id": ONE, "type": "Sensor", "shown": _value(1)}]
        # what is hidden changes, and nobody is to see that it did
        patch(hidden=5)
        patch(shown=2, hidden=6)
        told = receiver.wait("/app", 2)
        assert [one.body["data"][0]["shown"]["value"] for one in told] == [1, 2]
        statement = "SELECT agreement, agreement_version FROM flows WHERE operation = 'notify' AND id = $1::uuid"
        flow = first.body["id"].rpartition(":")[2]
        (row,) = run(fetch(town.gateway.settings.database_url, statement, flow))
        assert tuple(row) == (agreement, 1)
        until(lambda: _waiting(town) == 0)
    patch(shown=3)
    receiver.wait("/admin", 5)
    until(lambda: _waiting(town) == 0)
    assert [len(receiver.at(path)) for path in ("/app", "/hidden", "/admin")] == [2, 0, 5]


def test_reading_is_not_subscribing(town: City, receiver: Receiver) -> None:
    with town.agreed(provider_area=AREA, types=["Meter"], operations=["read"]):
        for who, path in (("app", "/app"), ("admin", "/admin")):
            notification = {"endpoint": {"uri": receiver.url + path}}
            body = {"type": "Subscription", "entities": [{"type": "Meter"}], "notification": notification}
            assert town.ask("POST", PATH, who, json=body).status_code == 201
        meter = {"id": "urn:ngsi-ld:Meter:1", "type": "Meter", "a": _value(1)}
        assert town.ask("POST", ENTITIES, "admin", json=meter).status_code == 201
        receiver.wait("/admin")
        until(lambda: _waiting(town) == 0)
        assert len(town.get(type="Meter").json()) == 1
        assert receiver.at("/app") == []


def test_notifications_count_for_a_quota(town: City, receiver: Receiver) -> None:
    terms = {"types": ["Gauge"], "operations": ["read", "subscribe"], "quota": {"requests_per_day": 2}}
    with town.agreed(provider_area=AREA, **terms):
        for who, path in (("app", "/app"), ("admin", "/admin")):
            notification = {"endpoint": {"uri": receiver.url + path}}
            body = {"type": "Subscription", "entities": [{"type": "Gauge"}], "notification": notification}
            assert town.ask("POST", PATH, who, json=body).status_code == 201
        gauge = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "a": _value(0)}
        assert town.ask("POST", ENTITIES, "admin", json=gauge).status_code == 201
        for n in range(1, 5):
            path = f"{ENTITIES}/urn:ngsi-ld:Gauge:1"
            assert town.ask("PATCH", path, "admin", json={"a": _value(n)}).status_code == 204
        receiver.wait("/admin", 5)
        until(lambda: _waiting(town) == 0)
        assert [one.body["data"][0]["a"]["value"] for one in receiver.at("/app")] == [0, 1]
