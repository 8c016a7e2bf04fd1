"""Projects over HTTP, from proposal to report, and who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.app import create_app
from broker.identity.callers import Caller, Callers
from broker.settings import Settings
from schemas.flow import Consumer
from schemas.roles import Role

ADMIN = {"authorization": "Bearer administration-key-for-this-test"}
PROJECT = {"name_ja": "避難所ナビ", "kind": "linked", "first_year": 2026, "areas": ["toyosu"]}
WHO = {
    "office": Caller(Consumer("office"), roles=frozenset({Role.SECRETARIAT})),
    "audit": Caller(Consumer("audit"), roles=frozenset({Role.AUDITOR})),
    "toyosu": Caller(Consumer("am-toyosu", area="toyosu"), roles=frozenset({Role.OPERATOR})),
    "takeshiba": Caller(Consumer("am-takeshiba", area="takeshiba"), roles=frozenset({Role.OPERATOR})),
    "nav": Caller(Consumer("nav", project="nav")),
}


@pytest.fixture
async def client(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx2.AsyncClient]:
    identify = Callers.identify

    def known(self: Callers, headers: dict[bytes, bytes]) -> Caller:
        """Keys with roles: `X-Api-Key: office` and the like."""
        found = WHO.get(headers.get(b"x-api-key", b"").decode())
        return identify(self, headers) if found is None else replace(found)

    monkeypatch.setattr(Callers, "identify", known)
    app = create_app(
        Settings(home=tmp_path, database_url=database_url, admin_key=ADMIN["authorization"][7:], log_level="error")
    )
    async with (
        app.lifespan_context(app),  # type: ignore[attr-defined]
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://gateway") as opened,
    ):
        yield opened


def key(who: str) -> dict[str, str]:
    return {"x-api-key": who}


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
