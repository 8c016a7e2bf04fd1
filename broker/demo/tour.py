"""The tour: every question asked as an area's service, every answer held to what is known, the flows looked up."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2

from broker.demo import gateway_api
from broker.demo.areas import ADAPTERS, AREAS, SHELTER
from broker.demo.questions import NEAR, QUESTIONS, Known, Question, size
from broker.demo.report import AreaResult, Report, Share, Step

_SAMPLE = 3
_METERED_SECONDS = 10.0
_SHARE = re.compile(r"([^;,\s]+);dur=([0-9.]+);desc=([a-z-]+)")

Kpi = Callable[[], Awaitable[dict[str, Any]]]


async def tour(
    administration: httpx2.AsyncClient,
    services: Mapping[str, httpx2.AsyncClient],
    known: Known,
    areas: Mapping[str, str],
    kpi: Kpi,
) -> Report:
    """Ask all questions. `services`: a client with the key of each area's service; `areas`: platform → area.

    DemoFailed, or an error of httpx2, where the gateway can't be spoken to at all.
    """
    began = datetime.now(UTC).isoformat()
    steps: list[Step] = []
    bodies: list[Any] = []
    for question in QUESTIONS:
        step, body = await _ask(services[question.by], question, known)
        steps.append(step)
        bodies.append(body)
    plan = await gateway_api.explain(services["takeshiba"], NEAR)
    flows = await _metered(administration, began, {i for step in steps for i in step.flows})
    problems = [f"{s.question.text.removeprefix('step.')} ({s.question.by}): {p}" for s in steps for p in s.problems]
    results = _areas(steps[0], flows, areas)
    problems += _held(results, known, steps, flows)
    shelters = bodies[0] if isinstance(bodies[0], list) else []
    return Report(
        areas=results,
        entities=len({e["id"] for e in shelters}),
        flows=flows,
        kpi=await kpi(),
        steps=steps,
        sample=_sample(shelters),
        plan=plan,
        problems=problems,
    )


async def _ask(service: httpx2.AsyncClient, question: Question, known: Known) -> tuple[Step, Any]:
    began = time.perf_counter()
    answer = await service.get(question.path, params=dict(question.params), headers={"accept": question.accept})
    ms = (time.perf_counter() - began) * 1000
    headers = answer.headers
    flows = [i.strip() for i in headers.get("kakehashi-flow", "").split(",") if i.strip()]
    step = Step(question, answer.status_code, 0, ms, shares_of(headers.get("server-timing", "")), flows)
    if answer.status_code != 200:
        step.problems.append(f"HTTP {answer.status_code} {answer.text[:300]}")
        return step, None
    body = answer.json()
    step.n = size(body)
    step.problems += headers.get_list("ngsild-warning")
    wrong = question.check(body, known)
    if wrong:
        step.problems.append(wrong)
    count = headers.get("ngsild-results-count")
    if "count" in question.params and count != str(known.total):
        step.problems.append(f"count says {count}, not {known.total}")
    return step, body


def shares_of(server_timing: str) -> list[Share]:
    """What each platform did, from the header `Server-Timing`."""
    return [Share(name, status, float(ms)) for name, ms, status in _SHARE.findall(server_timing)]


async def _metered(gateway: httpx2.AsyncClient, since: str, expected: set[str]) -> list[dict[str, Any]]:
    """The flows of the demo's services since then; waits for those that a running transaction still hides."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _METERED_SECONDS
    while True:
        rows = await gateway_api.flows(gateway, since)
        found = [f for f in rows if f["consumer"]["service"].startswith("demo-")]
        if expected <= {f["id"] for f in found} or loop.time() > deadline:
            return found
        await asyncio.sleep(0.1)


def _areas(step: Step, flows: list[dict[str, Any]], areas: Mapping[str, str]) -> list[AreaResult]:
    """What each area did for one question: how long from its Server-Timing, how many entities from its flow."""
    entities = {f["platform"]: f["entities"] for f in flows if f["id"] in step.flows}
    shares = {areas.get(s.platform, ""): s for s in step.shares}
    results = []
    for area in AREAS:
        share = shares.get(area)
        n = sum(n for platform, n in entities.items() if areas.get(platform) == area)
        status, ms = (share.status, share.ms) if share else ("skipped", 0.0)
        results.append(AreaResult(area, ADAPTERS[area], status, n, ms))
    return results


def _held(results: list[AreaResult], known: Known, steps: list[Step], flows: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be with the areas and with the flows."""
    problems = [f"{a.id}: {a.status}" for a in results if a.status != "ok"]
    problems += [
        f"{a.id}: {a.entities} {SHELTER}, not {known.shelters[a.id]}"
        for a in results
        if a.entities != known.shelters[a.id]
    ]
    told = sorted(i for step in steps for i in step.flows)
    recorded = sorted(f["id"] for f in flows)
    if told != recorded:
        problems.append(f"{len(told)} flows were told of, {len(recorded)} are recorded")
    return problems


def _sample(shelters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few of each municipality."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for entity in shelters:
        groups.setdefault(str(entity.get("municipality", {}).get("value", "")), []).append(entity)
    return [e for group in groups.values() for e in group[:_SAMPLE]][: 3 * _SAMPLE]
