"""Reads by the mode of registrations (clauses 4.3.6.2, 4.3.6.3), between real gateways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from nodes import REGISTRATIONS, Node, only, room
from sources import Host

from adapters.testing.serving import Reply, Request

ID = room()["id"]
ONE = f"{ENTITIES}/{ID}"
ROOMS = [{"entities": [{"type": "Room"}], "propertyNames": ["heat"]}]


def listed(node: Node, **params: Any) -> list[dict[str, Any]]:
    answer = node.get(ENTITIES, **({"type": "Room"} | params))
    assert answer.status_code == 200, answer.text
    assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
    return [{k: v if k == "id" else v["value"] for k, v in e.items() if k != "type"} for e in answer.json()]


# --- exclusive -------------------------------------------------------------------------------------------------------


def test_only_the_exclusive_source_is_believed(here: Node, there: Node) -> None:
    here.register(there, "exclusive", **only("heat"))
    # stale, and more than it is registered for
    here.create(room(heat=1, light=5), local="true")
    there.create(room(heat=20, light=99))
    assert here.seen(ID) == {"heat": 20, "light": 5}
    assert listed(here) == [{"id": ID, "heat": 20, "light": 5}]
    mapped = here.get(ENTITIES, type="Room", entityMap="true").json()
    assert [one["heat"]["value"] for one in mapped] == [20]
    assert here.held(ID) == {"heat": 1, "light": 5}


def test_filters_see_what_is_believed(here: Node, there: Node) -> None:
    here.register(there, "exclusive", **only("heat"))
    here.create(room(heat=1, light=5), local="true")
    there.create(room(heat=20))
    assert listed(here, q="heat>10") == [{"id": ID, "heat": 20, "light": 5}]
    assert listed(here, q="heat<10") == []
    assert here.get(ENTITIES, type="Room", q="heat<10", count="true").headers["ngsild-results-count"] == "0"


def test_an_attribute_that_its_holder_has_not_is_not_there(here: Node, there: Node) -> None:
    here.register(there, "exclusive", **only("heat"))
    here.create(room(heat=1, light=5), local="true")
    assert here.seen(ID) == {"light": 5}


# --- redirect --------------------------------------------------------------------------------------------------------


def test_redirect_takes_whole_types(here: Node, there: Node) -> None:
    here.register(there, "redirect")
    for n in range(1, 6):
        here.create(room(n, heat=1), local="true")
    there.create(room(3, heat=20))
    there.create(room(9, heat=21))
    assert listed(here) == [{"id": room(3)["id"], "heat": 20}, {"id": room(9)["id"], "heat": 21}]
    assert listed(here, limit="1", offset="1") == [{"id": room(9)["id"], "heat": 21}]
    assert here.seen(room(1)["id"]) is None
    # the store of its own is not even asked
    timing = here.get(ENTITIES, type="Room").headers["server-timing"]
    assert "local" not in timing
    told = [row.get("reason") for row in here.get("/federation/explain", type="Room").json()["sources"]]
    assert set(told) == {None, "another source alone holds what is asked for"}


def test_redirect_of_some_ids(here: Node, there: Node) -> None:
    here.register(there, "redirect", information=[{"entities": [{"type": "Room", "idPattern": "Room:[4-6]$"}]}])
    for n in range(1, 8):
        here.create(room(n, heat=1), local="true")
    there.create(room(5, heat=20))
    expected = [{"id": room(n)["id"], "heat": 20 if n == 5 else 1} for n in (1, 2, 3, 5, 7)]
    assert listed(here) == expected
    assert listed(here, limit="2", offset="2") == expected[2:4]
    assert here.get(ENTITIES, type="Room", count="true", limit="0").headers["ngsild-results-count"] == "5"


def test_redirect_of_an_attribute(here: Node, there: Node) -> None:
    here.register(there, "redirect", information=ROOMS)
    here.create(room(heat=1, light=5), local="true")
    there.create(room(heat=20, light=99))
    assert here.seen(ID) == {"heat": 20, "light": 5}
    assert listed(here, attrs="light") == [{"id": ID, "light": 5}]


def test_what_no_redirect_is_for_is_read_here(here: Node, there: Node) -> None:
    here.register(there, "redirect", information=[{"entities": [{"type": "Hall"}]}])
    here.create(room(heat=1), local="true")
    there.create(room(heat=20))
    assert here.seen(ID) == {"heat": 1}


# --- inclusive and auxiliary -----------------------------------------------------------------------------------------


def test_inclusive_gives_what_it_is_registered_for(here: Node, there: Node) -> None:
    here.register(there, information=ROOMS)
    here.create(room(light=5), local="true")
    there.create(room(heat=20, light=99, noise=1))
    assert here.seen(ID) == {"heat": 20, "light": 5}


def test_auxiliary_only_adds(here: Node, there: Node) -> None:
    here.register(there, "auxiliary")
    here.create(room(heat=1), local="true")
    there.create(room(heat=20, light=7))
    assert here.seen(ID) == {"heat": 1, "light": 7}


def test_sources_are_asked_for_no_more_than_they_are_registered_for(here: Node, there: Node, host: Host) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        body = [room(heat=20, light=99), room(2, heat=21), {"id": "urn:x:1", "type": "Hall"}]
        return Reply(orjson.dumps(body), 200, {"content-type": "application/json"})

    here.register(there, at=host.serve(answer).url, **only("heat"))
    asked.clear()
    # it heeds nothing, and still gives nothing that it is not registered for
    assert listed(here) == [{"id": ID, "heat": 20}]
    assert {"type=Room", f"id={ID}", "attrs=heat"} <= set(asked[-1].target.partition("?")[2].split("&"))


# --- operations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", ["retrieveEntity", "queryEntity", "queryBatch"])
def test_one_entity_by_whichever_operation_is_offered(here: Node, there: Node, offered: str) -> None:
    here.register(there, operations=[offered])
    there.create(room(heat=20))
    assert here.seen(ID) == {"heat": 20}
    assert len(listed(here)) == (0 if offered == "retrieveEntity" else 1)
    answer = here.client.post(
        "/ngsi-ld/v1/entityOperations/query",
        json={"type": "Query", "entities": [{"type": "Room", "id": ID}], "q": "heat>1"},
        headers=here.headers,
    )
    assert len(answer.json()) == (0 if offered == "retrieveEntity" else 1)


def test_who_does_not_offer_to_be_read_is_not_asked(here: Node, there: Node) -> None:
    here.register(there, operations=["updateOps"])
    there.create(room(heat=20))
    assert here.seen(ID) is None
    assert listed(here) == []
    explained = here.get("/federation/explain", type="Room").json()
    assert "its registration does not offer the operation" in [s.get("reason") for s in explained["sources"]]


def test_the_failure_of_the_only_holder_is_a_warning(here: Node, there: Node) -> None:
    here.register(there, "redirect", at="http://127.0.0.1:9")
    here.create(room(heat=1), local="true")
    answer = here.get(ONE)
    assert answer.status_code == 404
    assert answer.headers["ngsild-warning"].startswith("199 ")


def test_an_expired_registration_is_no_more(here: Node, there: Node) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    made = here.register(there, expiresAt=soon.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    there.create(room(heat=20))
    here.wait(lambda: here.seen(ID) is None, 20)
    assert here.get(f"{REGISTRATIONS}/{made}").status_code == 404
    assert here.get(REGISTRATIONS, type="Room").json() == []
    late = here.send("POST", REGISTRATIONS, {"expiresAt": "2026-01-01T00:00:00Z"})
    assert late.status_code == 400


@pytest.mark.parametrize(("asked", "found"), [("urn:ngsi-ld:Dataset:a", 0), ("urn:ngsi-ld:Dataset:b,@none", 1)])
def test_a_source_of_other_datasets_is_not_asked(here: Node, there: Node, asked: str, found: int) -> None:
    here.register(there, datasetId=["urn:ngsi-ld:Dataset:b"])
    value = {"type": "Property", "value": 1, "datasetId": "urn:ngsi-ld:Dataset:b"}
    assert there.create({"id": ID, "type": "Room", "heat": value}).status_code == 201
    answer = here.get(ENTITIES, type="Room", datasetId=asked)
    assert len(answer.json()) == found
    assert len(here.asked_for(answer)) == found
    assert len(here.get(REGISTRATIONS, type="Room", datasetId=asked).json()) == found
    assert len(here.get(ENTITIES, type="Room").json()) == 1


def test_an_error_of_a_source_is_no_silence(here: Node, host: Host) -> None:
    here.register(here, at=host.serve(lambda request: Reply(b"{}", 500)).url, probed=False)
    assert here.get(ENTITIES, type="Room").headers["ngsild-warning"].startswith("299 ")


def test_a_declared_cooldown_is_heeded(here: Node, host: Host) -> None:
    visits = list[str]()

    def failing(request: Request) -> Reply:
        visits.append(request.path)
        return Reply(b"{}", 500)

    here.register(here, at=host.serve(failing).url, probed=False, management={"cooldown": 60_000})
    warned = [here.get(ENTITIES, type="Room").headers["ngsild-warning"][:3] for _ in range(3)]
    assert (warned, visits) == (["299", "199", "199"], [ENTITIES])


def test_an_exclusive_registration_needs_no_type_beside_the_id(here: Node, there: Node) -> None:
    here.register(there, "exclusive", information=[{"entities": [{"id": ID}], "propertyNames": ["heat"]}])
    assert here.create(room(heat=20, light=5)).status_code == 201
    assert (here.held(ID), there.held(ID)) == ({"light": 5}, {"heat": 20})
    assert here.get(REGISTRATIONS, local="true").json()[0]["information"][0]["entities"] == [{"id": ID}]


def test_whether_entities_are_split_may_be_set(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory, there: Node
) -> None:
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(tmp_path_factory.mktemp("split"), url, split_entities=True))
        node = Node(running)
        node.register(there, probed=False)
        node.create(room(heat=20), local="true")
        there.create(room(light=5))
        asked = {"type": "Room", "q": "heat==20;light==5"}
        body = {"type": "Query", "entities": [{"type": "Room"}], "q": asked["q"]}
        assert len(node.get(ENTITIES, **asked).json()) == 1
        assert len(node.send("POST", "/ngsi-ld/v1/entityOperations/query", body).json()) == 1
        assert node.get(ENTITIES, **asked, splitEntities="false").json() == []
        node.close()
        running.close()
