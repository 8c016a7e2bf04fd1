"""Writes on evolutions go where registrations say (clauses 5.6.11 to 5.6.16, 4.3.6)."""

from __future__ import annotations

from typing import Any

from nodes import REGISTRATIONS, TEMPORAL, Json, Node

EVOLUTIONS = "/ngsi-ld/v1/temporal/entities"
ID = "urn:ngsi-ld:Room:1"
ONE = f"{EVOLUTIONS}/{ID}"
HEAT = {"information": [{"entities": [{"id": ID, "type": "Room"}], "propertyNames": ["heat"]}]}


def at(value: Any, minute: int, **more: Any) -> Json:
    return {"type": "Property", "value": value, "observedAt": f"2026-04-01T00:{minute:02}:00Z", **more}


def evolution(**attributes: list[Json]) -> Json:
    return {"id": ID, "type": "Room", **attributes}


def told(node: Node, **params: str) -> dict[str, list[Any]] | None:
    """Values by attribute of an evolution, in order of time; None if there is none."""
    answer = node.get(ONE, **params)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    found = {}
    for name, instances in answer.json().items():
        if name not in ("id", "type"):
            rows = instances if isinstance(instances, list) else [instances]
            found[name] = [one["value"] for one in sorted(rows, key=lambda one: one["observedAt"])]
    return found


def held(node: Node) -> dict[str, list[Any]] | None:
    return told(node, local="true")


def instance(node: Node, name: str, number: int = 0) -> str:
    """The id of an instance."""
    found: str = node.get(ONE, local="true").json()[name][number]["instanceId"]
    return found


def test_inclusive_has_what_we_have(here: Node, there: Node) -> None:
    here.register(there, operations=TEMPORAL)
    made = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1), at(21, 2)]))
    assert (made.status_code, made.headers["location"]) == (201, ONE)
    assert held(here) == held(there) == {"heat": [20, 21]}
    again = here.send("POST", EVOLUTIONS, evolution(light=[at(5, 1)]))
    assert (again.status_code, again.content) == (204, b"")
    assert here.send("POST", ONE + "/attrs", {"heat": [at(22, 3)]}).status_code == 204
    assert held(here) == held(there) == {"heat": [20, 21, 22], "light": [5]}
    assert here.send("DELETE", ONE + "/attrs/light").status_code == 204
    assert held(here) == held(there) == {"heat": [20, 21, 22]}
    assert here.send("DELETE", ONE).status_code == 204
    assert held(here) is held(there) is None
    assert here.send("DELETE", ONE).status_code == 404
    assert len(here.flows("temporal-upsert")) == 2


def test_an_instance_is_where_it_was_made(here: Node, there: Node) -> None:
    assert there.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1), at(21, 2)])).status_code == 201
    here.register(there, operations=TEMPORAL)
    path = f"{ONE}/attrs/heat/{instance(there, 'heat')}"
    assert here.send("PATCH", path, {"heat": [at(30, 1)]}).status_code == 204
    assert held(there) == {"heat": [30, 21]}
    assert here.send("PATCH", path, at(31, 1)).status_code == 204
    assert here.send("DELETE", path).status_code == 204
    assert held(there) == {"heat": [21]}
    assert here.send("DELETE", path).status_code == 404
    assert here.send("POST", ONE + "/attrs", {"heat": [at(22, 3)]}).status_code == 204
    assert (held(here), held(there)) == (None, {"heat": [21, 22]})


def test_exclusive_takes_its_attributes_away(here: Node, there: Node) -> None:
    here.register(there, "exclusive", operations=TEMPORAL, **HEAT)
    made = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)], light=[at(5, 1)]))
    assert made.status_code == 201, made.text
    assert (held(here), held(there)) == ({"light": [5]}, {"heat": [20]})
    assert told(here) == {"heat": [20], "light": [5]}
    assert here.send("POST", ONE + "/attrs", {"heat": [at(21, 2)], "light": [at(6, 2)]}).status_code == 204
    assert (held(here), held(there)) == ({"light": [5, 6]}, {"heat": [20, 21]})
    assert here.send("DELETE", ONE + "/attrs/heat", deleteAll="true").status_code == 204
    assert held(there) is None or held(there) == {}
    assert here.send("DELETE", ONE).status_code == 204
    assert held(here) is None


def test_redirect_leaves_nothing_here(here: Node, there: Node) -> None:
    here.register(there, "redirect", operations=TEMPORAL)
    made = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)]))
    assert (made.status_code, made.headers["location"]) == (201, ONE)
    assert (held(here), held(there), told(here)) == (None, {"heat": [20]}, {"heat": [20]})
    assert here.send("POST", EVOLUTIONS, evolution(heat=[at(21, 2)])).status_code == 204
    there.send("DELETE", ONE)
    missing = here.send("POST", ONE + "/attrs", {"heat": [at(20, 1)]})
    assert missing.status_code == 404, missing.text


def test_who_alone_holds_it_and_does_not_take_it_is_a_conflict(here: Node, there: Node) -> None:
    registered = here.register(there, "exclusive", operations=["redirectionOps"], **HEAT)
    refused = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)]))
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "Conflict")
    partly = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)], light=[at(5, 1)]))
    assert partly.status_code == 207, partly.text
    assert partly.json()["success"] == [ID]
    assert [one["registrationId"] for one in partly.json()["errors"]] == [registered]
    assert (held(here), held(there)) == ({"light": [5]}, None)


def test_only_who_is_registered_for_it_is_told(here: Node, there: Node) -> None:
    here.register(there)
    here.register(there, operations=TEMPORAL, information=[{"entities": [{"type": "Hall"}]}])
    assert here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)])).status_code == 201
    assert here.send("POST", ONE + "/attrs", {"heat": [at(21, 2)]}).status_code == 204
    here.register(there, operations=TEMPORAL)
    assert here.send("POST", EVOLUTIONS, evolution(heat=[at(22, 3)]), local="true").status_code == 204
    assert (held(here), held(there)) == ({"heat": [20, 21, 22]}, None)


def test_a_source_that_can_not_be_reached_is_told_of(here: Node, there: Node) -> None:
    document = {
        "type": "ContextSourceRegistration",
        "endpoint": "http://127.0.0.1:9",
        "information": [{"entities": [{"type": "Room"}]}],
        "operations": TEMPORAL,
    }
    made = here.client.post(REGISTRATIONS, json=document, headers=here.headers)
    answer = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)]))
    assert answer.status_code == 207, answer.text
    assert (answer.json()["success"], held(here)) == ([ID], {"heat": [20]})
    assert answer.json()["errors"][0]["registrationId"] == made.headers["location"].rpartition("/")[2]
    here.client.delete(made.headers["location"], headers=here.headers)


def test_what_has_been_here_goes_no_further(here: Node, there: Node) -> None:
    here.register(there, operations=TEMPORAL)
    there.register(here, operations=TEMPORAL)
    made = here.send("POST", EVOLUTIONS, evolution(heat=[at(20, 1)], light=[{"type": "Property", "value": 1}]))
    assert made.status_code == 201, made.text
    assert [len(node.get(ONE, local="true").json()["light"]) for node in (here, there)] == [1, 1]
