"""Writes go where the registrations say (clauses 4.3.6, 5.6): between real gateways, each with a store of its own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Gateway
from nodes import Json, Node, only, room
from sources import Host

from adapters.testing.serving import Reply, Request

ID = room()["id"]
ONE = f"{ENTITIES}/{ID}"
OPERATIONS = "/ngsi-ld/v1/entityOperations"
CORE_URL = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
NOBODY = "http://127.0.0.1:9"


# --- create ----------------------------------------------------------------------------------------------------------


def test_redirect_takes_all_of_it(here: Node, there: Node) -> None:
    made = here.register(there, "redirect")
    answer = here.create(room(heat=20, light=5))
    assert (answer.status_code, answer.headers["location"]) == (201, ONE)
    assert here.held(ID) is None
    assert there.held(ID) == {"heat": 20, "light": 5}
    (flow,) = here.flows("create")
    assert (flow["provider"]["platform"], flow["outcome"], flow["entities"]) == (made, "ok", 0)
    assert flow["bytes"] > 100


def test_exclusive_takes_its_attributes(here: Node, there: Node) -> None:
    here.register(there, "exclusive", **only("heat"))
    assert here.create(room(heat=20, light=5)).status_code == 201
    assert here.held(ID) == {"light": 5}
    assert there.held(ID) == {"heat": 20}
    # nothing else is left to do here for an entity of that attribute alone
    assert here.send("DELETE", ONE).status_code == 204
    assert (here.held(ID), there.held(ID)) == (None, None)
    assert here.create(room(heat=21)).status_code == 201
    assert (here.held(ID), there.held(ID)) == (None, {"heat": 21})


def test_inclusive_gets_what_it_is_registered_for_as_well(here: Node, there: Node) -> None:
    here.register(there, information=[{"entities": [{"type": "Room"}], "propertyNames": ["heat"]}])
    assert here.create(room(heat=20, light=5)).status_code == 201
    assert here.held(ID) == {"heat": 20, "light": 5}
    assert there.held(ID) == {"heat": 20}


def test_auxiliary_gets_nothing(here: Node, there: Node) -> None:
    here.register(there, "auxiliary")
    assert here.create(room(heat=20)).status_code == 201
    assert there.held(ID) is None


def test_local_is_local(here: Node, there: Node) -> None:
    here.register(there, "redirect")
    assert here.create(room(heat=20), local="true").status_code == 201
    assert (here.held(ID), there.held(ID)) == ({"heat": 20}, None)


def test_other_types_and_ids_stay_here(here: Node, there: Node) -> None:
    here.register(there, "redirect", information=[{"entities": [{"type": "Room", "idPattern": "Room:[5-9]$"}]}])
    assert here.create(room(1, heat=20)).status_code == 201
    assert here.create(room(7, heat=20)).status_code == 201
    assert (here.held(ID), there.held(ID)) == ({"heat": 20}, None)
    assert there.held(room(7)["id"]) == {"heat": 20}


def test_several_redirects_all_get_it(here: Node, there: Node, gateway: Gateway) -> None:
    third = Node(gateway)
    here.register(there, "redirect")
    here.register(third, "redirect", information=[{"entities": [{"type": "Room"}], "propertyNames": ["heat"]}])
    assert here.create(room(heat=20, light=5)).status_code == 201
    assert (there.held(ID), third.held(ID)) == ({"heat": 20, "light": 5}, {"heat": 20})
    third.close()


# --- the other operations --------------------------------------------------------------------------------------------

HEAT: Json = {"heat": {"type": "Property", "value": 30}}
BOTH: Json = HEAT | {"light": {"type": "Property", "value": 9}}
CASES: list[tuple[str, str, str, Any, Json | None, Json | None]] = [
    ("append", "POST", ONE + "/attrs", BOTH, {"light": 9}, {"heat": 30}),
    ("update", "PATCH", ONE + "/attrs", BOTH, {"light": 9}, {"heat": 30}),
    ("merge", "PATCH", ONE, BOTH, {"light": 9}, {"heat": 30}),
    ("replace", "PUT", ONE, {"type": "Room", **BOTH}, {"light": 9}, {"heat": 30}),
    ("update-attribute", "PATCH", ONE + "/attrs/heat", {"value": 30}, {"light": 5}, {"heat": 30}),
    ("replace-attribute", "PUT", ONE + "/attrs/heat", HEAT["heat"], {"light": 5}, {"heat": 30}),
    ("delete-attribute", "DELETE", ONE + "/attrs/heat", None, {"light": 5}, {}),
    ("delete", "DELETE", ONE, None, None, None),
    ("batch-upsert", "POST", OPERATIONS + "/upsert", [room(heat=30, light=9)], {"light": 9}, {"heat": 30}),
    ("batch-update", "POST", OPERATIONS + "/update", [room(heat=30, light=9)], {"light": 9}, {"heat": 30}),
    ("batch-merge", "POST", OPERATIONS + "/merge", [room(heat=30, light=9)], {"light": 9}, {"heat": 30}),
    ("batch-delete", "POST", OPERATIONS + "/delete", [ID], None, None),
]


@pytest.mark.parametrize(("operation", "method", "path", "body", "left", "sent"), CASES, ids=[c[0] for c in CASES])
def test_each_operation_is_split(
    here: Node, there: Node, operation: str, method: str, path: str, body: Any, left: Json | None, sent: Json | None
) -> None:
    here.register(there, "exclusive", **only("heat"))
    assert here.create(room(heat=20, light=5)).status_code == 201
    answer = here.send(method, path, body)
    assert answer.status_code == 204, answer.text
    assert here.held(ID) == left
    assert there.held(ID) == sent
    assert [flow["outcome"] for flow in here.flows(operation)] == ["ok"]


def test_a_batch_one_by_one_where_the_source_takes_no_batches(here: Node, there: Node) -> None:
    here.register(there, "redirect", operations=["redirectionOps", "retrieveOps"])
    there.create(room(2, heat=1))
    answer = here.send("POST", OPERATIONS + "/upsert", [room(1, heat=20), room(2, heat=21)])
    assert answer.status_code in (201, 204), answer.text
    assert there.held(ID) == {"heat": 20}
    assert there.held(room(2)["id"]) == {"heat": 21}
    deleted = here.send("POST", OPERATIONS + "/delete", [ID, room(9)["id"]])
    assert deleted.status_code == 207
    assert deleted.json()["success"] == [ID]
    assert all(error["entityId"] == room(9)["id"] for error in deleted.json()["errors"])


def test_a_purge_goes_no_further_than_the_registration(here: Node, there: Node) -> None:
    here.register(
        there, "redirect", information=[{"entities": [{"type": "Room", "id": ID}], "propertyNames": ["heat"]}]
    )
    for n in (1, 2):
        there.create(room(n, heat=20, light=5))
    assert here.create(room(2, light=7)).status_code == 201
    assert here.send("DELETE", ENTITIES, type="Room").status_code == 204
    assert here.held(room(2)["id"]) is None
    assert there.held(ID) == {"light": 5}
    assert there.held(room(2)["id"]) == {"heat": 20, "light": 5}


def test_the_type_that_an_entity_has_here_decides(here: Node, there: Node) -> None:
    here.register(there, "redirect")
    hall = {**room(heat=20), "type": "Hall"}
    assert here.create(hall).status_code == 201
    # neither says of which type it is
    assert here.send("PATCH", f"{ONE}/attrs", HEAT).status_code == 204
    light = {"id": ID, "light": {"type": "Property", "value": 9}}
    assert here.send("POST", OPERATIONS + "/merge", [light]).status_code == 204
    assert (here.held(ID), there.held(ID)) == ({"heat": 30, "light": 9}, None)
    assert here.flows("update") == []


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_who_alone_holds_it_must_offer_the_operation(here: Node, there: Node) -> None:
    here.register(there, "redirect", operations=["retrieveOps"])
    answer = here.create(room(heat=20))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/Conflict")
    assert (here.held(ID), there.held(ID), here.flows("create")) == (None, None, [])


def test_an_inclusive_one_that_does_not_is_left_out(here: Node, there: Node) -> None:
    here.register(there, operations=["retrieveOps"])
    assert here.create(room(heat=20)).status_code == 201
    assert there.held(ID) is None


def test_what_one_part_refuses_is_told_with_its_registration(here: Node, there: Node) -> None:
    made = here.register(there)
    there.create(room(heat=1))
    answer = here.create(room(heat=20))
    assert answer.status_code == 207
    told = answer.json()
    assert told["success"] == [ID]
    (error,) = told["errors"]
    assert (error["entityId"], error["registrationId"], error["error"]["status"]) == (ID, made, 409)
    assert answer.headers["location"] == ONE
    assert here.held(ID) == {"heat": 20}


def test_attributes_that_were_left_are_told(here: Node, there: Node) -> None:
    made = here.register(there, "exclusive", **only("heat"))
    here.create(room(heat=20, light=5))
    answer = here.send("POST", ONE + "/attrs", BOTH, options="noOverwrite")
    assert answer.status_code == 207
    names = {one["attributeName"].rpartition("/")[2]: one.get("registrationId") for one in answer.json()["notUpdated"]}
    assert names == {"heat": made, "light": None}


@pytest.mark.parametrize(("status", "expected"), [(404, 404), (400, 502), (403, 502), (500, 502), (508, 508)])
def test_the_failure_of_the_only_holder(here: Node, there: Node, host: Host, status: int, expected: int) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        body = b'{"type":"about:blank","title":"No","status":%d}' % status
        return Reply(body, status, {"content-type": "application/problem+json"})

    server = host.serve(answer)
    here.register(there, "redirect", at=server.url)
    told = here.send("PATCH", ONE + "/attrs", HEAT)
    assert told.status_code == expected, told.text
    assert told.headers["content-type"] == NGSI_LD_PROBLEM
    assert asked[-1].headers["via"].startswith("1.1 ")


def test_nobody_answers(here: Node, there: Node) -> None:
    here.register(there, "redirect", at=NOBODY)
    assert here.create(room(heat=20)).status_code in (502, 504)
    assert here.held(ID) is None


def test_a_write_that_has_been_here_goes_no_further(here: Node) -> None:
    alias = here.get("/ngsi-ld/v1/info/sourceIdentity").json()["contextSourceAlias"]
    answer = here.client.post(ENTITIES, json=room(heat=1), headers=here.headers | {"via": f"1.1 other, 1.1 {alias}"})
    assert answer.status_code == 508
    assert here.held(ID) is None


# --- how it is sent --------------------------------------------------------------------------------------------------


def test_what_goes_along(here: Node, there: Node, host: Host) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(b"", 201 if request.method == "POST" else 404, {})

    pairs = [("Authorization", "Bearer theirs"), ("X-Room", "7"), ("X-User", "urn:ngsi-ld:request")]
    here.register(
        there,
        "redirect",
        at=host.serve(answer).url,
        contextSourceInfo=[{"key": k, "value": v} for k, v in pairs],
        management={"localOnly": True},
    )
    sent = here.client.post(
        ENTITIES,
        json=room(heat=20),
        headers=here.headers | {"authorization": "Bearer ours", "x-user": "abcd", "x-other": "not this"},
    )
    assert sent.status_code == 201
    (got,) = [request for request in asked if request.method == "POST"]
    assert got.target == ENTITIES + "?local=true"
    assert got.headers["authorization"] == "Bearer theirs"
    assert (got.headers["x-room"], got.headers["x-user"]) == ("7", "abcd")
    assert "x-other" not in got.headers
    assert got.headers["ngsild-tenant"] == there.tenant
    assert got.headers["content-type"] == "application/json"


def test_names_travel_in_a_context_of_the_clients_own(here: Node, there: Node) -> None:
    here.register(there, "redirect", information=[{"entities": [{"type": "https://example.jp/Room"}]}])
    context = {"Room": "https://example.jp/Room", "温度": "https://example.jp/heat"}
    entity = {"id": ID, "type": "Room", "温度": {"type": "Property", "value": 20}, "@context": context}
    answer = here.client.post(ENTITIES, json=entity, headers=here.headers | {"content-type": "application/ld+json"})
    assert answer.status_code == 201, answer.text
    assert there.held(ID) == {"https://example.jp/heat": 20}


def test_a_source_of_an_earlier_version(here: Node, there: Node, host: Host) -> None:
    bodies: list[Any] = []

    def answer(request: Request) -> Reply:
        if request.method == "POST":
            bodies.append(orjson.loads(request.body))
        return Reply(b"", 201 if request.method == "POST" else 404, {})

    pairs = [{"key": "ngsildConformance", "value": "1.3"}, {"key": "jsonldContext", "value": CORE_URL}]
    here.register(there, "redirect", at=host.serve(answer).url, contextSourceInfo=pairs)
    name = {"type": "LanguageProperty", "languageMap": {"ja": "室"}}
    assert here.create({**room(heat=20), "name": name, "scope": "/a"}).status_code == 201
    assert bodies == [{**room(heat=20), "name": {"type": "Property", "value": {"ja": "室"}}}]
