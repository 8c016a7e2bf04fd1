"""The temporal API over HTTP: recorded by itself, written, paged, aggregated, metered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Space, fetch, run

TEMPORAL = "/ngsi-ld/v1/temporal/entities"
QUERY = "/ngsi-ld/v1/temporal/entityOperations/query"
ID = "urn:ngsi-ld:Shelter:1"
ALWAYS = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}


class Evolutions:
    """Requests of one tenant."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def __call__(self, method: str, path: str, json: Any = None, **params: Any) -> httpx2.Response:
        headers = {"ngsild-tenant": self.space.tenant}
        return self.space.client.request(method, path, json=json, params=params, headers=headers)

    def create(self, entity_id: str = ID, **members: Any) -> None:
        answer = self("POST", TEMPORAL, {"id": entity_id, "type": "Shelter", **members})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"{TEMPORAL}/{entity_id}"

    def read(self, entity_id: str = ID, **params: Any) -> dict[str, Any]:
        answer = self("GET", f"{TEMPORAL}/{entity_id}", **params)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def ids(self, **params: Any) -> list[str]:
        answer = self("GET", TEMPORAL, **{"type": "Shelter", **ALWAYS, **params})
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]


@pytest.fixture
def evolutions(space: Space) -> Evolutions:
    return Evolutions(space)


def minutes(count: int, hour: int = 0) -> list[dict[str, Any]]:
    return [{"type": "Property", "value": n, "observedAt": f"2026-04-01T{hour:02}:{n:02}:00Z"} for n in range(count)]


def problem(answer: httpx2.Response, status: int, field: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == NGSI_LD_PROBLEM
    assert answer.json()["field"] == field


def test_changes_of_an_entity_are_its_history(evolutions: Evolutions) -> None:
    shelter: dict[str, Any] = {"id": ID, "type": "Shelter"}
    for n in (10, 9):
        free = {"type": "Property", "value": n, "observedAt": f"2026-04-01T0{n % 9}:00:00Z"}
        method, path = ("POST", ENTITIES) if n == 10 else ("PUT", f"{ENTITIES}/{ID}")
        assert evolutions(method, path, shelter | {"free": free}).status_code in (201, 204)
    assert [one["value"] for one in evolutions.read()["free"]] == [9, 10]
    assert evolutions("DELETE", f"{ENTITIES}/{ID}").status_code == 204
    ended = evolutions.read(timeproperty="deletedAt")["free"]
    assert [one["value"] for one in ended] == ["urn:ngsi-ld:null"]
    assert (
        evolutions.read(timeproperty="deletedAt", options="temporalValues")["free"]["values"][0][1]
        == ended[0]["deletedAt"]
    )
    assert evolutions("DELETE", f"{TEMPORAL}/{ID}").status_code == 204
    problem(evolutions("GET", f"{TEMPORAL}/{ID}"), 404, "id")


@pytest.mark.parametrize(("count", "pages"), [(20, 1), (40, 2), (41, 3)])
def test_pages_of_time(evolutions: Evolutions, count: int, pages: int) -> None:
    evolutions.create(free=minutes(count))
    seen: list[int] = []
    params: dict[str, Any] = {}
    for left in range(pages, 0, -1):
        answer = evolutions("GET", f"{TEMPORAL}/{ID}", **params)
        seen += [one["value"] for one in answer.json()["free"]]
        assert answer.status_code == (206 if left > 1 else 200)
        if left > 1:
            unit, _, rest = answer.headers["content-range"].partition(" ")
            assert (unit, rest.rpartition("/")[2]) == ("date-time", "*")
            end = datetime.fromisoformat(rest.rpartition("/")[0][-20:])
            params = {"timerel": "after", "timeAt": f"{end:%Y-%m-%dT%H:%M:%S}.001Z"}
        else:
            assert "content-range" not in answer.headers
    assert seen == list(range(count))


def test_the_last_ones_come_from_the_end(evolutions: Evolutions) -> None:
    evolutions.create(free=minutes(30), name=minutes(30, 5))
    assert [one["value"] for one in evolutions.read(lastN=3)["free"]] == [27, 28, 29]
    answer = evolutions("GET", f"{TEMPORAL}/{ID}", lastN=25, format="temporalValues")
    assert answer.status_code == 206
    assert answer.headers["content-range"] == "date-time 2026-04-01T05:29:00Z-2026-04-01T05:10:00Z/25"
    assert answer.json()["free"] == {"type": "Property", "values": []}
    assert len(answer.json()["name"]["values"]) == 20


def test_filters_look_at_the_window_only(evolutions: Evolutions) -> None:
    for n, place in ((1, [139.76, 35.68]), (2, [135.5, 34.7])):
        at = {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": place},
            "observedAt": "2026-04-01T00:05:00Z",
        }
        evolutions.create(f"urn:ngsi-ld:Shelter:{n}", free=minutes(n * 2), location=[at], scope=f"/Ward{n}")
    first, second = "urn:ngsi-ld:Shelter:1", "urn:ngsi-ld:Shelter:2"
    assert evolutions.ids() == [first, second]
    assert evolutions.ids(orderBy="id;desc") == [second, first]
    assert evolutions.ids(q="free>2") == [second]
    assert evolutions.ids(q="free>2", timerel="before", timeAt="2026-04-01T00:02:00Z") == []
    near = {"georel": "near;maxDistance==3000", "geometry": "Point", "coordinates": "[139.76,35.69]"}
    assert evolutions.ids(**near) == [first]
    assert evolutions.ids(idPattern=":2$") == [second]
    assert evolutions.ids(attrs="free", timeAt="2026-04-01T00:02:00Z") == [second]
    assert evolutions.ids(id=f"{first},urn:x:y") == [first]
    counted = evolutions("GET", TEMPORAL, type="Shelter", q="free>=0", limit=1, count="true", **ALWAYS)
    assert (counted.headers["ngsild-results-count"], len(counted.json())) == ("2", 1)
    assert 'offset=1>; rel="next"' in counted.headers["link"]
    posted = evolutions(
        "POST",
        QUERY,
        {
            "type": "Query",
            "entities": [{"id": first, "type": "Shelter"}, {"type": "Shelter", "idPattern": "nothing"}],
            "temporalQ": ALWAYS,
        },
    )
    assert [one["id"] for one in posted.json()] == [first]


def test_a_scope_counts_while_it_holds(evolutions: Evolutions) -> None:
    scopes = [{"type": "Property", "value": f"/W{n}", "observedAt": f"2026-04-01T00:0{n}:00Z"} for n in (0, 2)]
    evolutions.create(free=minutes(4), scope=scopes)
    for scope, values in (("/W0", [0, 1]), ("/W2", [2, 3]), ("/W1", None)):
        answer = evolutions("GET", TEMPORAL, type="Shelter", scopeQ=scope, **ALWAYS).json()
        assert [[one["value"] for one in entity["free"]] for entity in answer] == ([values] if values else [])


def test_aggregates(evolutions: Evolutions) -> None:
    evolutions.create(free=minutes(4), name=[{"type": "Property", "value": "a", "observedAt": "2026-04-01T00:00:00Z"}])
    asked = {"format": "aggregatedValues", "aggrMethods": "avg,totalCount", "aggrPeriodDuration": "PT2M"}
    made = evolutions.read(attrs="free", **asked)["free"]
    assert made["avg"] == [
        [0.5, "2026-04-01T00:00:00Z", "2026-04-01T00:02:00Z"],
        [2.5, "2026-04-01T00:02:00Z", "2026-04-01T00:04:00Z"],
    ]
    problem(evolutions("GET", f"{TEMPORAL}/{ID}", attrs="name", **(asked | {"aggrMethods": "avg"})), 400, "aggrMethods")


def test_correcting(evolutions: Evolutions) -> None:
    evolutions.create(free=minutes(2))
    attribute = f"{TEMPORAL}/{ID}/attrs/free"
    first = evolutions.read()["free"][0]
    one = f"{attribute}/{first['instanceId']}"
    new = {"type": "Property", "value": 99, "observedAt": "2026-04-01T05:00:00Z"}
    assert evolutions("PATCH", one, new).status_code == 204
    assert evolutions.read()["free"][1] == new | {"instanceId": first["instanceId"]}
    assert evolutions("POST", f"{TEMPORAL}/{ID}/attrs", {"name": [new | {"datasetId": "urn:x:a"}]}).status_code == 204
    assert evolutions("DELETE", one).status_code == 204
    problem(evolutions("DELETE", one), 404, "instanceId")
    problem(evolutions("DELETE", f"{TEMPORAL}/{ID}/attrs/name"), 404, "attrId")
    iri = quote("https://uri.etsi.org/ngsi-ld/default-context/name", safe="")
    assert evolutions("DELETE", f"{TEMPORAL}/{ID}/attrs/{iri}", datasetId="urn:x:a").status_code == 204
    assert evolutions("DELETE", attribute, deleteAll="true").status_code == 204
    assert evolutions.read() == {"id": ID, "type": "Shelter"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "timerel"),
        ({"timerel": "during", "timeAt": "2026-04-01T00:00:00Z"}, "timerel"),
        ({"timerel": "after"}, "timeAt"),
        ({"timerel": "after", "timeAt": "2026-04-01"}, "timeAt"),
        ({"timerel": "between", "timeAt": "2026-04-01T00:00:00Z"}, "endTimeAt"),
        (ALWAYS | {"lastN": "0"}, "lastN"),
        (ALWAYS | {"lastN": "-1"}, "lastN"),
        (ALWAYS | {"timeproperty": "expiresAt"}, "timeproperty"),
        (ALWAYS | {"orderBy": "name"}, "orderBy"),
        (ALWAYS | {"format": "aggregatedValues"}, "aggrMethods"),
        (ALWAYS | {"format": "aggregatedValues", "aggrMethods": "mode"}, "aggrMethods"),
        (ALWAYS | {"options": "temporalValues,concise"}, "options"),
        (ALWAYS | {"datasetId": "not a uri"}, "datasetId"),
        (ALWAYS | {"q": "a{b}==1"}, "q"),
        (ALWAYS | {"csf": "))("}, "csf"),
        (ALWAYS | {"limit": "0"}, "limit"),
        (ALWAYS | {"idPattern": "(?=a)"}, "idPattern"),
        (ALWAYS | {"pick": "a", "attrs": "b"}, "attrs"),
        (ALWAYS | {"nonsense": "1"}, "nonsense"),
    ],
)
def test_bad_questions_are_named(evolutions: Evolutions, params: dict[str, str], field: str) -> None:
    answer = evolutions("GET", TEMPORAL, type="Shelter", **params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] in (field, "q")


def test_parameters_of_a_write_come_before_its_body(evolutions: Evolutions) -> None:
    answer = evolutions.space.client.post(
        "/ngsi-ld/v1/temporal/entities", json={"no": "evolution"}, params={"notAParameter": "1"}
    )
    assert (answer.status_code, answer.json()["field"]) == (400, "notAParameter")
    assert answer.json()["type"].endswith("InvalidRequest")


def test_a_question_may_not_be_too_wide(evolutions: Evolutions) -> None:
    problem(evolutions("GET", TEMPORAL, id=ID, **ALWAYS), 400, "type")
    assert evolutions("GET", TEMPORAL, local="true", **ALWAYS).json() == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"type": "Other"},
        {"type": "Query", "temporalQ": []},
        {"type": "Query", "entities": []},
        {"type": "Query", "entities": [{"type": "A", "other": 1}], "temporalQ": ALWAYS},
        {"type": "Query", "entities": [{"type": "A"}], "temporalQ": ALWAYS | {"lastN": 1.5}},
        {"type": "Query", "entities": [{"type": "A"}], "temporalQ": ALWAYS, "geoQ": {"georel": 1}},
        {"type": "Query", "entities": [{"type": "A"}], "temporalQ": ALWAYS, "attrs": []},
        {"type": "Query", "entities": [{"type": "A"}], "temporalQ": ALWAYS, "wish": 1},
    ],
)
def test_bad_query_documents(evolutions: Evolutions, body: Any) -> None:
    answer = evolutions("POST", QUERY, body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, NGSI_LD_PROBLEM)


def test_what_is_read_is_metered(evolutions: Evolutions) -> None:
    evolutions.create(free=minutes(2))
    answer = evolutions("GET", f"{TEMPORAL}/{ID}")
    url = evolutions.space.gateway.settings.database_url
    (flow,) = run(
        fetch(url, "SELECT platform, entities, bytes FROM flows WHERE id::text = $1", answer.headers["kakehashi-flow"])
    )
    assert tuple(flow) == ("urn:ngsi-ld:ContextSource:local", 1, len(answer.content))


def test_what_is_of_one_instant_stays_together(evolutions: Evolutions) -> None:
    at = "2026-04-01T00:00:00Z"
    many = {f"a{n}": {"type": "Property", "value": n, "observedAt": at} for n in range(30)}
    evolutions.create(**many, free=minutes(2, 1))
    answer = evolutions("GET", f"{TEMPORAL}/{ID}")
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"date-time {at}-{at}/*"
    assert [answer.json()[name][0]["value"] for name in many] == list(range(30))
    assert answer.json()["free"] == []
