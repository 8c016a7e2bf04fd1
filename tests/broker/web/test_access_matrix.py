"""Who may do what: one table of every operation of the gateway and the roles that may ask for it.

A route that is added fails the test until it has its row here. That a caller is let in does not mean that it sees
everything: what an operator, a service or a project sees is tested where that is decided, and data by
`tests/e2e/test_agreement_matrix.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import Route, Router

from broker.app import create_app
from broker.settings import Settings
from broker.store.database import Database
from broker.store.services import Service, Services
from schemas.roles import Role

ADMIN = "administration-key-for-this-test"
AREA = "takeshiba"
ROLES = {role.value: role for role in Role}
CALLERS = ("nobody", "stranger", *ROLES, "administration")
ALWAYS = frozenset({"administrator", "administration"})
GROUPS: dict[str, frozenset[str]] = {
    "OPEN": frozenset(CALLERS),
    "ANY_KEY": frozenset({*ROLES, "administration"}),
    "READERS": ALWAYS | {"operator", "secretariat", "auditor"},
    "WRITERS": ALWAYS | {"operator", "secretariat"},
    "OPERATORS": ALWAYS | {"operator"},
    "SECRETARIAT": ALWAYS | {"secretariat"},
    "AUDIT": ALWAYS | {"secretariat", "auditor"},
    "ADMINISTRATION": ALWAYS,
    # and whom an agreement lets: none does here; the gateway's own store is the operator's area's
    "ITS_AREA": ALWAYS | {"operator"},
}
TABLE = """
OPEN           GET /.well-known/ngsi-ld
ANY_KEY        GET /agreements
ANY_KEY        POST /agreements
ANY_KEY        GET /agreements/{agreement_id}
ANY_KEY        PATCH /agreements/{agreement_id}
ANY_KEY        POST /agreements/{agreement_id}/approve
ANY_KEY        POST /agreements/{agreement_id}/reject
ANY_KEY        POST /agreements/{agreement_id}/resume
ANY_KEY        POST /agreements/{agreement_id}/revoke
ANY_KEY        POST /agreements/{agreement_id}/suspend
ADMINISTRATION POST /areas/{area}/apply
AUDIT          GET /areas/{area}/export
ANY_KEY        GET /cadde/api/v4/catalog
ANY_KEY        GET /catalog
ADMINISTRATION GET /catalog/changes
ANY_KEY        GET /catalog/datasets
ANY_KEY        GET /catalog/datasets/{dataset_id}
ANY_KEY        GET /catalog/datasets/{dataset_id}/distributions/{place}/download
ANY_KEY        GET /catalog/datasets/{dataset_id}/distributions/{place}/preview
ANY_KEY        GET /catalog/datasets/{dataset_id}/similar
ADMINISTRATION GET /catalog/links
ADMINISTRATION GET /catalog/sources
ADMINISTRATION POST /catalog/sources
ADMINISTRATION DELETE /catalog/sources/{source_id}
ADMINISTRATION GET /catalog/sources/{source_id}
ADMINISTRATION GET /catalog/sources/{source_id}/faults
ADMINISTRATION POST /catalog/sources/{source_id}/harvest
ANY_KEY        GET /catalog/suggest
ANY_KEY        GET /ckan/api/3/action/{action}
ANY_KEY        POST /ckan/api/3/action/{action}
ANY_KEY        GET /ckan/api/action/{action}
ANY_KEY        POST /ckan/api/action/{action}
ANY_KEY        GET /federation/explain
OPEN           POST /federation/notifications/{token}
ANY_KEY        GET /flows
OPEN           GET /health/live
OPEN           GET /health/ready
ANY_KEY        GET /kpi
READERS        GET /kpi/feed
SECRETARIAT    GET /kpi/hooks
SECRETARIAT    POST /kpi/hooks
SECRETARIAT    DELETE /kpi/hooks/{hook}
SECRETARIAT    GET /kpi/hooks/{hook}/dead
SECRETARIAT    POST /kpi/hooks/{hook}/retry
READERS        GET /kpi/joint
READERS        GET /kpi/library
OPEN           GET /kpi/public
OPEN           GET /ledger/checkpoint
OPEN           GET /ledger/consistency
READERS        GET /ledger/corrections
WRITERS        POST /ledger/corrections
SECRETARIAT    POST /ledger/corrections/{correction}/approve
SECRETARIAT    POST /ledger/corrections/{correction}/reject
AUDIT          GET /ledger/entries
OPEN           GET /ledger/keys
ANY_KEY        GET /ledger/receipt/{flow}
ANY_KEY        POST /ledger/reconciliation
OPEN           POST /ledger/witness
OPEN           GET /metrics
ANY_KEY        GET /ngsi-ld/v1/attributes
ANY_KEY        GET /ngsi-ld/v1/attributes/{attribute_name}
ANY_KEY        GET /ngsi-ld/v1/csourceRegistrations
ADMINISTRATION POST /ngsi-ld/v1/csourceRegistrations
ADMINISTRATION DELETE /ngsi-ld/v1/csourceRegistrations/{registration_id}
ANY_KEY        GET /ngsi-ld/v1/csourceRegistrations/{registration_id}
ADMINISTRATION PATCH /ngsi-ld/v1/csourceRegistrations/{registration_id}
ANY_KEY        GET /ngsi-ld/v1/csourceSubscriptions
ANY_KEY        POST /ngsi-ld/v1/csourceSubscriptions
ANY_KEY        DELETE /ngsi-ld/v1/csourceSubscriptions/{subscription_id}
ANY_KEY        GET /ngsi-ld/v1/csourceSubscriptions/{subscription_id}
ANY_KEY        PATCH /ngsi-ld/v1/csourceSubscriptions/{subscription_id}
ADMINISTRATION DELETE /ngsi-ld/v1/entities
ANY_KEY        GET /ngsi-ld/v1/entities
ITS_AREA       POST /ngsi-ld/v1/entities
ITS_AREA       DELETE /ngsi-ld/v1/entities/{entity_id}
ANY_KEY        GET /ngsi-ld/v1/entities/{entity_id}
ITS_AREA       PATCH /ngsi-ld/v1/entities/{entity_id}
ITS_AREA       PUT /ngsi-ld/v1/entities/{entity_id}
ITS_AREA       PATCH /ngsi-ld/v1/entities/{entity_id}/attrs
ITS_AREA       POST /ngsi-ld/v1/entities/{entity_id}/attrs
ITS_AREA       DELETE /ngsi-ld/v1/entities/{entity_id}/attrs/{attr_id}
ITS_AREA       PATCH /ngsi-ld/v1/entities/{entity_id}/attrs/{attr_id}
ITS_AREA       PUT /ngsi-ld/v1/entities/{entity_id}/attrs/{attr_id}
ANY_KEY        GET /ngsi-ld/v1/entityMaps
ANY_KEY        POST /ngsi-ld/v1/entityMaps
ANY_KEY        DELETE /ngsi-ld/v1/entityMaps/{map_id}
ANY_KEY        GET /ngsi-ld/v1/entityMaps/{map_id}
ANY_KEY        PATCH /ngsi-ld/v1/entityMaps/{map_id}
ITS_AREA       POST /ngsi-ld/v1/entityOperations/create
ITS_AREA       POST /ngsi-ld/v1/entityOperations/delete
ITS_AREA       POST /ngsi-ld/v1/entityOperations/merge
ANY_KEY        POST /ngsi-ld/v1/entityOperations/query
ITS_AREA       POST /ngsi-ld/v1/entityOperations/update
ITS_AREA       POST /ngsi-ld/v1/entityOperations/upsert
ANY_KEY        GET /ngsi-ld/v1/info/conformance
ANY_KEY        GET /ngsi-ld/v1/info/sourceIdentity
ANY_KEY        GET /ngsi-ld/v1/jsonldContexts
ADMINISTRATION POST /ngsi-ld/v1/jsonldContexts
ADMINISTRATION DELETE /ngsi-ld/v1/jsonldContexts/{context_id}
OPEN           GET /ngsi-ld/v1/jsonldContexts/{context_id}
ANY_KEY        GET /ngsi-ld/v1/subscriptions
ANY_KEY        POST /ngsi-ld/v1/subscriptions
ANY_KEY        DELETE /ngsi-ld/v1/subscriptions/{subscription_id}
ANY_KEY        GET /ngsi-ld/v1/subscriptions/{subscription_id}
ANY_KEY        PATCH /ngsi-ld/v1/subscriptions/{subscription_id}
ANY_KEY        GET /ngsi-ld/v1/temporal/entities
ITS_AREA       POST /ngsi-ld/v1/temporal/entities
ITS_AREA       DELETE /ngsi-ld/v1/temporal/entities/{entity_id}
ANY_KEY        GET /ngsi-ld/v1/temporal/entities/{entity_id}
ITS_AREA       POST /ngsi-ld/v1/temporal/entities/{entity_id}/attrs
ITS_AREA       DELETE /ngsi-ld/v1/temporal/entities/{entity_id}/attrs/{attr_id}
ITS_AREA       DELETE /ngsi-ld/v1/temporal/entities/{entity_id}/attrs/{attr_id}/{instance_id}
ITS_AREA       PATCH /ngsi-ld/v1/temporal/entities/{entity_id}/attrs/{attr_id}/{instance_id}
ANY_KEY        GET /ngsi-ld/v1/temporal/entityMaps
ANY_KEY        POST /ngsi-ld/v1/temporal/entityMaps
ANY_KEY        POST /ngsi-ld/v1/temporal/entityOperations/query
ANY_KEY        GET /ngsi-ld/v1/types
ANY_KEY        GET /ngsi-ld/v1/types/{type_name}
READERS        GET /platforms
OPERATORS      POST /platforms
OPERATORS      DELETE /platforms/{platform_id}
READERS        GET /platforms/{platform_id}
OPERATORS      PATCH /platforms/{platform_id}
OPERATORS      POST /platforms/{platform_id}/certify
READERS        GET /platforms/{platform_id}/health
OPERATORS      POST /platforms/{platform_id}/probe
READERS        GET /projects
READERS        GET /projects/{project}
SECRETARIAT    PUT /projects/{project}
READERS        GET /projects/{project}/evidence
READERS        GET /projects/{project}/filings
WRITERS        POST /projects/{project}/filings
READERS        GET /projects/{project}/filings/{year}/{number}
READERS        GET /projects/{project}/kpis
WRITERS        POST /projects/{project}/kpis
WRITERS        POST /projects/{project}/kpis/{kpi}/entries
WRITERS        POST /projects/{project}/kpis/{kpi}/versions/{version}/agree
WRITERS        POST /projects/{project}/kpis/{kpi}/versions/{version}/withdraw
READERS        GET /projects/{project}/report
"""
ROWS = {operation: group for group, operation in (line.split(maxsplit=1) for line in TABLE.strip().splitlines())}


@pytest.fixture
async def router(database_url: str, tmp_path: Path) -> AsyncIterator[Router]:
    settings = Settings(home=tmp_path, database_url=database_url, admin_key=ADMIN, area=AREA, log_level="error")
    app = create_app(settings)
    assert isinstance(app, Router)
    async with app.lifespan_context(app):
        yield app


@pytest.fixture
async def client(router: Router) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(router), base_url="http://gateway") as opened:
        yield opened


@pytest.fixture
async def keys(database: Database, client: httpx2.AsyncClient) -> dict[str, str]:
    services = Services(database)
    made = {
        name: (await services.create(Service(name, organisation="Org", area=AREA, roles=frozenset({role}))))[1]
        for name, role in ROLES.items()
    }
    for _ in range(3000):
        # the change feed brings them
        answers = [await client.get("/flows", headers={"x-api-key": key}) for key in made.values()]
        if all(answer.status_code != 401 for answer in answers):
            break
        await asyncio.sleep(0.02)
    return made | {"stranger": "kk_nobodys", "administration": ADMIN}


async def operations(router: Router, client: httpx2.AsyncClient) -> set[str]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    found = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    for route in router.routes:
        if isinstance(route, Route):
            path = route.path_format
            answer = await client.options(path.replace("{", "").replace("}", ""))
            allowed = set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}
            found |= {f"{method} {path.rstrip('/')}" for method in allowed}
    return found


async def test_every_operation_lets_in_whom_its_row_names(
    router: Router, client: httpx2.AsyncClient, keys: dict[str, str]
) -> None:
    served = await operations(router, client)
    assert served - set(ROWS) == set(), "a route without a row: who may use it?"
    assert set(ROWS) - served == set(), "a row without a route"
    wrong = {}
    for operation, group in ROWS.items():
        method, path = operation.split()
        url = re.sub(r"\{[^}]*\}", "urn:x:y", path)
        body = {"area": AREA} if method in ("POST", "PUT", "PATCH") else None
        for caller in CALLERS:
            headers = {} if caller == "nobody" else {"x-api-key": keys[caller]}
            status = (await client.request(method, url, json=body, headers=headers)).status_code
            refused = status if status in (401, 403) else 0
            expected = 0 if caller in GROUPS[group] else 401 if caller in ("nobody", "stranger") else 403
            if refused != expected:
                wrong[operation, caller] = status
    assert wrong == {}


async def test_an_operator_administers_the_platforms_of_its_own_area_only(
    client: httpx2.AsyncClient, keys: dict[str, str]
) -> None:
    async def ask(who: str, method: str, path: str, **options: Any) -> int:
        answer = await client.request(method, path, headers={"x-api-key": keys[who]}, **options)
        return answer.status_code

    own, other = (
        {"id": area, "area": area, "adapter": "ngsi_ld", "endpoint": "https://cityos.example.invalid"}
        for area in (AREA, "toyosu")
    )
    force = {"force": "true"}
    for document in (own, other):
        assert await ask("administration", "POST", "/platforms", json=document, params=force) == 201
    told = await client.get("/platforms", headers={"x-api-key": keys["operator"]})
    assert [row["id"] for row in told.json()] == [AREA]
    for path, method in (("", "GET"), ("/health", "GET"), ("", "PATCH"), ("", "DELETE"), ("/certify", "POST")):
        body: dict[str, Any] = {"json": {"name": "x"}} if method == "PATCH" else {}
        assert await ask("operator", method, f"/platforms/toyosu{path}", **body) == 403, (path, method)
        expected = 200 if method == "GET" else 403
        assert await ask("auditor", method, f"/platforms/toyosu{path}", **body) == expected, (path, method)
    assert await ask("operator", "PATCH", f"/platforms/{AREA}", json={"name": "x"}) == 200
    for taking in (
        {"area": "toyosu"},
        {"area": None},
        {"mode": "exclusive"},
        {"mode": "redirect"},
        {"adapter": "local"},
        {"registry_tenant": "toyosu"},
        {"endpoint": "file:///etc/passwd"},
    ):
        assert await ask("operator", "PATCH", f"/platforms/{AREA}", json=taking) == 403, taking
        assert await ask("operator", "POST", "/platforms", json=own | {"id": "new"} | taking, params=force) == 403
    assert await ask("operator", "POST", "/platforms", json=own | {"id": "new"}, params=force) == 201
    assert await ask("operator", "DELETE", "/platforms/new") == 204
