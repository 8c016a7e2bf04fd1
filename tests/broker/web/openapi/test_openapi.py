"""The OpenAPI document is valid, complete, and true: every operation is called with its own examples."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from openapi_rules import faults, operations
from starlette.routing import Route, Router

from broker.app import create_app
from broker.settings import Access, Settings
from broker.web.openapi.document import DocumentedApp, document_ngsi_ld
from broker.web.openapi.model import Operation
from broker.web.openapi.operations import OPERATIONS
from broker.web.openapi.page import choose_language, render_docs
from broker.web.openapi.parameters import PARAMETERS
from broker.web.problems import media_of
from schemas.ngsi_ld import params

Json = dict[str, Any]
_DISTANCE = {"orderBy": "location;dist-asc", "orderFrom": "[139.7565,35.6554]"}
_QUERIED = ("queryEntities", "explain", "purgeEntities", "createEntityMap", "queryRegistrations")
_SOMETIMES = {"Age", "Kakehashi-Replay-Of", "NGSILD-Warning", "NGSILD-Results-Count"}
_TOGETHER: dict[str, Json] = {
    "joinLevel": {"join": "inline"},
    "containedBy": {"join": "inline"},
    "orderFrom": _DISTANCE,
    "orderGeometry": _DISTANCE,
    "collation": {"orderBy": "name"},
    "temporalCollation": {"orderBy": "id"},
}
"""What some parameters do not go without."""
_EVOLUTIONS = {"type": "EvacuationShelter", "timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}


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


async def document_of(client: httpx2.AsyncClient) -> Json:
    """Merged here too, so that it does not matter whether what is served already is."""
    return document_ngsi_ld((await client.get("/openapi.json")).json())


async def test_it_is_valid(client: httpx2.AsyncClient) -> None:
    document = await document_of(client)
    assert faults(document) == []
    assert document_ngsi_ld(document) == document


async def test_the_rules_find_what_is_wrong(client: httpx2.AsyncClient) -> None:
    good = await document_of(client)
    path = "/ngsi-ld/v1/entities/{entity_id}"
    for number, spoil in enumerate(
        (
            lambda d: d["paths"][path]["get"]["parameters"].pop(0),
            lambda d: d["paths"][path]["get"].pop("responses"),
            lambda d: d["components"]["schemas"].pop("Entity"),
            lambda d: d["components"]["parameters"]["type"].update({"in": "body"}),
            lambda d: d["paths"][path]["put"].update(operationId="retrieveEntity"),
            lambda d: d["components"]["schemas"]["Problem"]["properties"]["status"].update(type="whole number"),
            lambda d: d.update(openapi="2.0"),
        )
    ):
        spoiled = deepcopy(good)
        spoil(spoiled)
        assert faults(spoiled), number


async def test_every_route_is_in_it_with_its_methods(router: Router, client: httpx2.AsyncClient) -> None:
    documented = {(m.upper(), path) for m, path, _ in operations(await document_of(client))}
    served: set[tuple[str, str]] = set()
    for route in router.routes:
        if isinstance(route, Route):
            answer = await client.options(route.path_format.replace("{", "").replace("}", ""))
            allowed = set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}
            served |= {(method, route.path_format.rstrip("/")) for method in allowed}
    assert served == {(o.method.upper(), o.path) for o in OPERATIONS}
    assert served <= documented
    assert {"/platforms", "/platforms/{platform_id}", "/flows", "/kpi"} <= {path for _, path in documented}


def test_the_parameters_are_those_that_are_read() -> None:
    for operation_id, known in (
        ("queryEntities", params._QUERY | {"entityMap", "entityMapLifetime"}),
        ("retrieveEntity", params._RETRIEVE | {"entityMap", "entityMapLifetime"}),
    ):
        told = [PARAMETERS[name] for name in by_id(operation_id).parameters]
        assert {p["name"] for p in told if p["in"] == "query"} == known


async def test_every_query_parameter_is_taken_as_its_example_shows(client: httpx2.AsyncClient) -> None:
    geo = {n: PARAMETERS[n]["example"] for n in ("georel", "geometry", "coordinates", "geoproperty")}
    for told in OPERATIONS:
        if told.method != "get" or "{" in told.path:
            continue
        for name in told.parameters:
            parameter = PARAMETERS[name]
            if parameter["in"] != "query":
                continue
            value = parameter["example"]
            asked: Json = {parameter["name"]: str(value).lower() if isinstance(value, bool) else value}
            if name in geo:
                asked = dict(geo)
            asked |= _TOGETHER.get(name, {})
            if told.id in ("queryEntities", "explain", "createEntityMap", "queryRegistrations"):
                asked.setdefault("type", "EvacuationShelter")
            timed = "time" in name.lower() and told.id == "queryRegistrations"
            if told.id in ("queryEvolutions", "createTemporalEntityMap") or timed:
                asked = _EVOLUTIONS | asked | ({"timerel": "between"} if name == "endTimeAt" else {})
            accept = {"accept": "application/geo+json"} if name == "geometryProperty" else {}
            answer = await client.get(told.path, params=asked, headers=accept)
            assert answer.status_code in told.answers, (told.id, asked, answer.text)
        assert told.key == "" or (await client.get(told.path, params={"nonsense": "1"})).status_code == 400, told.id


async def test_every_operation_answers_as_documented(client: httpx2.AsyncClient) -> None:
    succeeded: set[str] = set()
    hosted = ""
    mapped = (await client.get("/ngsi-ld/v1/entityMaps", params={"type": "EvacuationShelter"})).json()["id"]
    # what is made must be there before it is read, and what is deleted must have been there
    order = ("post", "put", "patch", "get", "delete")
    for told in sorted(OPERATIONS, key=lambda o: (o.id == "batchDelete", order.index(o.method))):
        path = told.path
        for name in told.parameters:
            if PARAMETERS[name]["in"] == "path":
                example = {"context_id": hosted, "map_id": mapped}.get(name, PARAMETERS[name]["example"])
                path = path.replace("{" + name + "}", quote(example, safe=""))
        query = {"type": "EvacuationShelter"} if told.id in _QUERIED else {}
        if told.id == "purgeEntities":
            # the entity itself is still needed
            query["drop"] = "name"
        if told.id in ("queryEvolutions", "createTemporalEntityMap"):
            query = _EVOLUTIONS
        body = told.body.example if told.body is not None else None
        if "instance_id" in told.parameters:
            evolution = (await client.get(path.partition("/attrs/")[0])).json()
            path = f"{path.rpartition('/')[0]}/{evolution['capacity'][0]['instanceId']}"
        if told.id == "createRegistration":
            body = {**body, "id": PARAMETERS["registration_id"]["example"], "endpoint": "http://127.0.0.1:9"}
        answer = await client.request(told.method.upper(), path, params=query, json=body)
        while told.id == "updateRegistration" and answer.status_code == 409:
            # its probe in the background has just changed it
            answer = await client.request(told.method.upper(), path, params=query, json=body)
        expected = told.answers.get(answer.status_code)
        if expected is None:
            assert answer.status_code in told.faults, (told.id, answer.status_code, answer.text)
            assert answer.headers["content-type"] == media_of(path).value, told.id
            continue
        succeeded.add(told.id)
        if told.id == "addContext":
            hosted = answer.headers["location"].rpartition("/")[2]
        for name in expected.headers:
            if name not in _SOMETIMES | (
                {"NGSILD-EntityMap"} if told.id.startswith(("query", "retrieveEntity", "retrieveEvolution")) else set()
            ):
                assert name in answer.headers, (told.id, name)
        media = answer.headers.get("content-type", "").partition(";")[0]
        assert media in {m for c in expected.content for m in c.media} or (not answer.content and not expected.content)
    # its token is known to a source alone: tests/e2e/test_remote_subscriptions.py
    assert succeeded == {o.id for o in OPERATIONS} - {"receiveNotification"}


async def test_a_body_s_media_type_is_what_the_document_says(client: httpx2.AsyncClient) -> None:
    shelter = by_id("createEntity").body
    assert shelter is not None
    assert (await client.post("/ngsi-ld/v1/entities", json=shelter.example)).status_code == 201
    for told in (by_id("queryEntities"), by_id("retrieveEntity")):
        path = told.path.replace("{entity_id}", shelter.example["id"])
        for content in told.answers[200].content:
            for media in content.media:
                query = {"type": "EvacuationShelter"} if told.id == "queryEntities" else {}
                answer = await client.get(path, params=query, headers={"accept": media})
                assert answer.status_code == 200
                assert answer.headers["content-type"] == media


async def test_a_checkpoint_that_is_not_there_yet_is_described(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/ledger/checkpoint", params={"size": 2**40})).status_code == 404
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/ledger/checkpoint", "/ledger/consistency"):
        assert "404" in paths[path]["get"]["responses"]


async def test_an_address_may_be_too_long_wherever_it_takes_something(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            if operation.get("parameters"):
                assert "414" in operation["responses"], (method, path)


async def test_the_forms_of_a_report_are_described(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/kpi/joint", "/projects/{project}/report"):
        told = set(paths[path]["get"]["responses"]["200"]["content"])
        assert {"application/json", "text/csv", "application/pdf"} < told, path
    for path in ("/kpi/feed", "/kpi/public"):
        assert "text/csv" in paths[path]["get"]["responses"]["200"]["content"], path
    for form in ("json", "csv", "xlsx", "pdf"):
        answer = await client.get("/kpi/joint", params={"format": form})
        assert (
            answer.headers["content-type"].partition(";")[0]
            in paths["/kpi/joint"]["get"]["responses"]["200"]["content"]
        )


async def test_the_application_serves_it_without_the_internet() -> None:
    app = DocumentedApp(title="Kakehashi", version="1")

    @app.get("/platforms", tags=["platforms"], summary="List / 一覧")
    def platforms(area: str | None = None) -> list[str]:
        return []

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://gateway") as client:
        document = (await client.get("/openapi.json")).json()
        assert faults(document) == []
        responses = document["paths"]["/platforms"]["get"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "414", "503"}
        assert "HTTPValidationError" not in str(document)
        for lang, words in (("ja", ("パラメータ", "一覧")), ("en", ("Parameters", "List"))):
            page = (await client.get("/docs", headers={"accept-language": lang})).text
            assert all(word in page for word in words)
            assert f'lang="{lang}"' in page
            assert all(path in page for _, path, _ in operations(document))
            for outside in ("<script", "<link", "src=", "@import", "url("):
                assert outside not in page
        assert (await client.get("/redoc")).status_code == 404


def test_what_stands_in_the_document_can_t_become_markup() -> None:
    hostile = '<script>alert("x")</script>'
    parameter = {"name": hostile, "in": "query", "description": hostile, "schema": {}, "example": hostile}
    operation = {
        "tags": [hostile],
        "summary": hostile,
        "description": hostile,
        "parameters": [parameter],
        "requestBody": {"content": {hostile: {"example": hostile}}},
        "responses": {hostile: {"description": hostile, "content": {hostile: {}}, "headers": {hostile: {}}}},
    }
    document = {"info": {"title": hostile, "version": hostile}, "paths": {f"/{hostile}": {"get": operation}}}
    assert "<script" not in render_docs(document, "en")


def test_the_language_of_the_page() -> None:
    assert choose_language(None, "en-GB,en;q=0.8,ja;q=0.5") == "en"
    assert choose_language(None, "fr, ja;q=0.5") == "ja"
    assert choose_language("en", "ja") == "en"
    assert choose_language("xx", "") == "ja"


def test_the_input_stays_as_it_is() -> None:
    app = FastAPI(title="t", version="1")
    before = get_openapi(title="t", version="1", routes=app.routes)
    kept = deepcopy(before)
    document_ngsi_ld(before)
    assert before == kept


def by_id(operation_id: str) -> Operation:
    return next(o for o in OPERATIONS if o.id == operation_id)
