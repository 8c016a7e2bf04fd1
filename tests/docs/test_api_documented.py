"""docs/api.md tells every route, header and problem that the gateway has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from documents import DOCS, ROOT, code, rows
from starlette.routing import Route, Router

from broker.app import create_app
from broker.settings import Access, Settings
from broker.store.database import Database
from broker.store.services import Service, Services
from broker.web.openapi.answers import RESPONSE_HEADERS
from broker.web.openapi.document import document_ngsi_ld
from broker.web.openapi.parameters import PARAMETERS
from broker.web.problems import TABLE

TEXT = (DOCS / "api.md").read_text()
TOLD = {code(cells[0])[0]: cells for cells in rows(TEXT, 3) if "/" in code(cells[0])[0]}


@pytest.fixture
async def router(database_url: str, tmp_path: Path) -> AsyncIterator[Router]:
    app = create_app(Settings(home=tmp_path, database_url=database_url, access=Access.OPEN, log_level="error"))
    assert isinstance(app, Router)
    async with app.lifespan_context(app):
        yield app


@pytest.fixture
async def client(router: Router) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(router), base_url="http://gateway") as opened:
        yield opened


async def served(router: Router, client: httpx2.AsyncClient) -> set[str]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    found = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    for route in router.routes:
        if isinstance(route, Route):
            path = route.path_format
            answer = await client.options(path.replace("{", "").replace("}", ""))
            allowed = set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}
            found |= {f"{method} {path.rstrip('/')}" for method in allowed}
    return found


async def test_every_route_is_told_and_none_is_made_up(router: Router, client: httpx2.AsyncClient) -> None:
    assert set(TOLD) == await served(router, client)


async def test_the_key_is_the_one_that_is_needed(database: Database, database_url: str, tmp_path: Path) -> None:
    """With no key, with a service's and with the administration's, in closed mode."""
    admin = "administration-key-for-this-test"
    _, service = await Services(database).create(Service("shelters"))
    app = create_app(Settings(home=tmp_path, database_url=database_url, admin_key=admin, log_level="error"))
    assert isinstance(app, Router)
    transport = httpx2.ASGITransport(app)
    async with app.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for told, (_, key, _) in TOLD.items():
            method, path = told.split()
            url = re.sub(r"\{[^}]*\}", "urn:x:y", path)
            body = {} if method in ("POST", "PUT", "PATCH") else None
            statuses = [
                (await client.request(method, url, json=body, headers=headers)).status_code
                for headers in ({}, {"x-api-key": service}, {"authorization": f"Bearer {admin}"})
            ]
            refused = [s if s in (401, 403) else 0 for s in statuses]
            closed = [401, 403, 0]
            expected = {"none": [0, 0, 0], "service": [401, 0, 0], "administration": closed, "writer": closed}
            assert refused == expected[key], told


async def test_every_query_parameter_of_the_short_list_is_told(client: httpx2.AsyncClient) -> None:
    document = document_ngsi_ld((await client.get("/openapi.json")).json())
    for told in ("GET /ngsi-ld/v1/entities", "GET /flows", "GET /kpi", "GET /platforms"):
        method, path = told.split()
        names = set()
        for node in document["paths"][path][method.lower()]["parameters"]:
            parameter = PARAMETERS[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
            if parameter["in"] == "query":
                names.add(parameter["name"])
        assert names <= set(code(TOLD[told][2])), told


def test_every_header_of_ours_is_told() -> None:
    told = {code(cells[0])[0] for cells in rows(TEXT, 2)}
    documented = {p["name"] for p in PARAMETERS.values() if p["in"] == "header"} | set(RESPONSE_HEADERS)
    assert documented - {"Location"} <= told
    read = [*(ROOT / "broker/web").rglob("*.py"), *(ROOT / "broker/identity").rglob("*.py")]
    source = "".join(p.read_text() for p in read if "openapi" not in p.parts)
    sent = {name.lower() for name in re.findall(r"b?\"((?:[Kk]akehashi|ngsild|NGSILD)-[A-Za-z-]+)\"", source)}
    assert sent == {name.lower() for name in told if name.lower().startswith(("kakehashi-", "ngsild-"))}


def test_every_problem_is_told() -> None:
    told = [(int(cells[0]), cells[1]) for cells in problem_rows()]
    for status, type_, title in TABLE.values():
        if status in (502,) or title == "A setting is wrong":
            # a source's failure becomes a warning, and a wrong setting stops the start
            continue
        name = type_.rpartition("/")[2] if type_ != "about:blank" else title
        assert any(status == s and name in words for s, words in told), (status, name)
    assert {s for s, _ in told} <= {row[0] for row in TABLE.values()}


def problem_rows() -> list[list[str]]:
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")]
    return [row for row in cells if len(row) == 3 and row[0].isdigit()]


async def test_the_metrics_and_log_events_of_the_guide_are_there(client: httpx2.AsyncClient) -> None:
    source = "".join(path.read_text() for path in (ROOT / "broker").rglob("*.py"))
    metrics = (await client.get("/metrics")).text
    for page in ("guide-operator.md", "guide-operator.ja.md"):
        names = code((DOCS / page).read_text())
        shown = [name for name in names if re.fullmatch(r"kakehashi_[a-z_]+", name)]
        events = [name for name in names if name in ("source_left_alone", "source_is_back", "request_failed")]
        assert len(shown) == 9
        assert len(events) == 3
        assert all(f"# TYPE {name} " in metrics for name in shown)
        assert all(f'"{event}"' in source for event in events)
