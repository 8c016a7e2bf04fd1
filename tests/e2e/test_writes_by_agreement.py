"""Writes by agreement: what its terms cover is written, here or at the provider's platform; nothing else is, and the
answer names it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from agreements import AGREEMENTS, WEST, City, city, entity, register
from gateway import ENTITIES, Gateway, fetch, run
from nodes import EVERYTHING, TEMPORAL, Node, values
from sources import Host

from adapters.testing.serving import Reply
from broker.gateway.permits import MOST_SENT
from broker.store.services import Service
from schemas.roles import Role

OPERATIONS = "/ngsi-ld/v1/entityOperations"
EVOLUTIONS = "/ngsi-ld/v1/temporal/entities"
STORE = {"ngsild-tenant": "nishi"}
INSIDE, OUTSIDE = 139.70, 139.79
OPERATOR = Service("desk", organisation="Nishi Council", area="nishi-shinjuku", roles=frozenset({Role.OPERATOR}))
NEIGHBOUR = Service("next", organisation="Toyosu Council", area="toyosu", roles=frozenset({Role.OPERATOR}))


class Writing(City):
    """Beside what a city has `broker` (takeshiba), which takes writes; tenant nishi of the local store is an area's."""

    remote: Node

    def put(self, where: str, one: dict[str, Any]) -> None:
        """By the administration."""
        if where == "broker":
            assert self.remote.create(one).status_code == 201
        else:
            assert self.ask("POST", ENTITIES, "admin", json=one, headers=STORE).status_code == 201

    def held(self, where: str, name: str) -> dict[str, Any] | None:
        if where == "broker":
            return self.remote.held(name)
        return values(self.ask("GET", f"{ENTITIES}/{name}", "admin", headers=STORE, params={"local": "true"}))

    def write(self, where: str, method: str, path: str, body: Any = None, who: str = "app", **params: str) -> Any:
        headers = STORE if where == "store" else {}
        return self.ask(method, path, who, json=body, headers=headers, params=params)

    def flows(self, answer: Any) -> list[Any]:
        url = self.gateway.settings.database_url
        return list(run(fetch(url, "SELECT * FROM flows WHERE request = $1", answer.headers["x-request-id"])))


@pytest.fixture(scope="module")
def town(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host, gateway: Gateway
) -> Iterator[Writing]:
    # what is held up is ended by a revocation, and not by time that has run out
    patient = {"area": "otemachi", "request_timeout_ms": 120_000}
    with city(postgres_url, tmp_path_factory.mktemp("writes"), host, **patient) as opened:
        url = opened.gateway.settings.database_url
        keys = opened.keys | run(register(url, (OPERATOR, NEIGHBOUR)))
        made = Writing(opened.gateway, keys, opened.source, host)
        made.remote = Node(gateway)
        broker = {
            "id": "broker",
            "area": "takeshiba",
            "organisation": "Takeshiba Council",
            "adapter": "ngsi_ld",
            "endpoint": gateway.url,
            "tenant": made.remote.tenant,
            "operations": [*EVERYTHING, *TEMPORAL],
        }
        store = {
            "id": "store",
            "area": "nishi-shinjuku",
            "organisation": "Nishi Council",
            "adapter": "local",
            "endpoint": "local:",
            "registry_tenant": "nishi",
            "tenant": "nishi",
        }
        for document in (broker, store):
            answer = made.ask("POST", "/platforms", "admin", json=document, params={"force": "true"})
            assert answer.status_code == 201, answer.text
        first = entity("0", "Bench", INSIDE)
        made.wait(lambda: made.ask("GET", f"{ENTITIES}?type=Bench", "admin", headers=STORE).status_code == 200)
        assert made.ask("POST", ENTITIES, "admin", json=first, headers=STORE).status_code == 201
        made.wait(lambda: made.ask("GET", "/platforms", "desk").status_code == 200)
        yield made
        made.remote.close()


@pytest.fixture(params=["broker", "store"])
def where(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


AREAS = {"broker": "takeshiba", "store": "nishi-shinjuku"}
COUNT = iter(range(10_000))


def fresh(kind: str = "Room", lon: float = INSIDE, **attributes: Any) -> dict[str, Any]:
    return entity(f"w{next(COUNT)}", kind, lon, **attributes)


def writing(where: str, **terms: Any) -> dict[str, Any]:
    given = {"provider_area": AREAS[where], "operations": ["write"]} | terms
    return given | ({"platforms": ["broker"]} if where == "broker" else {})


def ways(one: dict[str, Any], heat: Any) -> list[tuple[str, str, str, Any, dict[str, str]]]:
    """Every way to write `heat` (and to delete it, and the entity) once the entity is there."""
    path, name = f"{ENTITIES}/{one['id']}", one["id"]
    return [
        ("append", "POST", path + "/attrs", {"heat": heat}, {}),
        ("update", "PATCH", path + "/attrs", {"heat": heat}, {}),
        ("update-attribute", "PATCH", path + "/attrs/heat", {"value": heat["value"]}, {}),
        ("replace-attribute", "PUT", path + "/attrs/heat", heat, {}),
        ("merge", "PATCH", path, {"heat": heat}, {}),
        ("replace", "PUT", path, {k: v for k, v in one.items() if k != "id"} | {"heat": heat}, {}),
        ("batch-upsert", "POST", OPERATIONS + "/upsert", [one | {"heat": heat}], {}),
        ("batch-upsert", "POST", OPERATIONS + "/upsert", [one | {"heat": heat}], {"options": "update"}),
        ("batch-update", "POST", OPERATIONS + "/update", [{"id": name, "heat": heat}], {}),
        ("batch-merge", "POST", OPERATIONS + "/merge", [{"id": name, "heat": heat}], {}),
        ("delete-attribute", "DELETE", path + "/attrs/heat", None, {}),
        ("batch-delete", "POST", OPERATIONS + "/delete", [name], {}),
        ("batch-create", "POST", OPERATIONS + "/create", [one | {"heat": heat}], {}),
        ("delete", "DELETE", path, None, {}),
        ("create", "POST", ENTITIES, one | {"heat": heat}, {}),
    ]


HEAT = {"type": "Property", "value": 30}


def test_what_is_covered_is_written_and_metered(town: Writing, where: str) -> None:
    one = fresh(heat=20)
    with town.agreed(**writing(where, types=["Room"], geometry=WEST)) as agreement:
        made = town.write(where, "POST", ENTITIES, one)
        assert made.status_code == 201, made.text
        for operation, method, path, body, params in ways(one, HEAT):
            answer = town.write(where, method, path, body, **params)
            assert answer.status_code in (201, 204), (operation, answer.text)
            (row,) = [flow for flow in town.flows(answer) if flow["operation"] == operation]
            assert (row["service"], row["platform"], row["agreement"], row["agreement_version"]) == (
                "app",
                where,
                agreement,
                1,
            ), operation
            assert (row["entities"], row["outcome"], row["provider_area"]) == (0, "ok", AREAS[where])
            assert set(answer.headers["kakehashi-flow"].split(", ")) == {str(flow["id"]) for flow in town.flows(answer)}
        assert (town.held(where, one["id"]) or {})["heat"] == 30


def test_without_an_agreement_to_write_nothing_is(town: Writing, where: str) -> None:
    one = fresh(heat=20)
    town.put(where, one)
    with town.agreed(**writing(where, operations=["read", "subscribe", "download"])):
        for who in ("app", "own", "stranger", "next"):
            for operation, method, path, body, params in ways(one, HEAT):
                answer = town.write(where, method, path, body, who, **params)
                assert answer.status_code == 403, (who, operation, answer.text)
                assert "operations include write" in answer.json()["detail"]
    assert (town.held(where, one["id"]) or {})["heat"] == 20


def refused(town: Writing, where: str, one: dict[str, Any], name: str, left: Any, **terms: Any) -> None:
    """Whatever is tried on the entity that is there is refused, and names what is not covered."""
    town.put(where, one)
    with town.agreed(**writing(where, **terms)):
        for operation, method, path, body, params in ways(one, HEAT):
            if "create" in operation:
                continue
            answer = town.write(where, method, path, body, **params)
            if operation.startswith("batch"):
                assert answer.status_code == 207, (operation, answer.text)
                told = answer.json()
                assert told["success"] == []
                problem = told["errors"][0]["error"]
            else:
                problem = answer.json()
            assert problem["status"] == 403, (operation, answer.text)
            assert name in problem["field"], (operation, problem)
            assert all(flow["operation"] == "check" or flow["outcome"] == "refused" for flow in town.flows(answer))
    assert town.held(where, one["id"]) == left


def test_another_type(town: Writing, where: str) -> None:
    one = fresh("Camera", heat=20)
    refused(town, where, one, "type", {"heat": 20, "location": one["location"]["value"]}, types=["Room"])


def test_another_place(town: Writing, where: str) -> None:
    one = fresh(lon=OUTSIDE, heat=20)
    refused(town, where, one, "location", {"heat": 20, "location": one["location"]["value"]}, geometry=WEST)


def test_another_attribute(town: Writing, where: str) -> None:
    one = fresh(heat=20)
    refused(town, where, one, "heat", {"heat": 20, "location": one["location"]["value"]}, attributes=["light"])


def test_what_an_entity_becomes_has_to_be_covered_too(town: Writing, where: str) -> None:
    one, camera, far = fresh(heat=20), fresh("Camera"), fresh(lon=OUTSIDE)
    town.put(where, one)
    path = f"{ENTITIES}/{one['id']}"
    with town.agreed(**writing(where, types=["Room"], geometry=WEST)):
        moved = {"location": far["location"]}
        tries: list[tuple[str, str, Any, str]] = [
            ("POST", ENTITIES, camera, "type"),
            ("POST", ENTITIES, far, "location"),
            ("POST", ENTITIES, {k: v for k, v in fresh().items() if k != "location"}, "location"),
            ("POST", ENTITIES, fresh() | {"type": ["Room", "Camera"]}, "type"),
            ("PATCH", path + "/attrs", moved, "location"),
            ("POST", path + "/attrs", moved, "location"),
            ("PATCH", path, moved, "location"),
            ("PATCH", path + "/attrs/location", {"value": far["location"]["value"]}, "location"),
            ("PUT", path + "/attrs/location", far["location"], "location"),
            ("DELETE", path + "/attrs/location", None, "location"),
            ("PATCH", path, {"type": ["Room", "Camera"]}, "type"),
            ("POST", path + "/attrs", {"type": "Camera", "heat": HEAT}, "type"),
            ("PUT", path, {k: v for k, v in far.items() if k != "id"}, "location"),
            ("PUT", path, {k: v for k, v in camera.items() if k != "id"}, "type"),
        ]
        for method, target, body, name in tries:
            answer = town.write(where, method, target, body)
            assert answer.status_code == 403, (method, target, body, answer.text)
            assert answer.json()["field"] == name
        batch = town.write(where, "POST", OPERATIONS + "/upsert", [camera, far, fresh(heat=1)])
        told = batch.json()
        assert [error["entityId"] for error in told["errors"]] == [camera["id"], far["id"]]
        assert len(told["success"]) == 1
    assert town.held(where, one["id"]) == {"heat": 20, "location": one["location"]["value"]}
    assert all(town.held(where, name["id"]) is None for name in (camera, far))


def test_only_the_attributes_that_are_covered(town: Writing, where: str) -> None:
    one = fresh(heat=20, light=5)
    town.put(where, one)
    path = f"{ENTITIES}/{one['id']}"
    with town.agreed(**writing(where, attributes=["heat"])):
        assert town.write(where, "PATCH", path, {"heat": HEAT}).status_code == 204
        mixed = town.write(where, "PATCH", path, {"heat": {"type": "Property", "value": 1}, "light": HEAT, "x": HEAT})
        assert (mixed.status_code, mixed.json()["field"]) == (403, "light, x")
        # what would take others with it, or the entity itself
        for method, target, body in (
            ("DELETE", path, None),
            ("PUT", path, {"type": "Room", "heat": HEAT}),
            ("PATCH", path, {"scope": "/a"}),
            ("PATCH", path, {"expiresAt": "2026-01-01T00:00:00Z"}),
            ("DELETE", path + "/attrs/light", None),
            ("DELETE", path + "/attrs/scope", None),
            ("DELETE", path + "/attrs/nothing", None),
        ):
            assert town.write(where, method, target, body).status_code == 403, (method, target, body)
    held = town.held(where, one["id"]) or {}
    assert (held["heat"], held["light"]) == (30, 5)


def test_evolutions(town: Writing, where: str) -> None:
    one, camera = fresh(), fresh("Camera")
    heat = [{"type": "Property", "value": n, "observedAt": f"2026-01-0{n}T00:00:00Z"} for n in (1, 2)]
    town.put(where, one)
    town.put(where, camera)
    path = f"{EVOLUTIONS}/{one['id']}"
    with town.agreed(**writing(where, types=["Room"], attributes=["heat"])) as agreement:
        assert town.write(where, "POST", EVOLUTIONS, {"id": one["id"], "type": "Room", "heat": heat}).status_code in (
            201,
            204,
        )
        answer = town.write(where, "POST", path + "/attrs", {"heat": heat})
        assert answer.status_code == 204, answer.text
        (row,) = [flow for flow in town.flows(answer) if flow["operation"] == "temporal-append"]
        assert (row["agreement"], row["outcome"]) == (agreement, "ok")
        for method, target, body in (
            ("POST", EVOLUTIONS, {"id": camera["id"], "type": "Camera", "heat": heat}),
            ("POST", EVOLUTIONS, {"id": one["id"], "type": "Room", "light": heat}),
            ("POST", f"{EVOLUTIONS}/{camera['id']}/attrs", {"heat": heat}),
            ("POST", path + "/attrs", {"heat": heat, "light": heat}),
            ("DELETE", path + "/attrs/light", None),
            ("DELETE", path, None),
            ("DELETE", f"{EVOLUTIONS}/{camera['id']}", None),
            ("DELETE", f"{EVOLUTIONS}/{camera['id']}/attrs/heat", None),
        ):
            answer = town.write(where, method, target, body)
            assert answer.status_code == 403, (method, target, answer.text)
        assert town.write(where, "DELETE", path + "/attrs/heat").status_code == 204


def test_what_a_platform_does_not_show_does_not_go(town: Writing) -> None:
    """It is registered for one attribute of its entities; another would go with a deletion."""
    one = fresh("Ledge", heat=20, light=5)
    town.put("broker", one)
    document = {
        "id": "part",
        "area": "chuo",
        "organisation": "Chuo Council",
        "adapter": "ngsi_ld",
        "endpoint": town.remote.gateway.url,
        "tenant": town.remote.tenant,
        "operations": EVERYTHING,
        "coverage": {"types": ["Ledge"], "attributes": ["heat"]},
    }
    assert town.ask("POST", "/platforms", "admin", json=document, params={"force": "true"}).status_code == 201
    town.wait(lambda: "breaker" in town.ask("GET", "/platforms/part/health", "admin").json())
    path = f"{ENTITIES}/{one['id']}"
    with town.agreed(provider_area="chuo", operations=["write"], attributes=["heat"]):
        assert town.write("broker", "PATCH", path + "/attrs", {"type": "Ledge", "heat": HEAT}).status_code == 204
        refused = town.write("broker", "DELETE", path)
        assert (refused.status_code, refused.json()["field"]) == (403, "attributes")
    assert (town.held("broker", one["id"]) or {})["light"] == 5
    assert town.ask("DELETE", "/platforms/part", "admin").status_code == 204


def test_an_evolution_whose_entity_is_gone_does_not_go_with_one_attribute(town: Writing) -> None:
    one = fresh(heat=20, light=5)
    town.put("store", one)
    assert town.write("store", "DELETE", f"{ENTITIES}/{one['id']}", None, "admin").status_code == 204
    path = f"{EVOLUTIONS}/{one['id']}"
    with town.agreed(**writing("store", attributes=["heat"])):
        refused = town.write("store", "DELETE", path)
        assert (refused.status_code, refused.json()["field"]) == (403, "attributes")
    assert town.write("store", "DELETE", path, None, "admin").status_code == 204


def test_what_is_not_the_callers_is_left_alone(town: Writing) -> None:
    """The local store of the default tenant is another area's: what goes to the platform does not go there."""
    one = fresh(heat=20)
    with town.agreed(**writing("broker")):
        assert town.write("broker", "POST", ENTITIES, one).status_code == 201
    assert town.held("broker", one["id"]) is not None
    here = town.ask("GET", f"{ENTITIES}/{one['id']}", "admin", params={"local": "true"})
    assert here.status_code == 404
    with town.agreed(**writing("broker")):
        assert town.write("broker", "POST", ENTITIES, fresh(), local="true").status_code == 403
        assert town.write("store", "POST", ENTITIES, fresh()).status_code == 403
    # nor is a tenant made, but by who registers a platform for it
    with town.agreed(provider_area="otemachi", operations=["write"]):
        for name, expected in (("new", 404), ("", 201)):
            headers = {"ngsild-tenant": name} if name else {}
            assert town.ask("POST", ENTITIES, "app", json=fresh(), headers=headers).status_code == expected
    document = {"id": "made", "area": "otemachi", "adapter": "local", "tenant": "made", "registry_tenant": "made"}
    assert town.ask("POST", "/platforms", "admin", json=document).status_code == 201
    town.wait(lambda: "id" in town.ask("GET", "/platforms/made", "admin").json())
    with town.agreed(provider_area="otemachi", operations=["write"]):
        answer = town.ask("POST", ENTITIES, "app", json=fresh(), headers={"ngsild-tenant": "made"})
        assert answer.status_code == 201, answer.text


def test_an_operator_writes_to_its_own_area(town: Writing) -> None:
    one = fresh(heat=20)
    made = town.write("store", "POST", ENTITIES, one, "desk")
    assert made.status_code == 201, made.text
    (row,) = town.flows(made)
    assert (row["service"], row["platform"], row["agreement"]) == ("desk", "store", None)
    assert town.write("store", "DELETE", f"{ENTITIES}/{one['id']}", None, "desk").status_code == 204
    assert town.write("broker", "POST", ENTITIES, one, "desk").status_code == 403
    assert town.write("store", "POST", ENTITIES, one, "next").status_code == 403
    # what a query finds is purged by the administration alone
    assert town.ask("DELETE", ENTITIES, "desk", params={"type": "Room"}, headers=STORE).status_code == 403


def test_a_quota_ends_it(town: Writing, where: str) -> None:
    with town.agreed(**writing(where, quota={"requests_per_day": 3})):
        statuses = [town.write(where, "POST", ENTITIES, fresh()).status_code for _ in range(3)]
        statuses.append(town.write(where, "POST", OPERATIONS + "/create", [fresh(), fresh()]).status_code)
        assert statuses == [201, 201, 201, 429]
        last = fresh()
        answer = town.write(where, "POST", ENTITIES, last)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert town.held(where, last["id"]) is None


def test_a_batch_is_one_request(town: Writing, where: str) -> None:
    with town.agreed(**writing(where, quota={"requests_per_day": 2})):
        for _ in range(2):
            batch = [fresh(heat=n) for n in range(5)]
            assert town.write(where, "POST", OPERATIONS + "/create", batch).status_code == 201
        assert town.write(where, "POST", OPERATIONS + "/create", [fresh()]).status_code == 429


def test_a_batch_that_is_sent_on_has_bounds(town: Writing) -> None:
    """One request must not become any number of questions to a platform."""
    many = [{"id": f"urn:ngsi-ld:Room:many{n}", "heat": HEAT} for n in range(MOST_SENT + 1)]
    with town.agreed(**writing("broker", types=["Room"])):
        answer = town.write("broker", "POST", OPERATIONS + "/update", many)
        assert (answer.status_code, str(MOST_SENT) in answer.json()["detail"]) == (400, True)
        assert town.flows(answer) == []


def test_it_ends_with_the_agreement(town: Writing, where: str) -> None:
    agreement = town.agree(**writing(where))
    assert town.write(where, "POST", ENTITIES, fresh()).status_code == 201
    for step, expected in (("suspend", 403), ("resume", 201), ("revoke", 403)):
        assert town.ask("POST", f"{AGREEMENTS}/{agreement}/{step}", "admin").status_code == 200
        assert town.write(where, "POST", ENTITIES, fresh()).status_code == expected, step


class Held:
    """A platform that alone holds entities of type Vault, and answers when it is let; it can't show what it has."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[Any] = []

    def __call__(self, request: Any) -> Reply:
        if request.method == "GET":
            return Reply(b"[]" if "?" in request.target else b"{}", 200 if "?" in request.target else 500)
        self.asked.append(request)
        self.release.wait(60)
        return Reply(b"", 201)


@pytest.fixture(scope="module")
def vault(town: Writing, host: Host) -> Iterator[Held]:
    held = Held()
    document = {
        "id": "vault",
        "area": "minato",
        "organisation": "Minato Council",
        "adapter": "ngsi_ld",
        "endpoint": host.serve(held).url,
        "mode": "redirect",
        "timeout_ms": 60_000,
        "operations": EVERYTHING,
        "coverage": {"types": ["Vault"]},
    }
    answer = town.ask("POST", "/platforms", "admin", json=document, params={"force": "true"})
    assert answer.status_code == 201, answer.text
    town.wait(lambda: "breaker" in town.ask("GET", "/platforms/vault/health", "admin").json())
    yield held
    held.release.set()
    town.ask("DELETE", "/platforms/vault", "admin")


def test_who_alone_holds_it_has_to_be_covered(town: Writing, vault: Held) -> None:
    one = fresh("Vault", heat=1)
    with town.agreed(**writing("broker")):
        answer = town.write("broker", "POST", ENTITIES, one)
        assert answer.status_code == 403, answer.text
    assert vault.asked == []
    assert town.held("broker", one["id"]) is None


def test_what_is_not_shown_is_not_written_to(town: Writing, vault: Held) -> None:
    with town.agreed(provider_area="minato", operations=["write"], types=["Vault"]):
        answer = town.write("broker", "PATCH", f"{ENTITIES}/urn:ngsi-ld:Vault:1", {"type": "Vault", "heat": HEAT})
        assert (answer.status_code, "does not show" in answer.text) == (502, True), answer.text
        (row,) = town.flows(answer)
        assert row["operation"] == "check"
    assert vault.asked == []


def test_a_revocation_ends_what_is_being_sent(town: Writing, vault: Held) -> None:
    agreement = town.agree(provider_area="minato", operations=["write"])
    with ThreadPoolExecutor(1) as executor:
        asking = executor.submit(town.write, "broker", "POST", ENTITIES, fresh("Vault"))
        town.wait(lambda: len(vault.asked) == 1)
        town.end(agreement)
        answer = asking.result(60)
    # the platform has not answered yet
    assert not vault.release.is_set()
    assert (answer.status_code, "ended" in answer.json()["detail"]) == (403, True)
    # what it did of it nobody knows; that it was asked is recorded
    (row,) = town.flows(answer)
    assert (row["operation"], row["outcome"], row["agreement"]) == ("create", "timeout", agreement)
