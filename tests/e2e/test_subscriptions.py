"""Subscriptions as resources: made, read, changed, deleted; whose they are; what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway import Gateway, Space, fetch, fresh_database, run, settings
from receivers import until

from broker.store.database import Database
from broker.store.services import Service, Services
from schemas.ngsi_ld.context import VOCAB

PATH = "/ngsi-ld/v1/subscriptions"
KINDS = (PATH, "/ngsi-ld/v1/csourceSubscriptions")
ENDPOINT = {"uri": "http://127.0.0.1:9/notify"}
MQTT = {"uri": "mqtt://a.b/c"}
LEAST: dict[str, Any] = {"type": "Subscription", "entities": [{"type": "T"}], "notification": {"endpoint": ENDPOINT}}
ID = "urn:ngsi-ld:Subscription:1"


def ask(space: Space, method: str, path: str = PATH, **options: Any) -> httpx2.Response:
    headers = {"ngsild-tenant": space.tenant, **options.pop("headers", {})}
    return space.client.request(method, path, headers=headers, **options)


@pytest.mark.parametrize("path", KINDS)
def test_the_life_of_a_subscription(space: Space, path: str) -> None:
    made = ask(space, "POST", path, json=LEAST | {"id": ID, "subscriptionName": "x", "isActive": False})
    assert (made.status_code, made.headers["location"]) == (201, f"{path}/{ID}")
    assert ask(space, "POST", path, json=LEAST | {"id": ID}).status_code == 409
    one = f"{path}/{ID}"
    found = ask(space, "GET", one).json()
    assert (found["id"], found["status"], found["subscriptionName"]) == (ID, "paused", "x")
    assert found["entities"] == [{"type": "T"}]
    assert found["notification"] == {"endpoint": ENDPOINT}
    assert {"createdAt", "modifiedAt"} <= set(ask(space, "GET", one, params={"options": "sysAttrs"}).json())
    assert ask(space, "PATCH", one, json={"isActive": True, "subscriptionName": None}).status_code == 204
    changed = ask(space, "GET", one).json()
    assert (changed["status"], "subscriptionName" in changed) == ("active", False)
    assert ask(space, "PATCH", one, json={"id": "urn:ngsi-ld:Subscription:2"}).status_code == 400
    assert ask(space, "DELETE", one).status_code == 204
    for method in ("GET", "DELETE"):
        assert ask(space, method, one).status_code == 404


def test_the_context_that_it_was_made_in_is_that_of_its_notifications(space: Space) -> None:
    """Clause 5.8.1.4."""
    core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.{}.jsonld"
    for n, headers in ((9, {}), (6, {"link": f'<{core.format(6)}>; rel="http://www.w3.org/ns/json-ld#context"'})):
        made = ask(space, "POST", json=LEAST, headers=headers).headers["location"]
        assert ask(space, "GET", made).json()["jsonldContext"] == core.format(n)


def test_pages_in_order_of_creation(space: Space) -> None:
    ids = [f"urn:ngsi-ld:Subscription:{n}" for n in (3, 1, 2)]
    for one in ids:
        assert ask(space, "POST", json=LEAST | {"id": one}).status_code == 201
    page = ask(space, "GET", params={"limit": "1", "offset": "1", "count": "true"})
    assert [row["id"] for row in page.json()] == ids[1:2]
    assert page.headers["ngsild-results-count"] == "3"
    links = page.headers["link"]
    assert f'<{PATH}?count=true&limit=1&offset=2>; rel="next"; type="application/json"' in links
    assert f'<{PATH}?count=true&limit=1&offset=0>; rel="prev"' in links
    for bad in ({"limit": "0"}, {"limit": "-1"}, {"offset": "x"}, {"count": "yes"}, {"q": "a"}, {"options": "count"}):
        assert ask(space, "GET", params=bad).status_code == 400, bad


def test_names_are_shown_in_the_context_of_who_asks(space: Space) -> None:
    context = {"T": "https://a.example/T", "p": "https://a.example/p", "in": "https://a.example/in"}
    document = {
        **LEAST,
        "id": ID,
        "entities": [{"type": "T", "idPattern": "^urn:"}],
        "watchedAttributes": ["p"],
        "q": 'p=="a b"|p>3',
        "geoQ": {"georel": "within", "geometry": "Polygon", "coordinates": _SQUARE, "geoproperty": "p"},
        "notification": {"endpoint": ENDPOINT, "pick": ["id", "in{p}", "p.in"], "join": "inline"},
        "@context": context,
    }
    ld = {"content-type": "application/ld+json"}
    assert ask(space, "POST", json=document, headers=ld).status_code == 201
    plain = ask(space, "GET", f"{PATH}/{ID}").json()
    assert plain["entities"][0]["type"] == "https://a.example/T"
    assert plain["watchedAttributes"] == ["https://a.example/p"]
    assert plain["q"] == 'https:%2F%2Fa%2Eexample%2Fp=="a b"|https:%2F%2Fa%2Eexample%2Fp>3'
    assert plain["geoQ"]["geoproperty"] == "https://a.example/p"
    assert plain["notification"]["pick"][:2] == ["id", "https://a.example/in{https://a.example/p}"]
    own = ask(space, "PATCH", f"{PATH}/{ID}", json={"watchedAttributes": ["q"], "@context": context}, headers=ld)
    assert own.status_code == 204
    assert ask(space, "GET", f"{PATH}/{ID}").json()["watchedAttributes"] == ["q"]


_SQUARE = [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "Subscriptions"}, "type"),
        ({"id": "no uri"}, "id"),
        ({"entities": []}, "entities"),
        ({"entities": [{"id": "urn:x:1"}]}, "entities.type"),
        ({"entities": [{"type": "T", "idPattern": "("}]}, "idPattern"),
        ({"entities": None, "watchedAttributes": None}, "entities"),
        ({"watchedAttributes": []}, "watchedAttributes"),
        ({"notificationTrigger": ["entityMoved"]}, "notificationTrigger"),
        ({"timeInterval": 0}, "timeInterval"),
        ({"timeInterval": 5, "throttling": 1}, "throttling"),
        ({"timeInterval": 5, "watchedAttributes": ["a"]}, "watchedAttributes"),
        ({"q": "a=="}, "q"),
        ({"expandValues": "a"}, "expandValues"),
        ({"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [0, 0]}}, "georel"),
        ({"geoQ": {"georel": "within", "geometry": "Polygon"}}, "geoQ.coordinates"),
        ({"scopeQ": "a b"}, "scopeQ"),
        ({"csf": "=="}, "csf"),
        ({"temporalQ": {"timerel": "before"}}, "temporalQ.timeAt"),
        ({"isActive": "yes"}, "isActive"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"throttling": -1}, "throttling"),
        ({"datasetId": ["x y"]}, "datasetId"),
        ({"ngsildConformance": "one"}, "ngsildConformance"),
        ({"jsonldContext": "ftp://a.b/c"}, "jsonldContext"),
        ({"localOnly": False, "entities": [{"type": "*"}]}, "localOnly"),
        ({"watchedAttribute": ["a"]}, "watchedAttribute"),
        ({"notification": {}}, "notification.endpoint"),
        ({"notification": {"endpoint": {"uri": "ftp://a.b/c"}}}, "notification.endpoint.uri"),
        ({"notification": {"endpoint": {"uri": "http://u:p@a.b/c"}}}, "notification.endpoint.uri"),
        ({"notification": {"endpoint": {"uri": "mqtt://a.b"}}}, "notification.endpoint.uri"),
        ({"notification": {"endpoint": {"uri": "mqtt://a.b/+/c"}}}, "notification.endpoint.uri"),
        (
            {
                "notification": {
                    "endpoint": {"uri": "mqtt://a.b/c", "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}
                }
            },
            "notification.endpoint.notifierInfo.MQTT-QoS",
        ),
        ({"notification": {"endpoint": ENDPOINT | {"accept": "text/html"}}}, "notification.endpoint.accept"),
        ({"notification": {"endpoint": ENDPOINT | {"timeout": 0}}}, "notification.endpoint.timeout"),
        ({"notification": {"endpoint": ENDPOINT | {"cooldown": "1"}}}, "notification.endpoint.cooldown"),
        ({"notification": {"endpoint": ENDPOINT | {"receiverInfo": {"a": "b"}}}}, "notification.endpoint.receiverInfo"),
        (
            {"notification": {"endpoint": ENDPOINT | {"receiverInfo": [{"key": "Host", "value": "b"}]}}},
            "notification.endpoint.receiverInfo.key",
        ),
        (
            {"notification": {"endpoint": ENDPOINT | {"receiverInfo": [{"key": "X-A", "value": "b\r\nX-B: c"}]}}},
            "notification.endpoint.receiverInfo.value",
        ),
        ({"notification": {"endpoint": ENDPOINT, "format": "xml"}}, "notification.format"),
        ({"notification": {"endpoint": ENDPOINT, "attributes": ["id"]}}, "notification.attributes"),
        ({"notification": {"endpoint": ENDPOINT, "attributes": ["a"], "pick": ["b"]}}, "notification.attributes"),
        ({"notification": {"endpoint": ENDPOINT, "pick": ["a"], "omit": ["a"]}}, "notification.omit"),
        ({"notification": {"endpoint": ENDPOINT, "pick": ["a{b}"]}}, "notification.pick"),
        ({"notification": {"endpoint": ENDPOINT, "joinLevel": 0}}, "notification.joinLevel"),
        (
            {"notification": {"endpoint": ENDPOINT, "showChanges": True, "format": "keyValues"}},
            "notification.showChanges",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(space: Space, change: dict[str, Any], field: str) -> None:
    document = {name: value for name, value in {**LEAST, "id": ID, **change}.items() if value is not None}
    answer = ask(space, "POST", json=document)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert ask(space, "GET").json() == []


def test_a_fragment_leaves_a_whole_subscription(space: Space) -> None:
    ask(space, "POST", json=LEAST | {"id": ID, "q": "a==1", "expiresAt": "2099-01-01T00:00:00Z"})
    one = f"{PATH}/{ID}"
    for fragment, field in (
        ({"notification": {"format": "keyValues"}}, "notification.endpoint"),
        ({"notification": None}, "notification"),
        ({"entities": None}, "entities"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"timeInterval": 5, "throttling": 5}, "throttling"),
    ):
        answer = ask(space, "PATCH", one, json=fragment)
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert ask(space, "PATCH", one, json={"expiresAt": "urn:ngsi-ld:null", "q": None}).status_code == 204
    found = ask(space, "GET", one).json()
    assert not {"expiresAt", "q"} & set(found)


def test_a_context_that_can_not_be_had(space: Space) -> None:
    away = "http://127.0.0.1:9/context.jsonld"
    assert ask(space, "POST", json=LEAST | {"jsonldContext": away}).status_code == 504
    ask(space, "POST", json=LEAST | {"id": ID})
    assert ask(space, "PATCH", f"{PATH}/{ID}", json={"jsonldContext": away}).status_code == 504


@pytest.fixture(scope="module")
def closed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home: Path = tmp_path_factory.mktemp("closed")
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(home, url, access="closed", admin_key="a" * 32))
        yield running
        running.close()


def test_a_service_sees_its_own_and_no_endpoint_lies_open(closed: Gateway) -> None:
    admin = {"authorization": "Bearer " + "a" * 32}
    keys = {}
    for name in ("one", "two"):
        keys[name] = {"authorization": f"Bearer {_service(closed, name)}"}
    secret = {"key": "Authorization", "value": "Bearer of-the-receiver"}
    body = LEAST | {"id": ID, "notification": {"endpoint": ENDPOINT | {"receiverInfo": [secret]}}}
    assert closed.client.post(PATH, json=body).status_code == 401
    assert closed.client.post(PATH, json=body, headers=keys["one"]).status_code == 201
    assert closed.client.get(f"{PATH}/{ID}", headers=keys["one"]).json()["notification"]["endpoint"]["receiverInfo"]
    assert closed.client.get(PATH, headers=keys["two"]).json() == []
    for method in ("GET", "DELETE", "PATCH"):
        other = closed.client.request(method, f"{PATH}/{ID}", headers=keys["two"], json={})
        assert other.status_code == 404, method
    assert [row["id"] for row in closed.client.get(PATH, headers=admin).json()] == [ID]
    (row,) = run(fetch(closed.settings.database_url, "SELECT * FROM subscriptions"))
    assert "of-the-receiver" not in repr(dict(row))
    assert VOCAB in row["document"]


def _service(gateway: Gateway, name: str) -> str:
    """A new service's key, once the gateway knows it."""

    async def add() -> str:
        database = await Database.open(gateway.settings.database_url, max_size=1)
        try:
            return (await Services(database).create(Service(name)))[1]
        finally:
            await database.close()

    key = str(run(add()))
    known = {"authorization": f"Bearer {key}"}
    until(lambda: gateway.client.get(PATH, headers=known).status_code == 200)
    return key
