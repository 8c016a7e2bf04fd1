"""Every role × every state of an agreement × every tenant × every way to read: who sees another area's data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agreements import AGREEMENTS, City, city, register, terms_of
from gateway import ENTITIES, create_tenant, run
from sources import Host

from broker.store.services import Service
from schemas.roles import Role

SHELTER = "urn:ngsi-ld:Shelter:1"
PAST = {"valid_from": "2020-01-01T00:00:00Z", "valid_to": "2021-01-01T00:00:00Z"}
FUTURE = {"valid_from": "2120-01-01T00:00:00Z", "valid_to": "2121-01-01T00:00:00Z"}
STATES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "none": ({"consumer_organisation": "Nobody KK"}, (), "proposed"),
    "proposed": ({}, (), "proposed"),
    "rejected": ({}, ("reject",), "rejected"),
    "not begun": (FUTURE, ("approve",), "approved"),
    "active": ({}, ("approve",), "active"),
    "suspended": ({}, ("approve", "suspend"), "suspended"),
    "resumed": ({}, ("approve", "suspend", "resume"), "active"),
    "expired": (PAST, ("approve",), "expired"),
    "revoked": ({}, ("approve", "revoke"), "revoked"),
    "active for other operations": ({"operations": ["subscribe", "download"]}, ("approve",), "active"),
    "active for another project": ({"consumer_project": "p9"}, ("approve",), "active"),
    "active for another service": ({"services": ["someone"]}, ("approve",), "active"),
}
OPENING = frozenset({"active", "resumed"})
ROLES = {
    "an operator of the area": Service("op", organisation="Op KK", area="takeshiba", roles=frozenset({Role.OPERATOR})),
    "secretariat": Service("sec", organisation="事務局", roles=frozenset({Role.SECRETARIAT})),
    "auditor": Service("aud", organisation="Audit KK", roles=frozenset({Role.AUDITOR})),
    "administrator": Service("root", organisation="Root KK", roles=frozenset({Role.ADMINISTRATOR})),
}
EVERYONE = ("app", "stranger", "own", "admin", *ROLES)
ALWAYS = frozenset({"own", "admin", "administrator"})
"""Whose own it is, and who may read the database anyway."""

Look = Callable[[City, str, dict[str, str]], bool]


def queried(town: City, who: str, tenant: dict[str, str]) -> bool:
    return SHELTER in town.get(who, ENTITIES, tenant, type="Shelter").text


def retrieved(town: City, who: str, tenant: dict[str, str]) -> bool:
    return town.get(who, f"{ENTITIES}/{SHELTER}", tenant).status_code == 200


def posted(town: City, who: str, tenant: dict[str, str]) -> bool:
    body = {"type": "Query", "entities": [{"type": "Shelter"}]}
    return SHELTER in town.ask("POST", "/ngsi-ld/v1/entityOperations/query", who, json=body, headers=tenant).text


def listed(town: City, who: str, tenant: dict[str, str]) -> bool:
    return "Shelter" in town.get(who, "/ngsi-ld/v1/types", tenant).json().get("typeList", [])


def mapped(town: City, who: str, tenant: dict[str, str]) -> bool:
    return SHELTER in town.get(who, "/ngsi-ld/v1/entityMaps", tenant, type="Shelter").text


def planned(town: City, who: str, tenant: dict[str, str]) -> bool:
    rows = town.get(who, "/federation/explain", tenant, type="Shelter").json()["sources"]
    return any(row["platform"] == "takeshiba" and row["matches"] for row in rows)


def counted(town: City, who: str, tenant: dict[str, str]) -> bool:
    answer = town.get(who, ENTITIES, tenant, type="Shelter", limit=0, count="true")
    return int(answer.headers["ngsild-results-count"]) > 0


WAYS: tuple[Look, ...] = (queried, retrieved, posted, listed, mapped, planned, counted)


@pytest.fixture(scope="module")
def town(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[City]:
    with city(postgres_url, tmp_path_factory.mktemp("matrix"), host) as opened:
        url = opened.gateway.settings.database_url
        made = run(register(url, tuple(ROLES.values())))
        opened.keys |= {who: made[service.id] for who, service in ROLES.items()}
        run(create_tenant(url, "elsewhere"))
        there = {"ngsild-tenant": "elsewhere"}
        opened.wait(lambda: all(opened.get(who, "/ngsi-ld/v1/types").status_code == 200 for who in EVERYONE))
        opened.wait(lambda: opened.get("admin", "/ngsi-ld/v1/types", there).status_code == 200)
        yield opened


@pytest.mark.parametrize("state", STATES)
def test_no_cell_is_open_that_should_be_closed(town: City, state: str) -> None:
    terms, steps, expected = STATES[state]
    made = town.ask("POST", AGREEMENTS, "admin", json=terms_of(**terms))
    path = made.headers["location"]
    for step in steps:
        made = town.ask("POST", f"{path}/{step}", "admin")
        assert made.status_code == 200, made.text
    assert made.json()["state"] == expected
    try:
        cells = {
            (who, tenant, look.__name__): look(town, who, {"ngsild-tenant": tenant} if tenant else {})
            for who in EVERYONE
            for tenant in ("", "elsewhere")
            for look in (WAYS if not tenant else WAYS[:2])
        }
        open_to = ALWAYS | ({"app"} if state in OPENING else set())
        assert cells == {(who, tenant, look): who in open_to and not tenant for who, tenant, look in cells}
    finally:
        town.ask("POST", f"{path}/revoke", "admin")


GATE = {"id": "urn:ngsi-ld:Gate:1", "type": "Gate", "open": {"type": "Property", "value": True}}
EVOLVED = {"open": [{"type": "Property", "value": True, "observedAt": "2026-04-01T00:00:00Z"}]}
WRITES: dict[str, tuple[str, str, Any]] = {
    "update": ("PATCH", f"{ENTITIES}/{GATE['id']}/attrs", {"open": GATE["open"]}),
    "append": ("POST", f"{ENTITIES}/{GATE['id']}/attrs", {"open": GATE["open"]}),
    "merge": ("PATCH", f"{ENTITIES}/{GATE['id']}", {"open": GATE["open"]}),
    "replace": ("PUT", f"{ENTITIES}/{GATE['id']}", {k: v for k, v in GATE.items() if k != "id"}),
    "upsert": ("POST", "/ngsi-ld/v1/entityOperations/upsert", [GATE]),
    "evolve": ("POST", f"/ngsi-ld/v1/temporal/entities/{GATE['id']}/attrs", EVOLVED),
}


@pytest.mark.parametrize("state", STATES)
def test_nobody_writes_who_may_not(town: City, state: str) -> None:
    """To the local store of the default tenant, which is the area nishi-shinjuku's."""
    assert town.ask("POST", ENTITIES, "admin", json=GATE).status_code in (201, 409)
    terms, steps, expected = STATES[state]
    given = {"provider_area": "nishi-shinjuku", "operations": ["write"]} | terms
    made = town.ask("POST", AGREEMENTS, "admin", json=terms_of(**given))
    path = made.headers["location"]
    for step in steps:
        made = town.ask("POST", f"{path}/{step}", "admin")
    assert made.json()["state"] == expected
    try:
        cells = {}
        for who in EVERYONE:
            for tenant in ("", "elsewhere"):
                headers = {"ngsild-tenant": tenant} if tenant else {}
                for way, (method, target, body) in WRITES.items():
                    answer = town.ask(method, target, who, json=body, headers=headers)
                    cells[who, tenant, way] = answer.status_code not in (401, 403)
        open_to = {"admin", "administrator"} | ({"app"} if state in OPENING else set())
        # a tenant that is nobody else's is the gateway's own area's, too
        assert cells == {cell: cell[0] in open_to for cell in cells}
    finally:
        town.ask("POST", f"{path}/revoke", "admin")


def test_an_operator_sees_the_flows_that_its_area_gave(town: City) -> None:
    assert town.get("own", type="Shelter").status_code == 200
    assert town.get("own", type="Toilet").status_code == 200
    seen = town.get("an operator of the area", "/flows", limit=1000).json()
    assert {flow["provider"]["area"] for flow in seen} == {"takeshiba"}
    assert {flow["consumer"]["service"] for flow in seen} >= {"own"}
    for path in ("/flows?provider_area=toyosu", "/kpi?area=toyosu"):
        assert town.ask("GET", path, "an operator of the area").status_code == 403
    assert town.ask("GET", "/kpi?area=takeshiba", "an operator of the area").status_code == 200
    everything = town.get("auditor", "/flows", limit=1000).json()
    assert {flow["provider"]["area"] for flow in everything} >= {"takeshiba", "toyosu"}
    assert {flow["consumer"]["service"] for flow in town.get("app", "/flows").json()} <= {"app"}
