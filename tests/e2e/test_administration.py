"""What the administration's answers share with the others: an id, a count, and one document for everything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import httpx2
import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, PROBLEM, Gateway

from broker.web.counted import Counted
from broker.web.metrics import Metrics

PATHS = ("/platforms", "/platforms/none", "/flows", "/kpi", "/docs", "/openapi.json", "/nothing/here", "/line%0Abreak")
Message = MutableMapping[str, Any]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_an_id_of_its_own(gateway: Gateway, path: str) -> None:
    first, second = (gateway.client.get(path).headers.get_list("x-request-id") for _ in range(2))
    assert len(first) == len(second) == 1
    assert UUID(first[0]) != UUID(second[0])


def test_problems_have_one_too(gateway: Gateway) -> None:
    answers = [
        gateway.client.get(f"{ENTITIES}/urn:x%0Ay/attrs/name"),
        gateway.client.get("/platforms", params={"limit": "0"}),
        gateway.client.get("/flows", params={"nonsense": "1"}),
        gateway.client.post("/platforms", content=b"{", headers={"content-type": "application/json"}),
        gateway.client.post("/platforms", content=b" " * (gateway.settings.max_body_bytes + 1)),
    ]
    assert [a.status_code for a in answers] == [404, 400, 400, 400, 413]
    assert [a.headers["content-type"] for a in answers] == [NGSI_LD_PROBLEM, *[PROBLEM] * 4]
    for answer in answers:
        assert UUID(answer.headers["x-request-id"])


def test_a_line_break_at_the_end_is_part_of_the_path(gateway: Gateway) -> None:
    entity = {"id": "urn:ngsi-ld:Shelter:broken", "type": "Shelter"}
    assert gateway.client.post(ENTITIES, json=entity).status_code == 201
    path = f"{ENTITIES}/{entity['id']}"
    for answer in (gateway.client.get(f"{path}%0A"), gateway.client.delete(f"{path}%0A")):
        assert (answer.status_code, answer.headers["content-type"]) == (404, NGSI_LD_PROBLEM)
    assert gateway.client.delete(path).status_code == 204


def test_a_method_that_is_not_there_is_told_those_that_are(gateway: Gateway) -> None:
    for path, methods in (("/platforms", "GET, POST"), ("/platforms/x", "DELETE, GET, PATCH"), ("/kpi", "GET")):
        answer = gateway.client.put(path)
        assert (answer.status_code, answer.headers.get_list("allow")) == (405, [methods])


def test_they_are_counted(gateway: Gateway) -> None:
    before = counted(gateway)
    gateway.client.get("/kpi")
    gateway.client.get("/kpi", params={"year": "never"})
    gateway.client.get("/platforms/none/health")
    gateway.client.get("/made-up")
    gateway.client.get("/made-up-too")
    after = counted(gateway)
    grown = {key: number - before.get(key, 0) for key, number in after.items() if number != before.get(key, 0)}
    assert {k: v for k, v in grown.items() if k[0] != "metrics"} == {
        ("kpi", "200"): 1,
        ("kpi", "400"): 1,
        ("platforms", "404"): 1,
        ("other", "404"): 2,
    }


def test_the_document_has_all_and_the_page_needs_nothing_from_elsewhere(gateway: Gateway) -> None:
    paths = gateway.client.get("/openapi.json").json()["paths"]
    assert {"/platforms", "/flows", "/kpi", ENTITIES, "/ngsi-ld/v1/temporal/entities", "/metrics"} <= set(paths)
    page = gateway.client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert all(path in page.text for path in paths)
    for outside in ("<script", "<link", "src=", "@import", "url("):
        assert outside not in page.text


async def test_what_fails_after_its_answer_is_kept_from_the_server() -> None:
    async def answers_then_fails(_scope: Message, _receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise RuntimeError("afterwards")

    async def fails(_scope: Message, _receive: object, _send: object) -> None:
        raise RuntimeError("at once")

    metrics = Metrics()
    for app, raised in ((answers_then_fails, False), (fails, True)):
        transport = httpx2.ASGITransport(Counted(app, metrics, frozenset({"kpi"})))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
            if raised:
                with pytest.raises(RuntimeError, match="at once"):
                    await client.get("/kpi")
            else:
                assert (await client.get("/kpi")).status_code == 500
    assert b'kakehashi_requests_total{route="kpi",status="500"} 2.0' in metrics.render()


def counted(gateway: Gateway) -> dict[tuple[str, str], float]:
    """Answers by route and status."""
    pattern = r'kakehashi_requests_total\{route="([^"]+)",status="(\d+)"\} ([0-9.]+)'
    return {(r, s): float(n) for r, s, n in re.findall(pattern, gateway.client.get("/metrics").text)}
