"""Projects over HTTP, from proposal to report, and who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.app import create_app
from broker.settings import Settings
from broker.store.database import Database
from broker.store.kpi_feed import FeedItem, KpiFeed
from broker.store.services import Service, Services
from schemas.ledger.verify import verify
from schemas.roles import Role

ADMIN = {"authorization": "Bearer administration-key-for-this-test"}
PROJECT = {"name_ja": "避難所ナビ", "kind": "linked", "first_year": 2026, "areas": ["toyosu"]}
WHO = (
    Service("office", roles=frozenset({Role.SECRETARIAT})),
    Service("audit", roles=frozenset({Role.AUDITOR})),
    Service("toyosu", area="toyosu", roles=frozenset({Role.OPERATOR})),
    Service("takeshiba", area="takeshiba", roles=frozenset({Role.OPERATOR})),
    Service("nav", project="nav"),
)
KEYS: dict[str, str] = {}


@pytest.fixture
async def client(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    services = Services(database)
    KEYS.clear()
    for service in WHO:
        _, KEYS[service.id] = await services.create(service)
    app = create_app(
        Settings(home=tmp_path, database_url=database_url, admin_key=ADMIN["authorization"][7:], log_level="error")
    )
    async with (
        app.lifespan_context(app),  # type: ignore[attr-defined]
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://gateway") as opened,
    ):
        yield opened


def key(who: str) -> dict[str, str]:
    return {"x-api-key": KEYS.get(who, "kk_unknown")}


async def test_the_whole_way(client: httpx2.AsyncClient) -> None:
    made = await client.put("/projects/nav?reason=adoption", json=PROJECT, headers=key("office"))
    assert (made.status_code, made.json()["version"], made.json()["changed"]["reason"]) == (201, 1, "adoption")
    assert (await client.put("/projects/nav", json=PROJECT, headers=key("office"))).status_code == 200
    proposal = {"library": "api-uses", "targets": [{"year": 100}], "weight": 40}
    proposed = await client.post("/projects/nav/kpis", json=proposal, headers=key("toyosu"))
    assert (proposed.status_code, proposed.json()["state"], proposed.json()["proposed"]["side"]) == (
        201, "proposed", "project",
    )  # fmt: skip
    agree = "/projects/nav/kpis/api-uses/versions/1/agree"
    assert (await client.post(agree, headers=key("toyosu"))).status_code == 409
    agreed = await client.post(agree, headers=key("office"))
    assert (agreed.status_code, agreed.json()["state"]) == (200, "agreed")
    words = {"unmet_reason": "工事"}
    entries = "/projects/nav/kpis/api-uses/entries"
    assert (await client.post(entries, params={"period": "2026"}, json=words, headers=key("toyosu"))).status_code == 204
    report = await client.get("/projects/nav/report?year=2026&as_of=2026-12-31", headers=key("audit"))
    kpi = report.json()["kpis"][0]
    assert (kpi["unmet_reason"], kpi["year1"]["target"], kpi["year1"]["actual"]) == ("工事", 100, 0)
    filed = await client.post("/projects/nav/filings?year=2026&kind=status", headers=key("toyosu"))
    assert filed.status_code == 201
    kept = await client.get(filed.headers["location"], headers=key("office"))
    assert kept.json()["kind"] == "status"
    assert [f["digest"] for f in (await client.get("/projects/nav/filings", headers=key("office"))).json()] == [
        filed.json()["digest"]
    ]
    assert len((await client.get("/kpi/library", headers=key("office"))).json()) > 5


async def test_who_may(client: httpx2.AsyncClient) -> None:
    await client.put("/projects/nav", json=PROJECT, headers=ADMIN)
    proposal = {"library": "api-uses"}
    expected: dict[str, tuple[int, ...]] = {
        # list, show, write, propose, close
        "office": (200, 200, 200, 201, 422),
        "audit": (200, 200, 403, 403, 403),
        "toyosu": (200, 200, 403, 201, 403),
        "takeshiba": (200, 404, 403, 403, 403),
        "nav": (403, 403, 403, 403, 403),
        "nobody": (401, 401, 401, 401, 401),
    }
    for who, statuses in expected.items():
        answers = [
            await client.get("/projects", headers=key(who)),
            await client.get("/projects/nav", headers=key(who)),
            await client.put("/projects/nav", json=PROJECT, headers=key(who)),
            await client.post("/projects/nav/kpis", json=proposal, headers=key(who)),
            await client.post("/projects/nav/filings?year=2026&kind=closing", headers=key(who)),
        ]
        assert tuple(a.status_code for a in answers) == statuses, who
    assert (await client.get("/projects", headers=key("takeshiba"))).json() == []
    sided = await client.post("/projects/nav/kpis?side=secretariat", json=proposal, headers=key("toyosu"))
    assert (sided.status_code, sided.json()["field"]) == (403, "side")
    both = await client.post("/projects/nav/kpis?side=project", json=proposal, headers=ADMIN)
    assert both.json()["proposed"]["side"] == "project"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "/projects/nav", [], 400, "body"),
        ("PUT", "/projects/nav", PROJECT | {"id": "other"}, 400, "id"),
        ("PUT", "/projects/nav", PROJECT | {"kind": "x"}, 400, "kind"),
        ("PUT", "/projects/N V", PROJECT, 400, "id"),
        ("POST", "/projects/nav/kpis", {"library": "none"}, 400, "library"),
        ("POST", "/projects/none/kpis", {"library": "api-uses"}, 404, "project"),
        ("POST", "/projects/nav/kpis?side=third", {"library": "api-uses"}, 400, "side"),
        ("POST", "/projects/nav/kpis/x/versions/99999999999/agree", None, 404, "version"),
        ("POST", "/projects/nav/kpis/x/entries?period=2026", {"value": 1}, 400, "evidence"),
        ("POST", "/projects/nav/filings?year=2026&kind=magic", None, 400, "kind"),
        ("POST", "/projects/nav/filings?year=1&kind=status", None, 400, "year"),
        ("GET", "/projects/nav/report", None, 422, "project"),
        ("GET", "/projects/nav/filings/2026/7", None, 404, "number"),
        ("GET", "/projects/nav/report?as_of=never", None, 400, "as_of"),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx2.AsyncClient, method: str, path: str, body: Any, status: int, field: str
) -> None:
    await client.put("/projects/nav", json=PROJECT, headers=ADMIN)
    answer = await client.request(method, path, json=body, headers=ADMIN)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text


async def test_reports_in_every_form(client: httpx2.AsyncClient) -> None:
    await client.put("/projects/nav", json=PROJECT, headers=ADMIN)
    await client.post("/projects/nav/kpis?side=project", json={"library": "api-uses"}, headers=ADMIN)
    await client.post("/projects/nav/kpis/api-uses/versions/1/agree?side=secretariat", headers=ADMIN)
    for form, media, begins in (
        ("json", "application/json", b"{"),
        ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbf"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ("pdf", "application/pdf", b"%PDF"),
    ):
        for path in ("/projects/nav/report", "/kpi/joint"):
            answer = await client.get(path, params={"year": "2026", "format": form}, headers=ADMIN)
            assert (answer.status_code, answer.headers["content-type"]) == (200, media)
            assert answer.content.startswith(begins)
    wrong = await client.get("/projects/nav/report?format=doc", headers=ADMIN)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "format")
    wrong = await client.get("/projects/nav/report?kind=closing", headers=ADMIN)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "kind")


async def test_the_feed_shows_a_reader_its_own_projects(client: httpx2.AsyncClient, database: Database) -> None:
    for name, area in (("nav", "toyosu"), ("prep", "takeshiba")):
        await client.put(f"/projects/{name}", json=PROJECT | {"areas": [area]}, headers=ADMIN)
    day = date(2026, 4, 1)
    await KpiFeed(database).append([FeedItem("daily", name, "uses", day, {"value": "1"}) for name in ("nav", "prep")])
    everything = await client.get("/kpi/feed", headers=key("office"))
    assert [item["project"] for item in everything.json()] == ["nav", "prep"]
    first = await client.get("/kpi/feed?limit=1", headers=key("office"))
    cursor = first.headers["kakehashi-next-cursor"]
    rest = await client.get("/kpi/feed", params={"cursor": cursor}, headers=key("office"))
    assert [item["seq"] for item in rest.json()] == [2]
    assert [i["project"] for i in (await client.get("/kpi/feed", headers=key("takeshiba"))).json()] == ["prep"]
    table = await client.get("/kpi/feed?format=csv", headers=key("office"))
    assert table.content.startswith(b"\xef\xbb\xbfseq,at,kind,project")
    assert table.content.count(b"\r\n") == 3
    for wrong in ("-1", "x", "9" * 19):
        answer = await client.get("/kpi/feed", params={"cursor": wrong}, headers=ADMIN)
        assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


async def test_hooks_are_the_secretariats(client: httpx2.AsyncClient) -> None:
    hook = {"id": "office", "url": "https://example.jp/kpi"}
    assert (await client.post("/kpi/hooks", json=hook, headers=key("toyosu"))).status_code == 403
    made = await client.post("/kpi/hooks", json=hook, headers=key("office"))
    assert (made.status_code, made.json()["secret"][:6]) == (201, "whsec_")
    listed = (await client.get("/kpi/hooks", headers=key("office"))).json()
    assert [sorted(one) for one in listed] == [["created_at", "id", "position", "url"]]
    assert (await client.post("/kpi/hooks", json=hook, headers=key("office"))).status_code == 409
    assert (await client.get("/kpi/hooks/office/dead", headers=key("office"))).json() == []
    assert (await client.post("/kpi/hooks/office/retry", headers=key("office"))).json() == {"revived": 0}
    assert (await client.delete("/kpi/hooks/office", headers=key("office"))).status_code == 204
    assert (await client.delete("/kpi/hooks/office", headers=key("office"))).status_code == 404
    for wrong, field in (({"id": "a", "url": "ftp://x"}, "url"), ({"id": "A B", "url": "https://x.jp"}, "id")):
        answer = await client.post("/kpi/hooks", json=wrong, headers=key("office"))
        assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_public_statistics_need_no_key(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/kpi/public?month=2026-01")
    assert (answer.status_code, answer.json()["suppressed_below"]) == (200, 10)
    assert (await client.get("/kpi/public?format=csv")).headers["content-type"].startswith("text/csv")
    wrong = await client.get("/kpi/public?month=2999-01")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "month")


async def test_evidence_over_http(client: httpx2.AsyncClient) -> None:
    await client.put("/projects/nav", json=PROJECT, headers=ADMIN)
    proposal = {"library": "api-uses", "targets": [{"year": 100}]}
    await client.post("/projects/nav/kpis", json=proposal, headers=key("toyosu"))
    await client.post("/projects/nav/kpis/api-uses/versions/1/agree", headers=key("office"))
    path = "/projects/nav/evidence?year=2026&as_of=2026-06-30"
    for who, status in (("office", 200), ("audit", 200), ("toyosu", 200), ("takeshiba", 404), ("nav", 403)):
        answer = await client.get(path, headers=key(who))
        assert answer.status_code == status, who
        if status == 200:
            assert answer.headers["content-type"] == "application/zip"
            verdict = verify(memoryview(answer.content))
            assert verdict.faults == []
            # what is others' is for the secretariat and auditors
            assert (verdict.facts["kpi"]["masked"] > 0) == (who == "toyosu")
    assert (await client.get(f"{path}&masked=false", headers=key("toyosu"))).status_code == 403
    assert (await client.get(f"{path}&filing=3", headers=key("office"))).status_code == 404
    assert (await client.get(f"{path}&kind=closing", headers=key("office"))).status_code == 400


async def test_an_area_is_carried_to_another(client: httpx2.AsyncClient) -> None:
    platform = {"id": "toyosu-os", "area": "toyosu", "adapter": "ngsi_ld", "endpoint": "https://os.example.invalid"}
    assert (await client.post("/platforms?force=true", json=platform, headers=ADMIN)).status_code == 201
    exported = {who: await client.get("/areas/toyosu/export", headers=key(who)) for who in KEYS}
    assert {who: answer.status_code for who, answer in exported.items()} == {
        "office": 200, "audit": 200, "toyosu": 200, "takeshiba": 403, "nav": 403,
    }  # fmt: skip
    file = exported["toyosu"].json()
    assert (file["area"], file["platforms"][0]["endpoint"]) == ("toyosu", "")
    apply = "/areas/takeshiba/apply"
    for who, status in (("office", 403), ("toyosu", 403), ("takeshiba", 400)):
        assert (await client.post(apply, json=file, headers=key(who))).status_code == status, who
    for endpoint, status in (("file:///etc/passwd", 403), ("https://cityos.example.invalid", 201)):
        file["platforms"][0]["endpoint"] = endpoint
        answer = await client.post(apply, json=file, headers=key("takeshiba"))
        assert answer.status_code == status
    assert answer.json()["platforms"] == ["takeshiba-os"]
    # the KPIs go into a project of its own only
    await client.put("/projects/nav", json=PROJECT, headers=ADMIN)
    file["platforms"] = []
    assert (await client.post(f"{apply}?project=nav", json=file, headers=key("takeshiba"))).status_code == 403
    await client.put("/projects/next", json=PROJECT | {"areas": ["takeshiba"]}, headers=ADMIN)
    file["kpis"] = [{"id": "days", "name_ja": "日数", "unit_ja": "日", "of": {"measure": "days"}}]
    applied = await client.post(f"{apply}?project=next", json=file, headers=key("takeshiba"))
    assert (applied.status_code, applied.json()["kpis"]) == (201, ["days"])
    (version,) = (await client.get("/projects/next/kpis", headers=key("office"))).json()
    assert (version["proposed"]["side"], version["proposed"]["reason"]) == ("project", "rolled out from toyosu")
