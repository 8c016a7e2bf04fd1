"""GET /flows and GET /kpi over HTTP."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request, Response

from broker.store.database import Database
from broker.store.flows_write import COLUMNS, row
from broker.web.administration.flows import Scope, routes
from broker.web.negotiation import Media
from broker.web.problems import problem
from schemas.errors import KakehashiError, Unauthorized
from schemas.flow import Consumer, Flow, Provider, uuid7

START = datetime(2026, 11, 1, 12, 30, 15, 123456, UTC)
BASE = Flow(
    uuid7(), uuid7(), START, "query", Consumer("nav", "org-c", "project", "toyosu"),
    Provider("p1", "org-p", "otemachi"), ("urn:t:A", "urn:t:B"), 3, 300, "ok", 1.25,
)  # fmt: skip


def flow(**change: Any) -> Flow:
    return replace(BASE, **({"id": uuid7(), "request": uuid7()} | change))


async def put(database: Database, *flows: Flow) -> None:
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(one) for one in flows], columns=COLUMNS)


@dataclass
class Parts:
    """Everyone but "nobody" is let in: "admin" as that, others as the service of that name."""

    database: Database
    public_url: str = ""

    async def authorise(self, request: Request) -> Scope:
        name = request.headers["x-name"]
        if name == "nobody":
            raise Unauthorized("who?")
        return Scope(None if name == "admin" else name)


async def as_problem(_: Request, error: Exception) -> Response:
    status, headers, body = problem(error, Media.PROBLEM)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


@pytest.fixture
def parts(database: Database) -> Parts:
    return Parts(database)


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    app.include_router(routes(parts))
    app.add_exception_handler(KakehashiError, as_problem)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here", headers={"x-name": "admin"}) as opened:
        yield opened


async def test_json_has_everything(client: httpx2.AsyncClient, database: Database) -> None:
    one = flow(
        consumer=Consumer("nav", "org-c", "project", "toyosu", batch=True), cache_hit=True, agreement="a1",
        agreement_version=2, replay_of=uuid7(), idempotency_key="k",
    )  # fmt: skip
    await put(database, one)
    answer = await client.get("/flows")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [
        {
            "id": str(one.id), "request": str(one.request), "time": "2026-11-01T12:30:15.123456Z", "operation": "query",
            "consumer": {"service": "nav", "organisation": "org-c", "project": "project", "area": "toyosu"},
            "provider": {"platform": "p1", "organisation": "org-p", "area": "otemachi"}, "platform": "p1",
            "types": ["urn:t:A", "urn:t:B"], "entities": 3, "bytes": 300, "outcome": "ok", "latency_ms": 1.25,
            "cross_area": True, "batch": True, "cache_hit": True, "agreement": "a1", "agreement_version": 2,
            "replay_of": str(one.replay_of), "idempotency_key": "k",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "accept", "media"),
    [
        ("", "*/*", "application/json"),
        ("", "", "application/json"),
        ("", "text/csv", "text/csv"),
        ("", "text/*", "text/csv"),
        ("", "application/x-ndjson", "application/x-ndjson"),
        ("", "application/ndjson", "application/x-ndjson"),
        ("", "application/json;q=0.5, text/csv", "text/csv"),
        ("", "text/csv;q=0, */*;q=0.1", "application/json"),
        ("?format=ndjson", "text/csv", "application/x-ndjson"),
        ("?format=csv", "image/png", "text/csv"),
    ],
)
async def test_formats_by_accept_and_parameter(client: httpx2.AsyncClient, query: str, accept: str, media: str) -> None:
    answer = await client.get("/flows" + query, headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    assert answer.headers["vary"] == "Accept"


async def test_no_format_that_is_wanted(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/flows", headers={"accept": "image/png"})
    assert (answer.status_code, answer.json()["field"]) == (406, "Accept")


async def test_ndjson_is_one_object_a_line(client: httpx2.AsyncClient, database: Database) -> None:
    some = [flow(idempotency_key="line\nbreak"), flow()]
    await put(database, *some)
    body = (await client.get("/flows?format=ndjson")).text
    assert body.endswith("\n")
    assert [json.loads(line)["id"] for line in body.splitlines()] == [str(one.id) for one in some]


async def test_csv_runs_no_formula(client: httpx2.AsyncClient, database: Database) -> None:
    hostile = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", " =1", 'quote",\r\nnew line', "渡辺"]
    await put(database, *(flow(idempotency_key=key, types=()) for key in hostile))
    answer = await client.get("/flows", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))
    assert [one["idempotency_key"] for one in rows] == [f"'{key}" for key in hostile[:6]] + hostile[6:]
    assert rows[0] | {"id": "", "request": "", "idempotency_key": ""} == {
        "id": "", "request": "", "time": "2026-11-01T12:30:15.123456Z", "operation": "query",
        "consumer_service": "nav", "consumer_organisation": "org-c", "consumer_project": "project",
        "consumer_area": "toyosu", "platform": "p1", "provider_organisation": "org-p", "provider_area": "otemachi",
        "types": "", "entities": "3", "bytes": "300", "outcome": "ok", "latency_ms": "1.25", "cross_area": "true",
        "batch": "false", "cache_hit": "false", "agreement": "", "agreement_version": "", "replay_of": "",
        "idempotency_key": "",
    }  # fmt: skip


async def test_pages_by_link_and_resuming_by_cursor(client: httpx2.AsyncClient, database: Database) -> None:
    some = [flow(time=START + timedelta(days=-number)) for number in range(7)]
    await put(database, *some)
    url, seen, pages = "/flows?limit=3&provider=p1&format=ndjson", [], 0
    while True:
        answer = await client.get(url)
        seen += [json.loads(line)["id"] for line in answer.text.splitlines()]
        pages += 1
        cursor = answer.headers["kakehashi-next-cursor"]
        if "next" not in answer.links:
            break
        url = answer.links["next"]["url"]
        assert "provider=p1" in url
    assert (pages, seen) == (3, [str(one.id) for one in some])
    later = flow()
    await put(database, later)
    resumed = await client.get("/flows", params={"cursor": cursor})
    assert [one["id"] for one in resumed.json()] == [str(later.id)]


async def test_an_empty_record_gives_a_cursor_to_come_back_with(client: httpx2.AsyncClient, database: Database) -> None:
    answer = await client.get("/flows")
    assert answer.json() == []
    assert "link" not in answer.headers
    later = flow()
    await put(database, later)
    resumed = await client.get("/flows", params={"cursor": answer.headers["kakehashi-next-cursor"]})
    assert len(resumed.json()) == 1


async def test_links_go_to_the_public_address(client: httpx2.AsyncClient, database: Database, parts: Parts) -> None:
    parts.public_url = "https://gateway.example.jp/bridge/"
    await put(database, flow(), flow())
    link = (await client.get("/flows?limit=1&outcome=ok")).links["next"]["url"]
    assert link.startswith("https://gateway.example.jp/bridge/flows?limit=1&outcome=ok&cursor=")


async def test_by_default_there_are_a_hundred(client: httpx2.AsyncClient, database: Database) -> None:
    await put(database, *(flow() for _ in range(1001)))
    assert len((await client.get("/flows")).json()) == 100
    assert len((await client.get("/flows?limit=1000")).json()) == 1000


async def test_times_in_any_zone(client: httpx2.AsyncClient, database: Database) -> None:
    await put(database, flow(time=datetime(2026, 11, 1, tzinfo=UTC)), flow(time=datetime(2026, 11, 2, tzinfo=UTC)))
    for since in ("2026-11-01T09:00:01%2B09:00", "2026-11-01T09:00:01+09:00", "2026-11-01T00:00:01Z", "2026-11-02"):
        (found,) = (await client.get(f"/flows?from={since}")).json()
        assert found["time"].startswith("2026-11-02")
    (found,) = (await client.get("/flows?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z")).json()
    assert found["time"].startswith("2026-11-01")


async def test_a_service_sees_its_own_flows_only(client: httpx2.AsyncClient, database: Database) -> None:
    mine, theirs = flow(), flow(consumer=Consumer("other", "org-c"))
    await put(database, mine, theirs)
    for query in ("", "?consumer=org-c"):
        answer = await client.get("/flows" + query, headers={"x-name": "nav"})
        assert [one["id"] for one in answer.json()] == [str(mine.id)]
    assert (await client.get("/flows?consumer=other", headers={"x-name": "nav"})).json() == []
    kpi = (await client.get("/kpi?year=2026", headers={"x-name": "nav"})).json()
    assert (kpi["service"], kpi["total"]["api_uses"]["total"]) == ("nav", 1)
    assert (await client.get("/flows", headers={"x-name": "nobody"})).status_code == 401
    assert (await client.get("/kpi", headers={"x-name": "nobody"})).status_code == 401


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=99999999", "limit"),
        ("limit=١", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("from=yesterday", "from"),
        ("from=0001-01-01T00:00:00%2B09:00", "from"),
        ("to=2026-13-01", "to"),
        ("request=42", "request"),
        ("cross_area=perhaps", "cross_area"),
        ("batch=1", "batch"),
        ("cursor=zzz", "cursor"),
        ("cursor=_____________________w", "cursor"),
        ("format=xml", "format"),
        ("consumer=", "consumer"),
        ("consumer=a%00b", "consumer"),
        ("provider=" + "p" * 3000, "provider"),
        ("consumers=nav", "consumers"),
    ],
)
async def test_bad_values_name_their_parameter(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get("/flows?" + query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_invalid_utf8_in_a_filter_finds_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    await put(database, flow())
    answer = await client.get("/flows?type=%ff%fe")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"), [("year=26", "year"), ("year=0001", "year"), ("year=x", "year"), ("month=1", "month")]
)
async def test_bad_years(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get("/kpi?" + query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_kpi_of_an_area(client: httpx2.AsyncClient, database: Database) -> None:
    await put(database, flow(), flow(provider=Provider("p2", None, "toyosu")))
    whole = (await client.get("/kpi?year=2026")).json()
    assert (whole["label"], whole["total"]["api_uses"]["total"], whole["total"]["assets"]) == ("令和8年度", 2, 4)
    part = (await client.get("/kpi?year=2026&area=toyosu")).json()
    assert (part["area"], part["total"]["assets"], len(part["providers"])) == ("toyosu", 2, 1)


async def test_the_page_names_every_parameter(client: httpx2.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    documented = {parameter["name"] for parameter in paths["/flows"]["get"]["parameters"]}
    refusal = (await client.get("/flows?no=1")).json()["detail"]
    assert all(name in refusal for name in documented)
    assert {"from", "to", "request", "cursor", "limit", "format"} <= documented
    assert set(paths["/flows"]["get"]["responses"]["200"]["content"]) == {
        "application/json", "application/x-ndjson", "text/csv",
    }  # fmt: skip
