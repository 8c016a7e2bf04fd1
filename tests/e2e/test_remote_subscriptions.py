"""Subscriptions over several gateways (clauses 5.8.1.4, 5.8.6): copies are made, followed, ended, never come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from receivers import Receiver, until

PATH = "/ngsi-ld/v1/subscriptions"
SOURCES = "/ngsi-ld/v1/csourceRegistrations"
A = "urn:ngsi-ld:Room:a"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver().open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pair(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways that share nothing."""
    home: Path = tmp_path_factory.mktemp("pair")
    with fresh_database(postgres_url) as one, fresh_database(postgres_url) as two:
        first, second = Gateway(settings(home / "1", one)), Gateway(settings(home / "2", two))
        yield first, second
        second.close()
        first.close()


def ask(gateway: Gateway, method: str, path: str, body: Any = None) -> httpx2.Response:
    answer = gateway.client.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer


def register(at: Gateway, other: Gateway, *types: str, **members: Any) -> str:
    body = {
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": one} for one in types]}],
        "endpoint": other.url,
        **members,
    }
    return ask(at, "POST", SOURCES, body).headers["location"]


def subscribe(at: Gateway, receiver: Receiver, path: str, **members: Any) -> str:
    notification = {"endpoint": {"uri": receiver.url + path}, **members.pop("notification", {})}
    body = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": notification, **members}
    return ask(at, "POST", PATH, body).headers["location"]


def copies(gateway: Gateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(gateway, "GET", PATH).json()
    return found


def value(given: Any) -> dict[str, Any]:
    return {"type": "Property", "value": given}


def test_a_copy_is_made_followed_and_ended(pair: tuple[Gateway, Gateway], receiver: Receiver) -> None:
    first, second = pair
    source = register(first, second, "Room", "Hall")
    # a ring: the copy must not come back
    back = register(second, first, "Room")
    location = subscribe(
        first, receiver, "/a", q="temperature>20", notification={"format": "simplified", "pick": ["id", "temperature"]}
    )
    until(lambda: len(copies(second)) == 1)
    (copy,) = copies(second)
    assert (copy["entities"], copy["q"]) == ([{"type": "Room"}], "temperature>20")
    assert "pick" not in copy["notification"]
    assert copy["notification"]["endpoint"]["uri"].startswith(first.url + "/federation/notifications/")
    room = {"id": A, "type": "Room", "temperature": value(30), "secret": value(1)}
    ask(second, "POST", ENTITIES, room)
    (told,) = receiver.wait("/a")
    assert told.body["data"] == [{"id": A, "temperature": 30}]
    assert told.body["subscriptionId"] == location.rpartition("/")[2]
    flow = told.body["id"].rpartition(":")[2]
    (recorded,) = [f for f in ask(first, "GET", "/flows?operation=notify&limit=1000").json() if f["id"] == flow]
    assert recorded["platform"] == source.rpartition("/")[2]
    # what does not fit is not told, and what is local is told once
    ask(second, "PATCH", f"{ENTITIES}/{A}", {"temperature": value(10)})
    ask(first, "POST", ENTITIES, {"id": "urn:ngsi-ld:Room:b", "type": "Room", "temperature": value(25)})
    assert [row["id"] for one in receiver.wait("/a", 2) for row in one.body["data"]] == [A, "urn:ngsi-ld:Room:b"]
    ask(first, "PATCH", location, {"q": "temperature>5"})
    until(lambda: copies(second)[0].get("q") == "temperature>5")
    ask(second, "PATCH", f"{ENTITIES}/{A}", {"temperature": value(11)})
    assert receiver.wait("/a", 3)[2].body["data"] == [{"id": A, "temperature": 11}]
    assert len(copies(first)) == 1
    ask(first, "DELETE", location)
    until(lambda: copies(second) == [])
    ask(first, "DELETE", source)
    ask(second, "DELETE", back)


def test_split_entities_are_put_together(pair: tuple[Gateway, Gateway], receiver: Receiver) -> None:
    first, second = pair
    source = register(first, second, "Car")
    members: dict[str, Any] = {"entities": [{"type": "Car"}], "q": "speed>50;brand==%22Kei%22", "splitEntities": True}
    location = subscribe(first, receiver, "/car", **members)
    until(lambda: len(copies(second)) == 1)
    assert "q" not in copies(second)[0]
    car = "urn:ngsi-ld:Car:1"
    ask(first, "POST", ENTITIES, {"id": car, "type": "Car", "brand": value("Kei")})
    ask(second, "POST", ENTITIES, {"id": car, "type": "Car", "speed": value(10)})
    ask(second, "PATCH", f"{ENTITIES}/{car}", {"speed": value(99)})
    # put together when it is told: the first change may find the second one done
    rows = [row for one in receiver.wait("/car") for row in one.body["data"]]
    assert {(row["speed"]["value"], row["brand"]["value"]) for row in rows} == {(99, "Kei")}
    ask(first, "DELETE", location)
    until(lambda: copies(second) == [])
    ask(first, "DELETE", source)


def test_what_is_local_stays_so_and_strangers_are_not_heard(pair: tuple[Gateway, Gateway], receiver: Receiver) -> None:
    first, second = pair
    source = register(first, second, "Room")
    local = subscribe(first, receiver, "/local", localOnly=True)
    other = subscribe(first, receiver, "/other")
    until(lambda: len(copies(second)) == 1)
    body = {"type": "Notification", "data": [{"id": A, "type": "Room", "temperature": value(1)}]}
    stranger = first.client.post("/federation/notifications/guessed", json=body)
    assert stranger.status_code == 404
    token = copies(second)[0]["notification"]["endpoint"]["uri"]
    for bad in ({}, {"data": {}}, []):
        assert first.client.post(token, json=bad).status_code == 400, bad
    mixed = {"data": [7, {"id": 3}, {"id": "urn:ngsi-ld:Hall:1", "type": "Hall"}, *body["data"]]}
    assert first.client.post(token, json=mixed).status_code == 200
    assert receiver.wait("/other")[0].ids == [A]
    assert receiver.at("/local") == []
    ask(first, "DELETE", source)
    # a source that is no longer registered can't be asked, and its copy is forgotten
    ask(first, "DELETE", local)
    ask(first, "DELETE", other)
